"""Photos larger than a network is meant for: shrunk for it, its answer enlarged again."""

from __future__ import annotations

from math import sqrt

import cv2
import numpy as np

from utils.errors import InputError
from utils.images import resize_antialiased

AREAS = {"HD": 1080 * 1920, "4K": 2160 * 3840}  # pixels; the paper's two limits


def parse_area(text: str) -> int | None:
    """What a --max_area means: pixels, or None for no limit.

    Raises:
        InputError: it is neither HD, 4K, none nor a number.
    """
    if text == "none":
        return None
    if text in AREAS:
        return AREAS[text]
    if not text.isdecimal() or int(text) == 0:
        raise InputError(f"--max_area {text}: give HD, 4K, none or a number of pixels")
    return int(text)


def fit_area(size: tuple[int, int], max_area: int | None) -> tuple[int, int]:
    """(height, width) shrunk, aspect kept, to at most `max_area` pixels; None is no limit."""
    height, width = size
    if max_area is None or height * width <= max_area:
        return size
    scale = sqrt(max_area / (height * width))
    return max(1, int(height * scale)), max(1, int(width * scale))


def shrink_photo(photo: np.ndarray, max_area: int | None) -> np.ndarray:
    """(H, W, 3) uint8 with at most `max_area` pixels: the photo itself, or a smaller one."""
    size = fit_area((photo.shape[0], photo.shape[1]), max_area)
    if photo.shape[:2] == size:
        return photo
    return np.rint(resize_antialiased(photo, size)).clip(0, 255).astype(np.uint8)


def enlarge_alpha(alpha: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) float32 in [0, 1] -> the same at `size` (height, width)."""
    return alpha if alpha.shape == size else resize_antialiased(alpha, size).clip(0, 1)


def enlarge_trimap(trimap: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w) uint8 0/128/255 -> the same at `size` (height, width), by nearest neighbour."""
    if trimap.shape == size:
        return trimap
    return cv2.resize(trimap, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
