"""Solid things in a scene that are no people: cushions, vases, stuffed toys, sacks, bottles.

They are shaped, lit and clothed as people are, so that nobody can tell a person by that.
"""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.canvas import Canvas
from DemoData.cloth import random_cloth, random_colour
from DemoData.paint import Painter
from DemoData.shapes import Cone, random_light


def add_objects(rng: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """The (H, W, 3) uint8 scene with a few things standing about."""
    size = len(scene)
    canvas = Canvas(scene.shape[:2])
    light = random_light(rng, np.array(cv2.mean(scene)[:3]) / 255)
    for _ in range(int(rng.integers(1, 5))):
        painter = Painter(canvas, light, rng, size * rng.uniform(0.06, 0.25))
        place = np.array([*rng.uniform((0, 0.3), (1, 1)), 0.0]) * size
        cones = []
        for _ in range(int(rng.integers(1, 5))):
            start = place + rng.normal(0, 0.35 * painter.unit, 3)
            end = start + rng.normal(0, (0.3, 0.7, 0.3)) * painter.unit
            radii = rng.uniform(0.08, 0.5, 2) * painter.unit
            cones.append(Cone(start, end, float(radii[0]), float(radii[1])))
        relief = painter.relief(cones, rng.uniform(0.02, 0.3))
        if rng.random() < 0.5:
            painter.cloth(relief, random_cloth(rng), rng.uniform(0, 3))
        else:
            painter.skin(relief, random_colour(rng))
    rest = 1 - canvas.alpha
    planes = [
        plane * rest + np.float32(255) * paint
        for plane, paint in zip(cv2.split(scene), canvas.planes[:3], strict=True)
    ]
    return cv2.merge([np.clip(plane, 0, 255).astype(np.uint8) for plane in planes])
