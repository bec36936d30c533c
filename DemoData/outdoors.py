"""Scenes outdoors, sharp and evenly lit: one function a kind.

All take a random generator and a side in pixels and return (size, size, 3) uint8 RGB.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from DemoData.colours import hues, palette, plain, textured
from DemoData.noise import fractal_noise

GREENS = ((0.2, 0.34), (0.2, 0.75), (0.1, 0.7))  # hue, saturation, value: least and most


def leaves(rng: np.random.Generator, size: int, colours: np.ndarray | None = None) -> np.ndarray:
    """Shapes of all sizes over each other, as in any cluttered photo (the dead leaves model)."""
    if colours is None:
        colours = palette(rng, 12)
    image = textured(rng, (size, size), colours[0], 0.5)
    # Areas fall with the third power of the radius, which gives a photo's spectrum.
    count = int(rng.integers(150, 900))
    u = rng.random(count)
    least, most = size * rng.uniform(0.008, 0.03), size * 0.3
    radius = (least**-2 + u * (most**-2 - least**-2)) ** -0.5
    order = np.argsort(-radius * rng.uniform(0.5, 2, count))
    kind = rng.random(count)
    for i in order:
        r, centre = radius[i], rng.uniform(-0.05, 1.05, 2) * size
        colour = plain(colours[int(rng.integers(len(colours)))] * rng.uniform(0.6, 1.3))
        turn = rng.uniform(0, 180)
        if kind[0] < 0.5 or kind[i] < 0.3:
            axes = (max(1, int(r)), max(1, int(r * rng.uniform(0.2, 1))))
            at = (int(centre[0]), int(centre[1]))
            cv2.ellipse(image, at, axes, turn, 0, 360, colour, -1, cv2.LINE_AA)
        else:
            box = cv2.boxPoints(((centre[0], centre[1]), (r * 2, r * rng.uniform(0.4, 3)), turn))
            cv2.fillConvexPoly(image, np.round(box).astype(np.int32), colour, cv2.LINE_AA)
    return image


def foliage(rng: np.random.Generator, size: int) -> np.ndarray:
    """Leaves against shade and sky; green, or in autumn's colours."""
    ranges = GREENS if rng.random() < 0.7 else ((-0.02, 0.14), (0.4, 0.9), (0.15, 0.9))
    colours = hues(rng, 14, ranges)
    colours[:2] *= 0.3
    if rng.random() < 0.5:
        colours[2] = (225, 235, 245)
    return leaves(rng, size, colours)


def landscape(rng: np.random.Generator, size: int) -> np.ndarray:
    """Sky, clouds, ridges, and grass, sand or water before them."""
    horizon = int(size * rng.uniform(0.25, 0.8))
    dusk = rng.random() < 0.3
    top = hues(rng, 1, ((0.55, 0.64), (0.1, 0.7), (0.4, 0.95)))[0]
    low = hues(rng, 1, ((0.02, 0.13) if dusk else (0.5, 0.6), (0.05, 0.6), (0.75, 1.0)))[0]
    fade = np.linspace(0, 1, size, dtype=np.float32)[:, None, None] ** rng.uniform(0.5, 2)
    sky = np.broadcast_to(top * (1 - fade) + low * fade, (size, size, 3))
    clouds = fractal_noise(rng, (size, size), cells=rng.uniform(2, 6))
    cover = np.clip(clouds * rng.uniform(0.5, 2) + rng.uniform(-0.4, 0.4), 0, 1)[..., None]
    image = np.clip(sky * (1 - cover) + 240 * cover, 0, 255).astype(np.uint8)
    x = np.arange(size)
    for depth in np.sort(rng.uniform(-0.25, 0.02, int(rng.integers(0, 4)))):
        line = fractal_noise(rng, (2, size), cells=rng.uniform(1, 6), octaves=6, gain=0.55)[0]
        ridge = horizon + size * (depth + 0.1 * line)
        colour = hues(rng, 1, ((0.2, 0.65), (0.1, 0.5), (0.1, 0.6)))[0]
        points = np.concatenate([np.stack([x, ridge], 1), [[size, size], [0, size]]])
        cv2.fillPoly(image, [points.astype(np.int32)], plain(colour), cv2.LINE_AA)
    if rng.random() < 0.5:
        _trees(rng, image, horizon)
    kind = rng.choice(["grass", "sand", "water", "road"])
    ranges = {
        "grass": GREENS,
        "sand": ((0.06, 0.12), (0.15, 0.5), (0.5, 0.95)),
        "water": ((0.5, 0.62), (0.2, 0.7), (0.2, 0.7)),
        "road": ((0, 1), (0, 0.1), (0.2, 0.6)),
    }[str(kind)]
    ground = textured(rng, (size - horizon, size), hues(rng, 1, ranges)[0], rng.uniform(0.1, 0.6))
    if kind == "water" and len(ground) > 16:  # waves are wide
        ground = cv2.resize(ground[:, : size // 6 + 1], (size, len(ground)))
    image[horizon:] = ground
    return image


def _trees(rng: np.random.Generator, image: np.ndarray, horizon: int) -> None:
    """Trunks that fork, with leaves or bare."""
    size = len(image)
    greens = hues(rng, 6, GREENS)
    for _ in range(int(rng.integers(1, 6))):
        bark = plain(hues(rng, 1, ((0.05, 0.12), (0.1, 0.5), (0.08, 0.45)))[0])
        tall, leafy = rng.uniform(0.3, 1.0) * size, rng.random() < 0.7
        branches = [
            (np.array([rng.uniform(0, size), horizon + 0.05 * size]), -np.pi / 2, 0.35 * tall)
        ]
        for _ in range(40):
            start, way, length = branches.pop(0)
            end = start + length * np.array([np.cos(way), np.sin(way)])
            thick = max(1, int(0.14 * length))
            cv2.line(image, start.astype(int).tolist(), end.astype(int).tolist(), bark, thick)
            for turn in rng.normal(0, 0.5, 2):
                branches.append((end, way + turn, length * rng.uniform(0.6, 0.85)))
            if leafy and length < 0.2 * tall:
                for at in end + rng.normal(0, 0.05 * tall, (12, 2)):
                    axes = (max(1, int(0.02 * tall)), max(1, int(0.012 * tall)))
                    green = plain(greens[int(rng.integers(6))])
                    turned = rng.uniform(0, 180)
                    cv2.ellipse(image, at.astype(int).tolist(), axes, turned, 0, 360, green, -1)


def street(rng: np.random.Generator, size: int) -> np.ndarray:
    """House fronts with windows on both sides, a road, and sky at the end of it."""
    image = landscape(rng, size)
    vanish = rng.uniform(0.2, 0.8) * size
    horizon = size * rng.uniform(0.45, 0.65)
    for side in (0, size):
        colours = palette(rng, 6)
        edges = np.sort(np.concatenate([[0, 0.92], rng.uniform(0, 0.92, int(rng.integers(1, 5)))]))
        for near, far in pairwise(edges):
            tall = rng.uniform(0.4, 1.2) * size

            def corner(t: float, height: float, side: float = side) -> tuple[int, int]:
                x = side + (vanish - side) * t
                return int(x), int(horizon + height * (1 - t))

            front = [
                corner(near, -tall),
                corner(far, -tall),
                corner(far, size * 0.4),
                corner(near, size * 0.4),
            ]
            colour = colours[int(rng.integers(6))]
            cv2.fillConvexPoly(image, np.array(front), plain(colour), cv2.LINE_AA)
            pane = plain(colour * rng.uniform(0.3, 0.7) if rng.random() < 0.8 else colours[0])
            columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 8))
            for i in range(columns):
                for j in range(rows):
                    a = near + (far - near) * (i + 0.25) / columns
                    b = near + (far - near) * (i + 0.75) / columns
                    up, low = (-tall * (0.95 - (j + d) * 0.9 / rows) for d in (0.2, 0.8))
                    box = np.array([corner(a, up), corner(b, up), corner(b, low), corner(a, low)])
                    cv2.fillConvexPoly(image, box, pane, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 6))):  # cars, stalls, bins
        w, h = rng.uniform(0.05, 0.25, 2) * size
        x, y = rng.uniform(0, 1) * size, horizon + rng.uniform(0, 0.25) * size
        colour = palette(rng, 1)[0]
        cv2.rectangle(image, (int(x), int(y - h)), (int(x + w), int(y)), plain(colour), -1)
        cv2.rectangle(
            image, (int(x + 0.1 * w), int(y - 0.9 * h)), (int(x + 0.9 * w), int(y - 0.6 * h)),
            plain(colour * 0.4), -1,
        )  # fmt: skip
    return image


def lights(rng: np.random.Generator, size: int) -> np.ndarray:
    """Night: dark, with small bright lamps that blur to discs."""
    image = textured(rng, (size, size), palette(rng, 1)[0] * rng.uniform(0.1, 0.4), 0.7)
    colours = np.clip(palette(rng, 8) * 0.5 + 130, 0, 255)
    for _ in range(int(rng.integers(15, 90))):
        at = rng.uniform(0, 1, 2) * size
        colour = plain(colours[int(rng.integers(8))])
        radius = max(1, int(size * rng.uniform(0.002, 0.012)))
        cv2.circle(image, (int(at[0]), int(at[1])), radius, colour, -1, cv2.LINE_AA)
    return image
