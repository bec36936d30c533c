"""Command lines whose mistakes are told in one sentence."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any, NoReturn

from utils.errors import InputError


class OneSentenceParser(argparse.ArgumentParser):
    """Tells of a wrong value in one sentence, without the usage text before it."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; see --help")


def number(kind: type, minimum: float, *, excluded: bool = False) -> Callable[[str], Any]:
    """A type for argparse: a finite int or float from `minimum` up (`excluded`: above it)."""

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and (value > minimum or (value == minimum and not excluded))):
            noun = "a whole number" if kind is int else "a number"
            bound = f"above {minimum:g}" if excluded else f"from {minimum:g} up"
            raise argparse.ArgumentTypeError(f"{text} is not {noun} {bound}")
        return value

    return convert
