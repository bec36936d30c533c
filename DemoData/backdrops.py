"""What stands behind people, sharp and evenly lit: one function for a kind of scene.

All take a random generator and a side in pixels and return (size, size, 3) uint8 RGB.
"""

from __future__ import annotations

import colorsys
from itertools import pairwise

import cv2
import numpy as np

from DemoData.cloth import random_cloth
from DemoData.noise import fractal_noise

GREENS = ((0.22, 0.35), (0.3, 0.9), (0.1, 0.75))  # hue, saturation, value: least and most


def palette(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) float RGB in 0..255 that go together: one hue and its neighbours, some grey."""
    hue, spread, vivid = rng.random(), rng.choice([0.04, 0.12, 0.5]), 0.05 + 0.7 * rng.random() ** 2
    colours = [
        colorsys.hsv_to_rgb(
            (hue + rng.normal(0, spread)) % 1, vivid * rng.uniform(0.2, 1.2), rng.uniform(0.08, 1.0)
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
    cells, gain = rng.uniform(2, 10), rng.uniform(0.5, 0.85)
    field = fractal_noise(rng, shape, cells=cells, octaves=7, gain=gain)
    level = np.clip(128 + 127 * strength * field, 0, 255).astype(np.uint8)
    ramp = np.arange(256, dtype=np.float32)[:, None] / 128 * colour
    table = np.clip(ramp, 0, 255).astype(np.uint8)
    return cv2.merge([cv2.LUT(level, np.ascontiguousarray(table[:, c])) for c in range(3)])


def _tuple(colour: np.ndarray) -> tuple[float, float, float]:
    return float(colour[0]), float(colour[1]), float(colour[2])


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
        colour = _tuple(colours[int(rng.integers(len(colours)))] * rng.uniform(0.6, 1.3))
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
                cv2.rectangle(image, corner, (far[0] + joint, far[1] + joint), _tuple(dark), joint)
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
    cv2.rectangle(image, (x, y), (x + w, y + h), _tuple(edge), max(1, size // 90))
    kind = rng.random()
    if kind < 0.3:
        cv2.line(image, (x + w // 2, y), (x + w // 2, y + h), _tuple(edge), max(1, size // 120))
    elif kind < 0.7:
        for row in range(int(rng.integers(1, 5))):
            text = "".join(rng.choice(list("ABCDEFGHIKLMNORSTU "), int(rng.integers(3, 10))))
            place = (x + w // 10, y + int(h * (row + 1) / 5))
            scale, thick = rng.uniform(0.6, 2.4) * size / 768, max(1, int(rng.integers(1, 6)))
            font = int(rng.integers(0, 4))
            cv2.putText(
                image, text, place, font, scale, _tuple(palette(rng, 1)[0]), thick, cv2.LINE_AA
            )


def _floor(rng: np.random.Generator, image: np.ndarray) -> None:
    """Lay a floor, with a skirting board."""
    size = len(image)
    top = int(size * rng.uniform(0.6, 0.95))
    colour = palette(rng, 1)[0]
    image[top:] = textured(rng, (size - top, size), colour, rng.uniform(0.1, 0.6))
    cv2.line(image, (0, top), (size, top), _tuple(colour * 0.5), max(1, size // 100))


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
                colour = _tuple(colours[int(rng.integers(20))])
                cv2.rectangle(image, (x, bottom - h), (x + w, bottom), colour, -1)
                dark = _tuple(np.array(colour) * 0.6)
                cv2.rectangle(image, (x, bottom - h), (x + w, bottom), dark, 1)
            x += w
        cv2.rectangle(
            image, (0, bottom), (size, bottom + step // 12 + 1), _tuple(colours[0] * 0.7), -1
        )
    return image


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
        cv2.fillPoly(image, [points.astype(np.int32)], _tuple(colour), cv2.LINE_AA)
    kind = rng.choice(["grass", "sand", "water", "road"])
    ranges = {
        "grass": GREENS,
        "sand": ((0.06, 0.12), (0.15, 0.5), (0.5, 0.95)),
        "water": ((0.5, 0.62), (0.2, 0.7), (0.2, 0.7)),
        "road": ((0, 1), (0, 0.1), (0.2, 0.6)),
    }[str(kind)]
    ground = textured(rng, (size - horizon, size), hues(rng, 1, ranges)[0], rng.uniform(0.2, 0.9))
    if kind == "water" and len(ground) > 16:  # waves are wide
        ground = cv2.resize(ground[:, : size // 6 + 1], (size, len(ground)))
    image[horizon:] = ground
    return image


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
            cv2.fillConvexPoly(image, np.array(front), _tuple(colour), cv2.LINE_AA)
            pane = _tuple(colour * rng.uniform(0.3, 0.7) if rng.random() < 0.8 else colours[0])
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
        cv2.rectangle(image, (int(x), int(y - h)), (int(x + w), int(y)), _tuple(colour), -1)
        cv2.rectangle(
            image, (int(x + 0.1 * w), int(y - 0.9 * h)), (int(x + 0.9 * w), int(y - 0.6 * h)),
            _tuple(colour * 0.4), -1,
        )  # fmt: skip
    return image


def lights(rng: np.random.Generator, size: int) -> np.ndarray:
    """Night: dark, with small bright lamps that blur to discs."""
    image = textured(rng, (size, size), palette(rng, 1)[0] * rng.uniform(0.1, 0.4), 0.7)
    colours = np.clip(palette(rng, 8) * 0.5 + 130, 0, 255)
    for _ in range(int(rng.integers(15, 90))):
        at = rng.uniform(0, 1, 2) * size
        colour = _tuple(colours[int(rng.integers(8))])
        radius = max(1, int(size * rng.uniform(0.002, 0.012)))
        cv2.circle(image, (int(at[0]), int(at[1])), radius, colour, -1, cv2.LINE_AA)
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
        cv2.fillConvexPoly(image, shape.astype(np.int32), _tuple(colour), cv2.LINE_AA)
        part = image[
            max(0, int(y - h)) : max(0, int(y)), max(0, int(x - w / 2)) : max(0, int(x + w / 2))
        ]
        for row in np.linspace(0.2, 0.9, int(rng.integers(1, 5))) * len(part):
            part[int(row) : int(row) + max(1, size // 150)] //= 2
    return image


BACKDROPS = {
    studio: 2.0, leaves: 1.0, foliage: 2.0, wall: 2.5, shelves: 1.0, landscape: 2.0, street: 1.8,
    lights: 0.8, room: 2.0,
}  # fmt: skip
