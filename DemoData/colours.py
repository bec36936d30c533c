"""Colours that go together, and surfaces that are not quite even."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from DemoData.noise import fractal_noise


def palette(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) float RGB in 0..255 that go together: one hue and its neighbours, some grey."""
    hue, spread, vivid = rng.random(), rng.choice([0.04, 0.12, 0.5]), 0.05 + 0.7 * rng.random() ** 2
    colours = [
        colorsys.hsv_to_rgb(
            (hue + rng.normal(0, spread)) % 1,
            vivid * rng.uniform(0.2, 1.2),
            rng.uniform(0.04, 1.0) ** 0.7,
        )
        for _ in range(count)
    ]
    return np.clip(np.array(colours), 0, 1) * 255


def hues(rng: np.random.Generator, count: int, ranges: tuple) -> np.ndarray:
    """(count, 3) float RGB in 0..255 with hue, saturation and value in `ranges`."""
    hsv = [[rng.uniform(*r) for r in ranges] for _ in range(count)]
    return np.array([colorsys.hsv_to_rgb(h % 1, s, v) for h, s, v in hsv]) * 255


def textured(
    rng: np.random.Generator, shape: tuple[int, int], colour: np.ndarray, strength: float
) -> np.ndarray:
    """(H, W, 3) uint8: a colour (3,), 0..255, made uneven at every scale."""
    cells, gain = np.exp(rng.uniform(0.7, 3.2)), rng.uniform(0.5, 0.9)
    field = fractal_noise(rng, shape, cells=cells, octaves=7, gain=gain)
    level = np.clip(128 + 127 * strength * field, 0, 255).astype(np.uint8)
    ramp = np.arange(256, dtype=np.float32)[:, None] / 128 * colour
    table = np.clip(ramp, 0, 255).astype(np.uint8)
    return cv2.merge([cv2.LUT(level, np.ascontiguousarray(table[:, c])) for c in range(3)])


def plain(colour: np.ndarray) -> tuple[float, float, float]:
    """A colour as OpenCV's drawing functions want it."""
    return float(colour[0]), float(colour[1]), float(colour[2])
