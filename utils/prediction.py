"""A photo as a network takes it, and what a network says of it, at the photo's own size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from utils.errors import InputError
from utils.images import pad_to_multiple, resize_antialiased, to_integers
from utils.images.area import enlarge_alpha, enlarge_trimap, shrink_photo
from utils.trimap import Trimap

CELL = 8  # pixels; side of what one value of the coarse maps covers
VALUES = np.array([Trimap.BACKGROUND, Trimap.UNKNOWN, Trimap.FOREGROUND], np.uint8)  # by class


@dataclass(frozen=True)
class Fit:
    """How a photo was made fit for a network.

    Attributes:
        size: (height, width) of the photo.
        shrunk: (height, width) to which it was shrunk first.
        padded: whether that was padded, else it was resized once more.
    """

    size: tuple[int, int]
    shrunk: tuple[int, int]
    padded: bool

    def undo(
        self, values: np.ndarray, enlarge: Callable[[np.ndarray, tuple[int, int]], np.ndarray]
    ) -> np.ndarray:
        """(H', W') of the fitted photo -> (H, W); a view if nothing was resized."""
        height, width = self.shrunk
        values = values[:height, :width] if self.padded else enlarge(values, self.shrunk)
        return enlarge(values, self.size)

    def prediction(
        self,
        alpha: np.ndarray,
        classes: np.ndarray,
        small_alpha: np.ndarray | None = None,
        bits: int | None = None,
    ) -> Prediction:
        """What a network says, from its answers for the fitted photo; bits as Prediction.alpha."""
        alpha = self.undo(alpha, enlarge_alpha)
        return Prediction(to_integers(alpha, bits) if bits else alpha, classes, self, small_alpha)


@dataclass(frozen=True)
class Prediction:
    """What a network says of one photo of H x W pixels; coarse maps are enlarged when asked for.

    Attributes:
        alpha: (H, W) float32 in [0, 1]; uint8 or uint16 where 8 or 16 bits were asked for.
        classes: (H'/8, W'/8) of the fitted photo, 0 background, 1 unknown, 2 foreground.
        fit: from there to the photo.
        small_alpha: (H'/8, W'/8) float32 in [0, 1], the coarse network's; None if it is not known.
    """

    alpha: np.ndarray
    classes: np.ndarray
    fit: Fit
    small_alpha: np.ndarray | None = None

    @property
    def network_size(self) -> tuple[int, int]:
        """(H', W') of the fitted photo, as the network saw it."""
        height, width = self.classes.shape
        return height * CELL, width * CELL

    @property
    def trimap(self) -> np.ndarray:
        """(H, W) uint8 0/128/255, the coarse network's, enlarged by nearest neighbour."""
        large = enlarge_trimap(VALUES[self.classes], self.network_size)
        return self.fit.undo(large, enlarge_trimap)

    @property
    def coarse_alpha(self) -> np.ndarray:
        """(H, W) float32 in [0, 1], the coarse network's, enlarged bilinearly."""
        assert self.small_alpha is not None
        large = cv2.resize(self.small_alpha, self.network_size[::-1])
        return self.fit.undo(large, enlarge_alpha)


def fit_photo(
    photo: np.ndarray,
    stride: int,
    *,
    fit: str = "pad",
    size: tuple[int, int] | None = None,
    max_area: int | None = None,
) -> tuple[np.ndarray, Fit]:
    """Bring a photo to sides that are multiples of a network's stride.

    Args:
        photo: (H, W, 3) uint8 RGB, any size from 1x1 up.
        stride: pixels.
        fit: "pad" repeats the right and bottom edge; "resize" resizes, as the paper's protocol.
        size: (height, width) that "resize" resizes to; None: the next lower multiples.
        max_area: pixels; a larger photo is shrunk to it first. None: it is not.

    Returns:
        (H', W', 3), uint8 or, resized, float32 in [0, 255]; and how to undo it.

    Raises:
        InputError: the photo is no such array, or fit is neither.
    """
    array = isinstance(photo, np.ndarray)
    if not array or photo.shape[2:] != (3,) or photo.dtype != np.uint8 or not photo.size:
        what = f"{photo.shape} {photo.dtype}" if array else f"a {type(photo).__name__}"
        raise InputError(
            f"a photo must be (H, W, 3) uint8 RGB, not {what}; utils.images.read_photo reads one"
        )
    if fit not in ("pad", "resize"):
        raise InputError(f"fit must be one of pad, resize, not {fit!r}")
    small = shrink_photo(photo, max_area)
    H, W = small.shape[:2]
    done = Fit((photo.shape[0], photo.shape[1]), (H, W), fit == "pad")
    if done.padded:
        return pad_to_multiple(small, stride), done
    size = size or (max(H // stride, 1) * stride, max(W // stride, 1) * stride)
    return resize_antialiased(small, size), done
