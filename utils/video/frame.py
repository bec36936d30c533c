"""One picture of a video, how a video is shown, and what reads and writes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath
from utils.video.containers import is_cut_matroska

REMEDY = "pip install -r requirements-video.txt"  # what sentences end with that OpenCV causes
Tell = Callable[[str], object]  # takes one sentence for the user: what was left out or changed


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        image: (H, W, 3) uint8 RGB, upright.
        time: seconds since the video's beginning.
    """

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


class Reader(Protocol):
    """Frames of one size, in order, once.

    Attributes:
        name: for messages.
        size: (height, width), upright.
        rate: frames a second, on average.
        count: of the frames, as far as the file tells; 0 if it doesn't.
        look: how the frames are to be shown.
    """

    name: str
    size: tuple[int, int]
    rate: Fraction
    count: int
    look: Look

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; InputError where the video changes its size."""


class Writer(Protocol):
    """Takes frames in order."""

    def write(self, image: np.ndarray, time: Fraction) -> None:
        """Append (H, W), (H, W, 3) or (H, W, 4) uint8, as the writer was opened for."""


def check_size(name: str, number: int, image: np.ndarray, size: tuple[int, int]) -> None:
    """Raise InputError if frame `number` of a video has another size than those before."""
    if image.shape[:2] != size:
        found, expected = (f"{h}x{w}" for h, w in (image.shape[:2], size))
        raise InputError(
            f"{name} changes its size from {expected} to {found} at frame {number}; "
            "cut it there and matte the parts"
        )


def grow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Repeat the last row and column until a picture has this size."""
    H, W = image.shape[:2]
    return cv2.copyMakeBorder(image, 0, height - H, 0, width - W, cv2.BORDER_REPLICATE)


def tell_of_early_end(
    name: str, reached: Fraction, promised: Fraction, rate: Fraction, tell: Tell
) -> None:
    """Say so where a video ends, in seconds, well before its header says."""
    slack = (
        Fraction(0) if is_cut_matroska(name) else max(2 / rate, Fraction(1, 20)) + promised / 100
    )
    if promised - reached > slack:
        tell(
            f"{name} ends after {float(reached):.2f} of the {float(promised):.2f} seconds that its "
            "header names; is it a whole copy?"
        )


def plain_name(path: AnyPath) -> str:
    """A name that is nothing but a file's: "12:30.mp4" alone would be a protocol called 12."""
    return os.path.abspath(path)


def turns_aside(matrix: np.ndarray) -> bool:
    """Whether a display matrix makes rows of columns; see `upright`."""
    (a, b), (c, d) = abs(matrix.astype(np.float64))
    return bool(b + c > a + d)


def upright(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror a picture as its file asks players to: a rotation alone is half of that.

    Args:
        image: (H, W, C).
        matrix: (2, 2), rows (a, b) and (c, d) of any scale, the upper left of the display matrix
            of ISO/IEC 14496-12: pixel (x, y) is shown at (a x + c y, b x + d y).
    """
    (across, b), (c, down) = matrix
    if turns_aside(matrix):
        image, across, down = image.swapaxes(0, 1), c, b
    image = image[:, ::-1] if across < 0 else image
    return np.ascontiguousarray(image[::-1] if down < 0 else image)
