"""Padding and resizing; photos larger than a network is meant for, and its answers enlarged."""

from math import sqrt

import cv2
import numpy as np

from utils.errors import InputError

AREAS = {"HD": 1080 * 1920, "4K": 2160 * 3840}  # pixels; the paper's two limits


def parse_area(text: str) -> int | None:
    """What a --max_area means: pixels, or None for no limit; InputError if it means nothing."""
    if text in AREAS or text == "none":
        return AREAS.get(text)
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


def pad_to_multiple(image: np.ndarray, multiple: int) -> np.ndarray:
    """Repeat the last row and column of (H, W[, C]) until both sides are multiples."""
    H, W = image.shape[:2]
    if not (H % multiple or W % multiple):
        return image
    return cv2.copyMakeBorder(image, 0, -H % multiple, 0, -W % multiple, cv2.BORDER_REPLICATE)


def resize_antialiased(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W[, C]) to `size` (height, width); float32 (float64 stays), same value range.

    The numbers of scikit-image's resize(order=1, anti_aliasing=True, mode="reflect"), which the
    paper's evaluation uses: a Gaussian of sigma (shrinkage − 1) / 2 for each shrinking axis, then
    linear interpolation between pixel centres; both mirror the image about its outermost pixels.
    """
    image = np.asarray(image)
    if image.dtype != np.float64:
        image = image.astype(np.float32)
    shape = image.shape
    sigmas = [max(0.0, (old / new - 1) / 2) for old, new in zip(shape, size, strict=False)]
    rows, columns = (cv2.getGaussianKernel(2 * int(4 * s + 0.5) + 1, s) for s in sigmas)
    image = cv2.sepFilter2D(image, -1, columns, rows, borderType=cv2.BORDER_REFLECT_101)
    image = image.reshape(shape)  # OpenCV drops a single channel
    for axis, new in enumerate(size):
        image = _interpolate(image, new, axis)
    return image


def _interpolate(image: np.ndarray, new: int, axis: int) -> np.ndarray:
    old = image.shape[axis]
    if old == new:
        return image
    position = (np.arange(new) + 0.5) * (old / new) - 0.5
    lower = np.floor(position).astype(np.int64)
    weight = (position - lower).astype(image.dtype)
    weight = weight.reshape([-1 if a == axis else 1 for a in range(image.ndim)])
    # Mirrored about the outermost pixels
    mirrored = (old - 1 - np.abs(old - 1 - np.abs(i)) for i in (lower, lower + 1))
    first, second = (np.take(image, i.clip(0, old - 1), axis) for i in mirrored)
    return first + (second - first) * weight
