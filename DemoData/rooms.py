"""Scenes indoors, sharp and evenly lit: one function a kind.

All take a random generator and a side in pixels and return (size, size, 3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.cloth import random_cloth
from DemoData.colours import palette, plain, textured
from DemoData.outdoors import leaves


def studio(rng: np.random.Generator, size: int) -> np.ndarray:
    """A plain backdrop with a soft spot of light."""
    if rng.random() < 0.5:
        colour = np.full(3, rng.choice([20, 60, 120, 190, 235, 250])) * rng.normal(1, 0.02, 3)
    else:
        colour = palette(rng, 1)[0]
    image = textured(rng, (size, size), colour, rng.choice([0.01, 0.05, 0.3]))
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    away = (x - rng.uniform(0.2, 0.8)) ** 2 + (y - rng.uniform(0.1, 0.9)) ** 2
    light = 1 + rng.uniform(-0.1, 0.5) * (np.exp(-away / rng.uniform(0.05, 0.5)) - 0.5)
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def screen(rng: np.random.Generator, size: int) -> np.ndarray:
    """The green or blue screen of a film studio: the easiest backdrop to learn."""
    colour = np.array([[20, 170, 60], [20, 70, 190]][rng.integers(2)]) * rng.uniform(0.8, 1.2)
    return textured(rng, (size, size), colour, 0.01)


def wall(rng: np.random.Generator, size: int) -> np.ndarray:
    """Plaster, bricks, tiles, planks or paper, with pictures and a floor at times."""
    colour = palette(rng, 1)[0]
    image = textured(rng, (size, size), colour, rng.uniform(0.03, 0.3))
    kind = rng.choice(["plain", "bricks", "planks", "paper"])
    step = int(size * rng.uniform(0.04, 0.16)) + 4
    if kind == "paper":
        cloth = (random_cloth(rng).tile * 255).astype(np.uint8)
        scale = rng.uniform(0.4, 2.0) * size / 768
        tile = cv2.resize(cloth, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        times = (-(-size // tile.shape[0]), -(-size // tile.shape[1]), 1)
        image = np.ascontiguousarray(np.tile(tile, times)[:size, :size])
    elif kind != "plain":
        across = step * (rng.uniform(1, 2.5) if kind == "bricks" else rng.uniform(6, 20))
        dark = np.clip(colour * rng.uniform(0.4, 1.5), 0, 255)
        joint = max(1, step // 10)
        for row, top in enumerate(range(-step, size, step)):
            left = -rng.uniform(0, across) if kind == "planks" else -across * (0.5 * (row % 2))
            while left < size:
                corner = (int(left), top)
                far = (int(left + across) - joint, top + step - joint)
                part = image[max(top, 0) : max(far[1], 0), max(corner[0], 0) : max(far[0], 0)]
                part[:] = (
                    cv2.convertScaleAbs(part, alpha=rng.uniform(0.75, 1.2)) if part.size else 0
                )
                cv2.rectangle(image, corner, (far[0] + joint, far[1] + joint), plain(dark), joint)
                left += across
        if kind == "planks" and rng.random() < 0.5:
            image = np.ascontiguousarray(image.transpose(1, 0, 2))
    for _ in range(int(rng.integers(0, 4))):
        _picture(rng, image)
    if rng.random() < 0.35:
        _floor(rng, image)
    return image


def _picture(rng: np.random.Generator, image: np.ndarray) -> None:
    """Hang a frame, a window or a poster with writing on the wall."""
    size = len(image)
    w, h = (rng.uniform(0.1, 0.45, 2) * size).astype(int)
    x, y = int(rng.uniform(-0.1, 0.9) * size), int(rng.uniform(-0.1, 0.6) * size)
    window = image[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)]
    if not window.size:
        return
    inside = (
        leaves(rng, 64) if rng.random() < 0.5 else textured(rng, (64, 64), palette(rng, 1)[0], 0.5)
    )
    window[:] = cv2.resize(inside, window.shape[1::-1])
    edge = palette(rng, 1)[0]
    cv2.rectangle(image, (x, y), (x + w, y + h), plain(edge), max(1, size // 90))
    kind = rng.random()
    if kind < 0.3:
        cv2.line(image, (x + w // 2, y), (x + w // 2, y + h), plain(edge), max(1, size // 120))
    elif kind < 0.7:
        for row in range(int(rng.integers(1, 5))):
            text = "".join(rng.choice(list("ABCDEFGHIKLMNORSTU "), int(rng.integers(3, 10))))
            place = (x + w // 10, y + int(h * (row + 1) / 5))
            scale, thick = rng.uniform(0.6, 2.4) * size / 768, max(1, int(rng.integers(1, 6)))
            font = int(rng.integers(0, 4))
            cv2.putText(
                image, text, place, font, scale, plain(palette(rng, 1)[0]), thick, cv2.LINE_AA
            )


def _floor(rng: np.random.Generator, image: np.ndarray) -> None:
    """Lay a floor, with a skirting board."""
    size = len(image)
    top = int(size * rng.uniform(0.6, 0.95))
    colour = palette(rng, 1)[0]
    image[top:] = textured(rng, (size - top, size), colour, rng.uniform(0.1, 0.6))
    cv2.line(image, (0, top), (size, top), plain(colour * 0.5), max(1, size // 100))


def shelves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Boards with things in rows."""
    image = textured(rng, (size, size), palette(rng, 1)[0] * 0.5, 0.4)
    colours = palette(rng, 20)
    step = int(size * rng.uniform(0.12, 0.4))
    for bottom in range(int(rng.uniform(0, step)), size + step, step):
        x = int(-rng.uniform(0, 20))
        while x < size:
            w = int(size * rng.uniform(0.01, 0.06)) + 2
            h = int(step * rng.uniform(0.4, 0.9))
            if rng.random() < 0.88:
                colour = plain(colours[int(rng.integers(20))])
                cv2.rectangle(image, (x, bottom - h), (x + w, bottom), colour, -1)
                dark = plain(np.array(colour) * 0.6)
                cv2.rectangle(image, (x, bottom - h), (x + w, bottom), dark, 1)
            x += w
        cv2.rectangle(
            image, (0, bottom), (size, bottom + step // 12 + 1), plain(colours[0] * 0.7), -1
        )
    return image


def room(rng: np.random.Generator, size: int) -> np.ndarray:
    """A wall, a floor, and furniture."""
    image = wall(rng, size)
    _floor(rng, image)
    for _ in range(int(rng.integers(2, 8))):
        colour = palette(rng, 1)[0]
        w, h = rng.uniform(0.08, 0.5) * size, rng.uniform(0.08, 0.5) * size
        x, y = rng.uniform(-0.2, 1.0) * size, rng.uniform(0.5, 1.05) * size
        shape = cv2.boxPoints(((x, y - h / 2), (w, h), rng.normal(0, 3)))
        cv2.fillConvexPoly(image, shape.astype(np.int32), plain(colour), cv2.LINE_AA)
        part = image[
            max(0, int(y - h)) : max(0, int(y)), max(0, int(x - w / 2)) : max(0, int(x + w / 2))
        ]
        for row in np.linspace(0.2, 0.9, int(rng.integers(1, 5))) * len(part):
            part[int(row) : int(row) + max(1, size // 150)] //= 2
    return image
