"""Random fields with the statistics of photos: the raw material of every surface and scene."""

from __future__ import annotations

import cv2
import numpy as np


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: float) -> np.ndarray:
    """Cubic noise with about `cells` bumps along the longer side; (H, W) float32, deviation 1/2."""
    H, W = shape
    step = max(H, W) / max(cells, 1.0)
    h, w = max(2, round(H / step) + 3), max(2, round(W / step) + 3)
    grid = rng.standard_normal((h, w), dtype=np.float32) * 0.6
    return cv2.resize(grid, (W, H), interpolation=cv2.INTER_CUBIC)


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    cells: float = 2.0,
    octaves: int = 6,
    gain: float = 0.5,
) -> np.ndarray:
    """Octaves of noise, each of `gain` times the last's amplitude (0.5: a photo's 1/f amplitude).

    Returns (H, W) float32, mean about 0, deviation about 1/2. The coarse octaves are drawn small.
    """
    H, W = shape
    field: np.ndarray = np.zeros((2, 2), np.float32)
    for octave in range(octaves):
        if octave and cells * 2**octave > 0.75 * max(H, W):
            break  # finer than the pixels
        # Each octave is added at just the size it needs; only the last enlargement is full size.
        scale = min(1.0, cells * 2**octave * 2.5 / max(H, W))
        h, w = max(2, round(H * scale)), max(2, round(W * scale))
        field = cv2.resize(field, (w, h), interpolation=cv2.INTER_LINEAR)
        field = field + smooth_noise(rng, (h, w), cells * 2**octave) * np.float32(gain**octave)
    if field.shape != (H, W):
        field = cv2.resize(field, (W, H), interpolation=cv2.INTER_LINEAR)
    return field * np.float32(np.sqrt(1 - gain**2) if gain < 1 else octaves**-0.5)
