"""Bodies built of round cones: their outline, their relief, and the light on it.

A round cone is a ball rolled from one point to another while its radius changes. Points are in
pixels: x right, y down, z towards the viewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.canvas import Box, box_around

MAX_CELLS = 176  # along the longer side of a relief; smooth shapes need no more


@dataclass(frozen=True)
class Cone:
    """A round cone from `start` (3,) with radius `start_radius` to `end` with `end_radius`."""

    start: np.ndarray
    end: np.ndarray
    start_radius: float
    end_radius: float

    def thicker(self, factor: float, more: float = 0.0) -> Cone:
        """The same with both radii times `factor` plus `more`."""
        return Cone(
            self.start, self.end, self.start_radius * factor + more, self.end_radius * factor + more
        )


@dataclass(frozen=True)
class Relief:
    """The surface of a shape on a grid of square cells over a box.

    Attributes:
        box: the pixels that the grid covers (the last cells may stand over).
        cell: side of a cell, pixels.
        x, y: (w,) and (h,) pixel positions of the cell centres.
        distance: (h, w) signed distance from the outline, pixels, negative inside.
        height: (h, w) z of the surface, pixels.
    """

    box: Box
    cell: int
    x: np.ndarray
    y: np.ndarray
    distance: np.ndarray
    height: np.ndarray

    def enlarge(self, field: np.ndarray, cubic: bool = False) -> np.ndarray:
        """Bring a (h, w[, C]) field of the grid to the pixels of the box."""
        if self.cell > 1:
            h, w = field.shape[:2]
            how = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
            field = cv2.resize(field, (w * self.cell, h * self.cell), interpolation=how)
        H, W = self.box.shape
        return field[:H, :W]

    def coverage(self, softness: float = 1.0) -> np.ndarray:
        """(H, W) share of each pixel of the box that the shape covers; edges `softness` px wide."""
        distance = self.enlarge(self.distance, cubic=True)
        return np.clip(0.5 - distance / softness, 0, 1)

    def normals(self) -> np.ndarray:
        """(h, w, 3) unit vectors that stand on the surface."""
        dx = cv2.Sobel(self.height, cv2.CV_32F, 1, 0, scale=1 / (8 * self.cell))
        dy = cv2.Sobel(self.height, cv2.CV_32F, 0, 1, scale=1 / (8 * self.cell))
        scale = -1 / np.sqrt(dx * dx + dy * dy + 1)
        return cv2.merge([dx * scale, dy * scale, -scale])

    def points(self) -> np.ndarray:
        """(h, w, 3) positions on the surface, pixels."""
        x, y = np.meshgrid(self.x, self.y)
        return np.dstack([x, y, self.height]).astype(np.float32)


def build_relief(
    cones: Sequence[Cone], shape: tuple[int, int], blend: float, margin: float = 3.0
) -> Relief | None:
    """Melt cones into one surface.

    Args:
        cones: the parts.
        shape: (height, width) of the picture.
        blend: width of the fillet where two parts meet, pixels.
        margin: how much more than the shape the box takes in, pixels.

    Returns:
        The relief, or None if the shape lies outside the picture.
    """
    ends = [(*c.start[:2], c.start_radius) for c in cones]
    ends += [(*c.end[:2], c.end_radius) for c in cones]
    xyr = np.array(ends)
    corners = np.concatenate([xyr[:, :2] - xyr[:, 2:], xyr[:, :2] + xyr[:, 2:]])
    box = box_around(corners, margin + blend / 4, shape)
    if box is None:
        return None
    H, W = box.shape
    cell = max(1, -(-max(H, W) // MAX_CELLS))
    y = (box.top + (np.arange(-(-H // cell)) + 0.5) * cell - 0.5).astype(np.float32)
    x = (box.left + (np.arange(-(-W // cell)) + 0.5) * cell - 0.5).astype(np.float32)
    # Nothing is farther than this, so that enlarging the field does not overshoot.
    distance = np.full((len(y), len(x)), margin + blend, np.float32)
    lowest = min(float(min(c.start[2], c.end[2])) for c in cones) - blend
    height = np.full((len(y), len(x)), lowest, np.float32)
    for cone in cones:
        reach = max(cone.start_radius, cone.end_radius) + margin + blend
        low = np.minimum(cone.start, cone.end)[:2] - reach
        high = np.maximum(cone.start, cone.end)[:2] + reach
        rows = slice(*np.searchsorted(y, (low[1], high[1])))
        columns = slice(*np.searchsorted(x, (low[0], high[0])))
        if rows.start == rows.stop or columns.start == columns.stop:
            continue
        d, z = _cone_surface(cone, x[None, columns], y[rows, None])
        distance[rows, columns] = _smooth_min(distance[rows, columns], d, blend)
        height[rows, columns] = -_smooth_min(-height[rows, columns], -z, blend)
    return Relief(box, cell, x, y, distance, height)


def _cone_surface(cone: Cone, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signed distance from the outline and height of the surface at x (1, w), y (h, 1)."""
    axis = (cone.end - cone.start).astype(np.float32)
    dx, dy = x - np.float32(cone.start[0]), y - np.float32(cone.start[1])
    square = max(float(axis[0] ** 2 + axis[1] ** 2), 1e-6)
    t = np.clip((dx * (axis[0] / square) + dy * (axis[1] / square)), 0, 1)
    dx = dx - t * axis[0]
    dy = dy - t * axis[1]
    away = np.sqrt(dx * dx + dy * dy)
    radius = cone.start_radius + t * np.float32(cone.end_radius - cone.start_radius)
    d = away - radius
    z = np.float32(cone.start[2]) + t * axis[2]
    z += np.sqrt(np.maximum(radius * radius - away * away, 0)) - 2 * np.maximum(d, 0)
    return d, z


def _smooth_min(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """min(a, b), rounded where they differ by less than `width` (polynomial, after I. Quilez)."""
    share = np.maximum(width - np.abs(a - b), 0)
    return np.minimum(a, b) - share * share * np.float32(0.25 / width)


@dataclass(frozen=True)
class Light:
    """A lamp, and the light that comes from all around.

    Attributes:
        direction: (3,) unit vector towards the lamp.
        lamp: (3,) its colour, linear.
        above, below: (3,) what comes from the sky and from the ground, linear.
        wrap: 0 for a hard lamp, towards 1 for a large one whose light reaches round edges.
        gloss: strength of highlights.
    """

    direction: np.ndarray
    lamp: np.ndarray
    above: np.ndarray
    below: np.ndarray
    wrap: float
    gloss: float

    def shade(self, normals: np.ndarray) -> np.ndarray:
        """(h, w, 3) factor on gamma-coded colours of a surface with these (h, w, 3) normals."""
        wrap = np.float32(self.wrap)
        facing = np.maximum((normals @ self.direction + wrap) / (1 + wrap), 0)
        up = 0.5 - 0.5 * normals[..., 1]
        around = self.above - self.below
        return cv2.merge(
            [
                np.power(facing * self.lamp[c] + up * around[c] + self.below[c], np.float32(0.4545))
                for c in range(3)
            ]
        )

    def highlight(self, normals: np.ndarray, sharpness: float) -> np.ndarray:
        """(h, w) highlight (Blinn), to be added to gamma-coded colours."""
        half = self.direction + np.array([0, 0, 1.0])
        half = (half / np.linalg.norm(half)).astype(np.float32)
        return self.gloss * np.maximum(normals @ half, 0) ** np.float32(sharpness)


def random_light(rng: np.random.Generator, around: np.ndarray) -> Light:
    """From flat daylight to a single lamp, from the side, from behind, warm or cold.

    `around` is the mean colour of the scene, (3,) gamma-coded: some of it falls on the people.
    """
    angle, rise = rng.uniform(-np.pi, np.pi), rng.uniform(-0.2, 0.9)
    forward = rng.uniform(0.1, 1.0) if rng.random() < 0.8 else rng.uniform(-0.8, 0.1)
    direction = np.array([np.cos(angle), -rise * 1.2, forward * 1.3])
    contrast = rng.beta(1.6, 1.6)  # the lamp's share of all light
    total = rng.uniform(0.75, 1.3)

    def colour(spread: float) -> np.ndarray:
        warmth = rng.normal(0, spread)
        return np.array([1 + warmth, 1 + rng.normal(0, spread / 4), 1 - warmth], np.float32)

    tint = (np.maximum(around, 0.03) / max(float(around.mean()), 0.03)) ** rng.uniform(0, 1.2)
    above = (1 - contrast) * total * colour(0.05) * tint
    return Light(
        direction=(direction / np.linalg.norm(direction)).astype(np.float32),
        lamp=(contrast * total * 1.8 * colour(0.12)).clip(0).astype(np.float32),
        above=above.clip(0.02).astype(np.float32),
        below=(above * rng.uniform(0.3, 0.9) * colour(0.06)).clip(0.02).astype(np.float32),
        wrap=rng.uniform(0.0, 0.5),
        gloss=rng.uniform(0.02, 0.18),
    )
