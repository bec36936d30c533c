"""A face seen from the front, flat: eyes, brows, mouth, beard's shadow, freckles, a mask."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.noise import fractal_noise

HALF_WIDTH, HALF_HEIGHT = 0.6, 0.7  # head heights that the painting covers either way
EYE_X, EYE_Y, MOUTH_Y = 0.15, -0.04, 0.245
SHIFT = 4  # fractional bits of drawn points


@dataclass(frozen=True)
class FaceLook:
    """What a face is like; lengths in head heights, colours (3,) gamma-coded."""

    eye_width: float
    eye_open: float
    iris: np.ndarray
    gaze: tuple[float, float]
    brow: np.ndarray
    brow_width: float
    brow_tilt: float
    lips: np.ndarray
    mouth_width: float
    smile: float
    mouth_open: float
    blush: float
    freckles: float
    stubble: float
    stubble_colour: np.ndarray
    mask: np.ndarray | None


def random_face(rng: np.random.Generator, skin: np.ndarray, hair: np.ndarray) -> FaceLook:
    """A face that goes with this skin and hair."""
    irises = ((0.25, 0.14, 0.07), (0.35, 0.22, 0.1), (0.3, 0.42, 0.55), (0.35, 0.45, 0.3))
    dark = skin.mean() < 0.45
    iris = np.array(irises[0 if dark else int(rng.integers(0, 4))])
    made_up = rng.random() < 0.3
    lips = skin * [1.0, 0.72, 0.72] if not made_up else skin * [1.0, 0.45, 0.5]
    return FaceLook(
        eye_width=rng.normal(0.078, 0.007),
        eye_open=float(np.clip(rng.normal(0.034, 0.009), 0.006, 0.05)),
        iris=np.clip(iris * rng.uniform(0.6, 1.3), 0, 1),
        gaze=(rng.normal(0, 0.012), rng.normal(0, 0.006)),
        brow=hair * rng.uniform(0.4, 0.9),
        brow_width=rng.uniform(0.012, 0.032),
        brow_tilt=rng.normal(0.0, 0.015),
        lips=np.clip(lips * rng.uniform(0.9, 1.1), 0, 1),
        mouth_width=rng.normal(0.115, 0.012),
        smile=rng.normal(0.012, 0.02),
        mouth_open=max(0.0, rng.normal(-0.005, 0.022)),
        blush=rng.uniform(0, 0.25),
        freckles=rng.uniform(0.05, 0.2) if rng.random() < 0.15 else 0.0,
        stubble=rng.uniform(0.1, 0.5) if rng.random() < 0.25 else 0.0,
        stubble_colour=hair * 0.6,
        mask=rng.uniform(0.1, 1, 3).astype(np.float32) if rng.random() < 0.03 else None,
    )


class _Painting:
    """A flat picture addressed in head heights."""

    def __init__(self, skin: np.ndarray, unit: float) -> None:
        self.scale = float(np.clip(1.15 * unit, 24, 700))
        shape = (int(2 * HALF_HEIGHT * self.scale), int(2 * HALF_WIDTH * self.scale))
        self.image = np.empty((*shape, 3), np.float32)
        self.image[:] = skin

    def pixels(self, points: np.ndarray) -> np.ndarray:
        centre = np.array([HALF_WIDTH, HALF_HEIGHT])
        return np.round(((points + centre) * self.scale - 0.5) * 2**SHIFT).astype(np.int32)

    def fill(self, points: np.ndarray, colour: np.ndarray | float, opacity: float = 1.0) -> None:
        """A polygon with smooth edges."""
        # Painted on a copy of its surroundings only.
        pixels = self.pixels(points)
        low = np.maximum((pixels.min(axis=0) >> SHIFT) - 2, 0)
        high = (pixels.max(axis=0) >> SHIFT) + 3
        window = self.image[low[1] : high[1], low[0] : high[0]]
        if not window.size:
            return
        mask = np.zeros(window.shape[:2], np.uint8)
        cv2.fillPoly(mask, [pixels - (low << SHIFT)], 255, cv2.LINE_AA, SHIFT)
        share = mask[..., None] * np.float32(opacity / 255)
        window += share * (np.asarray(colour, np.float32) - window)

    def glow(self, x: float, y: float, radius: float, tint: np.ndarray) -> None:
        """Multiply by `tint` (3,) around a point, fading out over `radius`."""
        middle = np.array([x + HALF_WIDTH, y + HALF_HEIGHT]) * self.scale - 0.5
        reach = 2.5 * radius * self.scale
        left, top = np.maximum(np.floor(middle - reach), 0).astype(int)
        right, bottom = np.maximum(np.ceil(middle + reach), 0).astype(int)
        window = self.image[top:bottom, left:right]
        u = (left + np.arange(window.shape[1]) - middle[0]) / (radius * self.scale)
        v = (top + np.arange(window.shape[0]) - middle[1]) / (radius * self.scale)
        fade = np.exp(-0.5 * v**2)[:, None] * np.exp(-0.5 * u**2)
        window *= (1 + fade[..., None] * (tint - 1)).astype(np.float32)


def _ellipse(x: float, y: float, a: float, b: float, count: int = 24) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + a * np.cos(angle), y + b * np.sin(angle)], axis=1)


def _lower(points: np.ndarray, by: float) -> np.ndarray:
    """(..., 2) points moved down."""
    return points + np.array([0.0, by])


def paint_face(
    rng: np.random.Generator, look: FaceLook, skin: np.ndarray, unit: float
) -> np.ndarray:
    """(h, w, 3) float32: the face over +-HALF_WIDTH, +-HALF_HEIGHT head heights."""
    painting = _Painting(skin, unit)
    small = painting.image.shape[:2]
    uneven = 0.03 * fractal_noise(rng, small, cells=6, octaves=5, gain=0.7)
    painting.image *= 1 + uneven[..., None]
    for sign in (-1, 1):
        painting.glow(sign * 0.2, 0.1, 0.08, np.array([1, 1 - look.blush, 1 - 0.8 * look.blush]))
        painting.glow(sign * EYE_X, EYE_Y + 0.01, 0.05, np.array([0.9, 0.84, 0.84]))
    painting.glow(0, 0.12, 0.05, np.array([1, 0.93, 0.92]))
    if look.freckles:
        for x, y in rng.normal((0, 0.03), (0.16, 0.09), (60, 2)):
            spot = _ellipse(x, y, 0.006, 0.006, 8)
            painting.fill(spot, skin * 0.75, 0.5)
    if look.stubble:
        _stubble(rng, painting, look)
    for sign in (-1, 1):
        _eye(painting, look, sign)
        _brow(rng, painting, look, sign)
        nostril = _ellipse(sign * 0.036, 0.142, 0.019, 0.011, 12)
        painting.fill(nostril, skin * 0.35, 0.75)
        crease = np.array([(sign * 0.075, 0.13), (sign * 0.13, 0.22), (sign * 0.122, 0.22)])
        painting.fill(crease, skin * 0.7, 0.35)
    _mouth(painting, look, skin)
    if look.mask is not None:
        edge = np.array([(-0.5, 0.02), (0, 0.0), (0.5, 0.02), (0.4, 0.3), (0, 0.5), (-0.4, 0.3)])
        painting.fill(edge, look.mask)
    return painting.image


def _eye(painting: _Painting, look: FaceLook, sign: int) -> None:
    t = np.linspace(-1, 1, 13)
    arch = np.sqrt(np.maximum(1 - t**2, 0)) * (1 - 0.25 * np.abs(t))
    x = sign * EYE_X + t * look.eye_width
    tilt = -0.006 * t * sign
    upper = np.stack([x, EYE_Y + tilt - arch * look.eye_open], axis=1)
    lower = np.stack([x, EYE_Y + tilt + arch * look.eye_open * 0.75], axis=1)
    opening = np.concatenate([upper, lower[::-1]])
    painting.fill(opening, np.array([0.86, 0.83, 0.81]))
    gx, gy = sign * EYE_X + look.gaze[0], EYE_Y + look.gaze[1] - 0.002
    for radius, colour in ((0.036, look.iris * 0.5), (0.031, look.iris), (0.015, look.iris * 0.1)):
        disc = _ellipse(gx, gy, radius, radius, 20)
        # Lids cover what stands over: clip the disc to the opening.
        disc[:, 1] = np.clip(
            disc[:, 1],
            np.interp(disc[:, 0], upper[:, 0], upper[:, 1]),
            np.interp(disc[:, 0], lower[:, 0], lower[:, 1]),
        )
        painting.fill(disc, colour)
    painting.fill(_ellipse(gx + 0.011, gy - 0.011, 0.006, 0.006, 8), 1.0, 0.9)
    lash = np.concatenate([upper, _lower(upper[::-1], 0.009)])
    painting.fill(lash, 0.08, 0.8)
    lid = np.concatenate([_lower(upper, -0.018), _lower(upper[::-1], -0.012)])
    painting.fill(lid, painting.image[0, 0] * 0.55, 0.5)
    under = np.concatenate([_lower(lower, 0.004), lower[::-1]])
    painting.fill(under, painting.image[0, 0] * 0.45, 0.5)


def _brow(rng: np.random.Generator, painting: _Painting, look: FaceLook, sign: int) -> None:
    t = np.linspace(0, 1, 9)
    x = sign * (0.065 + 0.17 * t)
    y = EYE_Y - 0.085 - 0.035 * np.sin(np.pi * 0.75 * t) - look.brow_tilt * (1 - t)
    thick = look.brow_width * (0.6 + 0.6 * t) * (1 - t**3)
    outline = np.concatenate(
        [np.stack([x, y - thick / 2], axis=1), np.stack([x, y + thick / 2], axis=1)[::-1]]
    )
    painting.fill(outline, look.brow, 0.55)
    for s in rng.uniform(0, 0.95, 40):
        root = np.array(
            [np.interp(s, t, x), np.interp(s, t, y) + rng.uniform(-0.5, 0.5) * look.brow_width]
        )
        tip = root + np.array([sign * rng.uniform(0.01, 0.03), rng.uniform(-0.02, 0.004)])
        hair = np.stack([root, tip, _lower(root, 0.004)])
        painting.fill(hair, look.brow, 0.7)


def _mouth(painting: _Painting, look: FaceLook, skin: np.ndarray) -> None:
    t = np.linspace(-1, 1, 17)
    x = t * look.mouth_width
    corner = -look.smile * t**2 + MOUTH_Y
    bow = (1 - t**2) ** 0.7
    top = corner - 0.03 * bow * (1 - 0.25 * np.exp(-((t / 0.15) ** 2)))
    inner_top = corner - 0.25 * look.mouth_open * bow
    inner_low = corner + 0.75 * look.mouth_open * bow
    low = inner_low + 0.04 * bow
    between = np.concatenate([np.stack([x, inner_top], 1), np.stack([x, inner_low], 1)[::-1]])
    painting.fill(np.concatenate([np.stack([x, top], 1), np.stack([x, low], 1)[::-1]]), look.lips)
    if look.mouth_open > 0.012:
        painting.fill(between, np.array([0.2, 0.08, 0.08]))
        teeth_low = inner_top + np.minimum(0.022, 0.8 * (inner_low - inner_top))
        teeth = np.concatenate([np.stack([x, inner_top], 1), np.stack([x, teeth_low], 1)[::-1]])
        painting.fill(teeth * [0.9, 1], np.array([0.9, 0.88, 0.84]))
    else:
        line = np.concatenate([np.stack([x, corner], 1), np.stack([x, corner + 0.008], 1)[::-1]])
        painting.fill(line, skin * 0.3, 0.8)


def _stubble(rng: np.random.Generator, painting: _Painting, look: FaceLook) -> None:
    H, W = painting.image.shape[:2]
    u = (np.arange(W, dtype=np.float32) + 0.5) / painting.scale - HALF_WIDTH
    v = (np.arange(H, dtype=np.float32) + 0.5)[:, None] / painting.scale - HALF_HEIGHT
    jaw = 1 / (1 + np.exp(-(v - 0.13 + 0.9 * np.maximum(np.abs(u) - 0.15, 0) * -1) * 30))
    share = look.stubble * jaw * (0.6 + 0.4 * rng.standard_normal((H, W), dtype=np.float32))
    share = np.clip(share, 0, 0.8)[..., None]
    painting.image += share * (look.stubble_colour.astype(np.float32) - painting.image)
