"""One picture of a video, how a video is shown, and which files are videos."""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from utils.files import AnyPath

ENDINGS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})  # of videos that are read
Tell = Callable[[str], object]  # takes one sentence for the user: what was left out or changed


@dataclass(frozen=True)
class Frame:
    """One picture of a video: (H, W, 3) uint8 RGB, upright; seconds since the beginning."""

    image: np.ndarray
    time: Fraction


@dataclass(frozen=True)
class Look:
    """What a player has to know to show the numbers of a picture.

    Attributes:
        pixel_aspect: width of an upright pixel over its height.
        primaries, transfer: colours and tone curve, numbered as in ITU-T H.273; 1 is BT.709.
    """

    pixel_aspect: Fraction = Fraction(1)
    primaries: int = 1
    transfer: int = 1


PLAIN = Look()


def have_pyav() -> bool:
    """Whether PyAV is installed, without which no video is read or written."""
    return importlib.util.find_spec("av") is not None


def plain_name(path: AnyPath) -> str:
    """A name that is nothing but a file's: "12:30.mp4" alone would be a protocol called 12."""
    return os.path.abspath(path)
