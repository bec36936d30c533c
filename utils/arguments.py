"""Command lines whose mistakes are told in one sentence."""

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from utils.errors import InputError


class OneSentenceParser(argparse.ArgumentParser):
    """Tells of a wrong value in one sentence; a docstring as description keeps its lines."""

    def __init__(self, description: str | None = None, **options: Any) -> None:
        lines = argparse.RawDescriptionHelpFormatter
        super().__init__(description=description, formatter_class=lines, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if "" in (sys.argv[1:] if args is None else args):
            self.error("a value is empty, perhaps a shell variable that is not set; give it")
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help")


def join_dashes(words: Sequence[str], *options: str) -> list[str]:
    """Words of a command line, where "--input -clip.mp4" has become "--input=-clip.mp4": argparse
    would take such a name for an option. Names that begin with two dashes stay as they are."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in options and word[:1] == "-" and word[1:2] not in ("", "-"):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def number(
    kind: type, minimum: float, *, excluded: bool = False, most: float = 1e9
) -> Callable[[str], Any]:
    """A type for argparse: an int or float, `minimum` (`excluded`: more) to `most`.

    Its default is less than what overflows the 32 bits that PyTorch and OpenCV calculate with.
    """

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        enough = value > minimum or (value == minimum and not excluded)
        if not (enough and value <= most):
            noun = "a whole number" if kind is int else "a number"
            bound = f"{'above' if excluded else 'from'} {minimum:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"{text} is not {noun} {bound}")
        return value

    return convert
