"""Things about people that are not part of them: chairs, shadows, and what stands in front."""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.canvas import Canvas
from DemoData.colours import palette, textured
from DemoData.outdoors import leaves
from DemoData.skeleton import Pose

IN_FRONT = 0.1  # share of portraits with something between the people and the camera


def add_seat(rng: np.random.Generator, scene: np.ndarray, pose: Pose) -> None:
    """Draw what somebody sits on into the scene: chair, sofa, bench, stool or rock."""
    unit, joints = pose.unit, pose.joints
    pelvis, chest = joints["pelvis"][:2], joints["chest"][:2]
    down = np.array([0.0, unit])
    seat = pelvis + 0.45 * down
    wide = rng.uniform(0.8, 3.0) * unit
    kind = rng.choice(["chair", "sofa", "bench", "rock"])
    colour = palette(rng, 1)[0]
    if kind in ("chair", "sofa"):
        high = chest + (rng.uniform(-0.8, 0.6) if kind == "chair" else 0.3) * down
        half = np.array([wide * (0.5 if kind == "chair" else 1.0), 0])
        _board(rng, scene, np.stack([high - half, high + half, seat + half, seat - half]), colour)
    half = np.array([wide * (0.6 if kind == "chair" else 1.2), 0])
    thick = (0.2 if kind in ("chair", "bench") else 1.2) * down
    edge = seat + rng.uniform(0, 0.4) * down
    corners = np.stack([seat - half, seat + half, edge + half + thick, edge - half + thick])
    if kind == "rock":
        corners = corners + rng.normal(0, 0.15 * unit, (4, 2))
    _board(rng, scene, corners, colour * rng.uniform(0.7, 1.1))
    if kind in ("chair", "bench"):
        leg = np.array([0.07 * unit, 0])
        for side in (-0.9, 0.9):
            top = edge + side * half + thick
            foot = top + 1.6 * down
            corners = np.stack([top - leg, top + leg, foot + leg, foot - leg])
            _board(rng, scene, corners, colour * 0.6)


def add_shadow(rng: np.random.Generator, scene: np.ndarray, canvas: Canvas) -> np.ndarray:
    """The scene with the people's shadow on the wall behind them; (H, W, 3) uint8."""
    H, W = canvas.shape
    small = cv2.resize(canvas.alpha, (W // 4, H // 4), interpolation=cv2.INTER_AREA)
    dx, dy = rng.normal(0, 0.06 * W / 4, 2)
    sigma = W / 4 * rng.uniform(0.005, 0.04)
    shift = np.array([[1, 0, dx], [0, 1, abs(dy)]], np.float32)
    small = cv2.GaussianBlur(cv2.warpAffine(small, shift, (W // 4, H // 4)), (0, 0), sigma)
    light = 1 - rng.uniform(0.15, 0.55) * cv2.resize(small, (W, H))
    level = np.clip(light * 255, 0, 255).astype(np.uint8)
    return cv2.multiply(scene, cv2.merge([level] * 3), scale=1 / 255)


def add_front(rng: np.random.Generator, scene: np.ndarray, canvas: Canvas) -> None:
    """Draw a table, a railing or leaves in front of the people: into the scene, out of them."""
    size = len(scene)
    mask = np.zeros((size, size), np.uint8)
    kind = rng.choice(["table", "railing", "leaves"])
    if kind == "table":
        left, right = rng.uniform(0.72, 0.97, 2) * size
        corners = np.array([[0, left], [size, right], [size, size], [0, size]])
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        for _ in range(int(rng.integers(0, 4))):  # cups, books, screens
            x, w, h = rng.uniform((0, 0.03, 0.02), (1, 0.2, 0.1)) * size
            top = max(left, right) - h
            cv2.rectangle(mask, (int(x), int(top)), (int(x + w), size), 255, -1)
    elif kind == "railing":
        thick = max(1, int(size * rng.uniform(0.008, 0.03)))
        for place in np.arange(rng.uniform(0, 0.2), 1.2, rng.uniform(0.15, 0.5)):
            start = (int(place * size), int(size * 0.55))
            cv2.line(mask, start, (start[0] + int(rng.normal(0, 5)), size), 255, thick, cv2.LINE_AA)
        cv2.line(mask, (0, start[1]), (size, start[1]), 255, thick, cv2.LINE_AA)
    else:
        corner = np.array([rng.choice([0, 1]), rng.choice([0.3, 1])])
        for _ in range(int(rng.integers(10, 50))):
            at = (corner + rng.normal(0, 0.16, 2)) * size
            axes = tuple(int(v) + 1 for v in rng.uniform(0.006, 0.04, 2) * size)
            centre = (int(at[0]), int(at[1]))
            cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    blur = size * rng.uniform(0.0006, 0.01)
    share = cv2.GaussianBlur(mask, (0, 0), blur).astype(np.float32) / 255
    colours = palette(rng, 6)
    paint = leaves(rng, size, colours) if rng.random() < 0.4 else textured(
        rng, (size, size), colours[0], rng.uniform(0.1, 0.6)
    )  # fmt: skip
    scene[:] = cv2.blendLinear(paint, scene, share, 1 - share)
    canvas.planes *= 1 - share


def _board(
    rng: np.random.Generator, scene: np.ndarray, corners: np.ndarray, colour: np.ndarray
) -> None:
    """A flat part with (N, 2) corners, pixels, in a colour (3,), 0..255, that is not quite even."""
    points = np.round(corners).astype(np.int32)
    x, y, w, h = cv2.boundingRect(points)
    left, top = max(x, 0), max(y, 0)
    window = scene[top : max(y + h, 0), left : max(x + w, 0)]
    if not window.size:
        return
    share = np.zeros(window.shape[:2], np.uint8)
    cv2.fillPoly(share, [points - [left, top]], 255, cv2.LINE_AA)
    weight = share.astype(np.float32) / 255
    paint = textured(rng, window.shape[:2], colour, rng.uniform(0.05, 0.4))
    window[:] = cv2.blendLinear(paint, np.ascontiguousarray(window), weight, 1 - weight)
