"""Mistakes of the user's, and how a script tells of them: one sentence, no traceback."""

import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache


class InputError(ValueError):
    """Something the user gave can't work: the message names it and the remedy, in one sentence."""


class MissingError(InputError, FileNotFoundError):
    """A file or folder that has to be there is not."""

    def __str__(self) -> str:  # OSError would print a tuple
        return str(self.args[0])


def listing(items: Sequence[str], separator: str = "; ", shown: int = 10) -> str:
    """The first few of `items` in a line, and how many more there are."""
    more = len(items) - shown
    return separator.join(items[:shown]) + (f" (and {more} more)" if more > 0 else "")


def tell(error: Exception) -> None:
    """Print a mistake as every script does."""
    print(f"error: {error}", file=sys.stderr, flush=True)


@cache
def say_once(sentence: str) -> None:
    """Print to stderr what the user should know and nothing fails of."""
    print(sentence, file=sys.stderr, flush=True)


@contextmanager
def memory_told(what: str, remedy: str) -> Iterator[None]:
    """Where memory runs out inside the block: InputError, "`what` doesn't fit; `remedy`"."""
    try:
        yield
    except Exception as error:  # NumPy, PyTorch and OpenCV have errors of their own
        text = f"{type(error).__name__}: {error}"
        words = ("MemoryError", "DefaultCPUAllocator", "out of memory", "Insufficient memory")
        if not any(word in text for word in words):
            raise
        on_gpu = text.startswith("OutOfMemoryError") or "CUDA" in text
        whose = "the GPU's memory" if on_gpu else "memory"
        raise InputError(f"{what} does not fit into {whose}; {remedy}") from error


def run_script(main: Callable[[], int | None]) -> None:
    """Run a script's `main` and leave with its exit status.

    User mistakes (InputError) and refusals of the operating system (OSError: disk full, no
    permission) are printed as one sentence with status 2; anything else is a fault of ours and
    keeps its traceback. Ctrl-C leaves with 130, SIGTERM with 143, and neither a file half-written.
    """
    if "LOCAL_RANK" not in os.environ:  # torchrun stops its processes by SIGTERM, and at once
        signal.signal(signal.SIGTERM, _interrupt)
    warnings.filterwarnings("ignore", module="PIL")  # broken EXIF: what can't be read is left out
    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be UTF-8
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = main()
    except (InputError, OSError) as error:
        tell(error)
        status = 2
    except (KeyboardInterrupt, SystemError) as error:
        stop: BaseException | None = error
        while isinstance(stop, SystemError):  # what compiled code makes of an interruption
            stop = stop.__cause__
        if not isinstance(stop, KeyboardInterrupt):
            raise
        by, status = ("SIGTERM", 143) if stop.args else ("Ctrl-C", 130)
        print(f"stopped by {by}", file=sys.stderr)
    sys.exit(status or 0)


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt(number)
