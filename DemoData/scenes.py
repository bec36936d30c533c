"""Scenes without people."""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.noise import fractal_noise


def draw_scene(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random scene; (size, size, 3) uint8 RGB."""
    shape = (size, size)
    field = fractal_noise(rng, shape, cells=rng.uniform(1, 8), gain=rng.uniform(0.4, 0.8))
    colours = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    share = np.clip(field + 0.5, 0, 1)[..., None]
    scene = colours[0] * (1 - share) + colours[1] * share
    scene = cv2.GaussianBlur(scene, (0, 0), size / 768 * rng.uniform(0.3, 12))
    return np.clip(scene + 0.5, 0, 255).astype(np.uint8)
