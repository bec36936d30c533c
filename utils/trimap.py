"""Trimaps: which pixels are certainly person, certainly background, or unknown."""

from __future__ import annotations

from enum import IntEnum

import cv2
import numpy as np


class Trimap(IntEnum):
    """The values of a trimap, in memory and on disk."""

    BACKGROUND = 0
    UNKNOWN = 128
    FOREGROUND = 255


def trimap_from_alpha(alpha: np.ndarray, size: int) -> np.ndarray:
    """Call unknown whatever lies within an ellipse of a pixel that is not pure.

    Exactly OpenCV's dilate of {alpha > 0} and erode of {alpha = 255}; 30 pixels for the paper's
    test sets, 7 for training. Beyond the border the alpha counts as going on unchanged.

    Args:
        alpha: (H, W) uint8.
        size: the ellipse's two diameters, in pixels, at least 1.

    Returns:
        (H, W) uint8, values of `Trimap`.

    Raises:
        ValueError: if alpha is not (H, W) uint8.
    """
    if alpha.ndim != 2 or alpha.dtype != np.uint8:
        raise ValueError(f"alpha is {alpha.dtype} {alpha.shape}; expected (H, W) uint8")
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    possible = cv2.dilate((alpha > 0).astype(np.uint8), ellipse)
    certain = cv2.erode((alpha == 255).astype(np.uint8), ellipse)
    trimap = np.full(alpha.shape, Trimap.UNKNOWN, np.uint8)
    trimap[possible == 0] = Trimap.BACKGROUND
    trimap[certain == 1] = Trimap.FOREGROUND
    return trimap
