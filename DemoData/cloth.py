"""Cloth: colours, patterns that repeat, and how they lie on a surface."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.chance import pick
from DemoData.noise import fractal_noise
from DemoData.shapes import Relief

TILE = 160  # px, side of a pattern that repeats
PATTERNS = {
    "plain": 5, "knit": 2, "stripes": 1.5, "checks": 1.5, "dots": 0.6, "flowers": 1.0,
    "denim": 1.5, "camouflage": 0.4, "print": 0.8,
}  # fmt: skip


@dataclass(frozen=True)
class Cloth:
    """A material.

    Attributes:
        tile: (TILE, TILE, 3) float32 gamma-coded colour in [0, 1]; repeats.
        density: tile pixels for one head height.
        fold: height of its folds, head heights.
        gloss: how much it shines.
        fuzz: length of the hairs that stand out from its edge, head heights; 0 for none.
    """

    tile: np.ndarray
    density: float
    fold: float
    gloss: float
    fuzz: float

    def on(self, relief: Relief, unit: float, angle: float, rng: np.random.Generator) -> np.ndarray:
        """(H, W, 3) colour over the relief's box, turned by `angle`, distorted by the surface."""
        h, w = relief.distance.shape
        scale = self.density / unit
        warp = 0.12 * unit * fractal_noise(rng, (h, w), cells=3, octaves=2)
        x = relief.x[None] - relief.x[0] + warp
        # A surface that turns away shows its pattern compressed.
        y = relief.y[:, None] - relief.y[0] + 0.5 * np.minimum(relief.height, 3 * unit)
        y = y - y.min()
        c, s = np.float32(np.cos(angle) * scale), np.float32(np.sin(angle) * scale)
        u = relief.enlarge((c * x + s * y).astype(np.float32))
        v = relief.enlarge((c * y - s * x).astype(np.float32))
        u, v = (at - TILE * np.floor(at * np.float32(1 / TILE)) for at in (u, v))
        return cv2.remap(self.tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    @property
    def colour(self) -> np.ndarray:
        """(3,) the mean of its pattern."""
        return np.array(cv2.mean(self.tile)[:3])


def random_colour(rng: np.random.Generator) -> np.ndarray:
    """A dye: half of them grey, black, white or muted; (3,) float32 in [0, 1]."""
    kind = rng.random()
    hue = rng.random()
    if kind < 0.25:
        rgb = colorsys.hsv_to_rgb(hue, rng.uniform(0, 0.12), rng.uniform(0.04, 0.25))
    elif kind < 0.42:
        rgb = colorsys.hsv_to_rgb(hue, rng.uniform(0, 0.1), rng.uniform(0.75, 0.98))
    elif kind < 0.55:
        rgb = colorsys.hsv_to_rgb(hue, rng.uniform(0, 0.1), rng.uniform(0.25, 0.75))
    elif kind < 0.8:
        hue = rng.choice([0.6, 0.62, 0.08, 0.1, 0.3, 0.0]) + rng.normal(0, 0.02)
        rgb = colorsys.hsv_to_rgb(hue % 1, rng.uniform(0.25, 0.6), rng.uniform(0.15, 0.6))
    else:
        rgb = colorsys.hsv_to_rgb(hue, rng.uniform(0.35, 0.85), rng.uniform(0.3, 0.9))
    return np.array(rgb, np.float32)


def random_cloth(rng: np.random.Generator, near: np.ndarray | None = None) -> Cloth:
    """A material; its colour like `near` (3,) if that is given."""
    pattern = pick(rng, PATTERNS)
    base = random_colour(rng) if near is None else np.clip(near + rng.normal(0, 0.04, 3), 0, 1)
    if pattern == "denim" and near is None:
        base = np.array([0.22, 0.3, 0.45]) * rng.uniform(0.5, 1.7)
    second = np.clip(base * rng.uniform(0.4, 0.75), 0, 1)
    if rng.random() < 0.6:
        second = random_colour(rng)
    share = _pattern(rng, pattern)[..., None]
    tile = base * (1 - share) + second * share
    weave = _grain(rng) * rng.uniform(0.005, 0.04)
    tile = np.clip(tile * (1 + weave[..., None]) + weave[..., None] * 0.3, 0, 1)
    soft = pattern == "knit"
    return Cloth(
        tile=tile.astype(np.float32),
        density=float(rng.uniform(60, 260)),
        fold=float(rng.uniform(0.006, 0.03) * (0.6 if soft else 1)),
        gloss=float(rng.choice([0.0, 0.2, 1.0], p=[0.6, 0.3, 0.1])),
        fuzz=float(rng.uniform(0.01, 0.05)) if soft or rng.random() < 0.12 else 0.0,
    )


def _grain(rng: np.random.Generator) -> np.ndarray:
    """White noise, slightly blurred along both threads, that repeats; deviation 1."""
    noise = rng.standard_normal((TILE, TILE), dtype=np.float32)
    pad = np.pad(noise, 4, mode="wrap")
    pad = cv2.blur(pad, (1, 4)) + cv2.blur(pad, (4, 1)) + 0.5 * pad
    field = pad[4:-4, 4:-4]
    return field / field.std()


def _pattern(rng: np.random.Generator, name: str) -> np.ndarray:
    """(TILE, TILE) float32 share of the second colour; repeats."""
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32) / TILE
    count = int(rng.integers(2, 9))
    if name == "stripes":
        field = np.sin(2 * np.pi * count * (x if rng.random() < 0.35 else y)) - rng.uniform(
            -0.8, 0.8
        )
        return np.clip(field * TILE / count / 8 + 0.5, 0, 1)
    if name == "checks":
        return 0.5 * (_bands(rng, x, count) + _bands(rng, y, count))
    if name == "dots":
        wave = np.cos(2 * np.pi * count * x) * np.cos(2 * np.pi * count * y)
        return np.clip((np.abs(wave) - rng.uniform(0.5, 0.85)) * 10, 0, 1)
    if name == "knit":
        rows = np.abs(
            np.sin(np.pi * 4 * count * (y + 0.15 / count * np.abs(np.sin(np.pi * 4 * count * x))))
        )
        return 0.25 + 0.5 * rows * np.abs(np.cos(np.pi * 4 * count * x))
    if name == "denim":
        return np.clip(0.3 + 0.25 * np.sin(2 * np.pi * 48 * (x + y)) + 0.2 * _blobs(rng, 3), 0, 1)
    if name == "camouflage":
        return np.clip(_blobs(rng, 6) * 6, 0, 1)
    if name == "flowers":
        return _flowers(rng)
    if name == "print":
        tile = np.zeros((TILE, TILE), np.uint8)
        for _ in range(int(rng.integers(1, 4))):
            letters = "".join(rng.choice(list("AEIOUKLMNRSTX&"), int(rng.integers(2, 6))))
            place = (int(rng.integers(0, TILE // 2)), int(rng.integers(TILE // 4, TILE)))
            font = int(rng.integers(0, 4))
            size, width = rng.uniform(0.8, 2.5), int(rng.integers(2, 8))
            cv2.putText(tile, letters, place, font, size, 255, width, cv2.LINE_AA)
        return tile.astype(np.float32) / 255
    return np.zeros((TILE, TILE), np.float32)


def _bands(rng: np.random.Generator, at: np.ndarray, count: int) -> np.ndarray:
    wide = np.clip(np.sin(2 * np.pi * count * at) * 8 + 0.5, 0, 1)
    thin = np.clip((np.sin(2 * np.pi * count * at + rng.uniform(0, 6)) - 0.93) * 30, 0, 1)
    return np.clip(wide * rng.uniform(0.4, 1) + thin, 0, 1)


def _blobs(rng: np.random.Generator, count: int) -> np.ndarray:
    """Smooth noise that repeats: waves in random directions."""
    y, x = np.mgrid[:TILE, :TILE].astype(np.float32) * np.float32(2 * np.pi / TILE)
    field = np.zeros_like(x)
    for _ in range(10):
        a, b = rng.integers(-count, count + 1, 2)
        field += np.sin(np.float32(a) * x + np.float32(b) * y + np.float32(rng.uniform(0, 6.3)))
    return field / 3


def _flowers(rng: np.random.Generator) -> np.ndarray:
    tile = np.zeros((TILE, TILE), np.uint8)
    for _ in range(int(rng.integers(12, 50))):
        centre = rng.uniform(TILE * 0.1, TILE * 0.9, 2)
        size, petals = rng.uniform(4, 14), int(rng.integers(3, 7))
        value = int(rng.integers(90, 256))
        for angle in np.arange(petals) * 2 * np.pi / petals + rng.uniform(0, 6):
            at = centre + size * 0.6 * np.array([np.cos(angle), np.sin(angle)])
            axes = (max(1, int(size * 0.6)), max(1, int(size * 0.3)))
            place = (int(at[0]), int(at[1]))
            cv2.ellipse(tile, place, axes, np.degrees(angle), 0, 360, value, -1, cv2.LINE_AA)
    return tile.astype(np.float32) / 255
