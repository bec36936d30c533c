"""One drawn portrait: people before a scene, with every layer known."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.noise import fractal_noise
from DemoData.scenes import draw_scene


@dataclass(frozen=True)
class Portrait:
    """The layers of one portrait, all of one height and width.

    image = alpha * foreground + (1 - alpha) * background, rounded, then noise and JPEG traces.

    Attributes:
        image: (H, W, 3) uint8 RGB, the photo.
        alpha: (H, W) uint8.
        foreground: (H, W, 3) uint8 RGB, defined everywhere.
        background: (H, W, 3) uint8 RGB, the scene without the person.
    """

    image: np.ndarray
    alpha: np.ndarray
    foreground: np.ndarray
    background: np.ndarray


def draw_portrait(rng: np.random.Generator, size: int, hide_face: str = "never") -> Portrait:
    """Draw people and a scene of `size` x `size` pixels."""
    del hide_face
    background = draw_scene(rng, size)
    scale = 4
    canvas = np.zeros((size * scale, size * scale), np.uint8)
    unit = size * scale * rng.uniform(0.12, 0.22)
    centre = np.array([rng.uniform(0.35, 0.65), rng.uniform(0.35, 0.5)]) * size * scale
    strands = []
    for _ in range(1500):
        angle = rng.uniform(np.pi, 2 * np.pi)
        steps = np.linspace(0, 1, 12)[:, None]
        direction = np.array([np.cos(angle), np.sin(angle)])
        tip = np.array([rng.normal(0, 0.3), rng.uniform(0.2, 1.5)])
        points = centre + unit * (direction * (0.9 + 0.3 * steps) + tip * steps**2)
        strands.append(points.astype(np.int32))
    cv2.polylines(canvas, strands, False, 90)
    skin = 170
    head = tuple(int(v) for v in centre)
    cv2.ellipse(canvas, head, (int(unit * 0.75), int(unit)), 0, 0, 360, skin, -1)
    shoulder = (head[0], int(head[1] + 2.8 * unit))
    cv2.ellipse(canvas, shoulder, (int(unit * 2), int(unit * 1.7)), 0, 0, 360, 130, -1)
    covered = cv2.resize(
        (canvas > 0).astype(np.uint8) * 255, (size, size), interpolation=cv2.INTER_AREA
    )
    shade = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    shade = np.where(covered > 0, shade * 255 / np.maximum(covered, 1), 128)
    shade += 15 * fractal_noise(rng, shade.shape, cells=4)
    tint = rng.uniform(0.6, 1.2, 3).astype(np.float32)
    foreground = np.clip(shade[..., None] * tint, 0, 255).astype(np.uint8)
    share = covered[..., None] / np.float32(255)
    image = share * foreground + (1 - share) * background
    image += rng.normal(0, rng.uniform(0.5, 6), image.shape)
    return Portrait(np.clip(image + 0.5, 0, 255).astype(np.uint8), covered, foreground, background)
