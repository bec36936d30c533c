"""Scenes without people: a backdrop, its light, and how far it is out of focus."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from DemoData.chance import pick
from DemoData.noise import fractal_noise
from DemoData.objects import add_objects
from DemoData.outdoors import foliage, landscape, leaves, lights, street
from DemoData.rooms import room, screen, shelves, studio, wall

# Kinds and their shares.
BACKDROPS = {
    studio: 2.0, leaves: 1.0, foliage: 2.0, wall: 2.5, shelves: 1.0, landscape: 2.0, street: 1.8,
    lights: 0.8, room: 2.0, screen: 1.0,
}  # fmt: skip
NAMES = tuple(kind.__name__ for kind in BACKDROPS)
USUAL = tuple(name for name in NAMES if name != "screen")


def draw_scene(
    rng: np.random.Generator,
    size: int,
    backdrops: Sequence[str] = USUAL,
    *,
    objects: bool = True,
) -> np.ndarray:
    """A random scene.

    Args:
        rng: everything random comes from it.
        size: side in pixels.
        backdrops: kinds that it may be, out of NAMES.
        objects: whether things may stand about.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    kinds = {kind: share for kind, share in BACKDROPS.items() if kind.__name__ in backdrops}
    backdrop = pick(rng, kinds)
    sharp = rng.random() < 0.3 and backdrop is not lights
    blur = rng.uniform(0.0005, 0.0015) if sharp else rng.uniform(0.002, 0.025)  # share of the side
    # What is blurred has no detail that half the size would lose.
    work = size if blur * size < 2 else -(-size // 2)
    image = backdrop(rng, work)
    if rng.random() < 0.4 and objects:
        image = add_objects(rng, image)
    if not sharp or rng.random() < 0.5:
        image = _grain(rng, image)
    image = _light(rng, image)
    image = _defocus(image, blur * work, bokeh=rng.random() < 0.6 or backdrop is lights)
    if work != size:
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_CUBIC)
    return image


def _grain(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Give every surface some texture."""
    size = len(image)
    field = fractal_noise(rng, (size, size), cells=rng.uniform(10, 50), octaves=5, gain=0.8)
    level = np.clip(128 + 127 * rng.uniform(0.03, 0.25) * field, 0, 255).astype(np.uint8)
    return cv2.multiply(image, cv2.merge([level] * 3), scale=1 / 128)


def _light(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Uneven light: a slope, pools of shade, a vignette."""
    h = 48
    y, x = np.mgrid[:h, :h].astype(np.float32) / h - 0.5
    slope = rng.normal(0, 0.35) * x + rng.normal(0, 0.35) * y
    field = 1 + slope + rng.uniform(0, 0.35) * fractal_noise(rng, (h, h), cells=2, octaves=2)
    field -= rng.uniform(0, 0.8) * (x * x + y * y)
    field = np.clip(field * 128, 20, 255).astype(np.uint8)
    field = cv2.resize(field, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return cv2.multiply(image, cv2.merge([field] * 3), scale=1 / 128)


def _defocus(image: np.ndarray, radius: float, bokeh: bool) -> np.ndarray:
    """Blur by a disc (what a lens does) or a bell of `radius` pixels."""
    if radius < 0.3:
        return image
    if not bokeh or radius < 1.5:
        return cv2.GaussianBlur(image, (0, 0), radius)
    reach = int(np.ceil(radius * 1.6))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    disc = np.clip(radius * 1.6 - np.sqrt(x * x + y * y) + 0.5, 0, 1)
    # In linear light, so that lamps outshine what surrounds them.
    bright = cv2.LUT(image, (np.arange(256, dtype=np.float32) / 255) ** np.float32(2.2))
    blurred = cv2.filter2D(bright, cv2.CV_32F, disc / disc.sum(), borderType=cv2.BORDER_REFLECT)
    return (255 * np.power(np.clip(blurred, 0, 1), np.float32(1 / 2.2)) + 0.5).astype(np.uint8)
