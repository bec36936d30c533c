"""One drawn portrait: people before a scene, with every layer known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.camera import Development, add_traces, blur_layers, composite
from DemoData.canvas import Canvas
from DemoData.chance import pick
from DemoData.people import KINDS, Person, paint_person, random_kind, random_person
from DemoData.props import IN_FRONT, add_front, add_seat, add_shadow
from DemoData.scenes import USUAL, draw_scene
from DemoData.shapes import random_light
from DemoData.skeleton import Pose, place

# Where the head's centre is: from the top, as shares of the picture (least, most).
HEAD_Y = {
    "close-up": (0.35, 0.6),
    "bust": (0.24, 0.45),
    "half": (0.14, 0.34),
    "whole": (0.08, 0.2),
    "seated": (0.12, 0.4),
}
COMPANY = {1: 0.78, 2: 0.16, 3: 0.06}  # people, and the share of portraits with so many


@dataclass(frozen=True)
class Portrait:
    """The layers of one portrait, all of one height and width.

    photo before noise and JPEG = alpha * foreground + (1 - alpha) * background, rounded.

    Attributes:
        image: (H, W, 3) uint8 RGB, the photo.
        alpha: (H, W) uint8.
        foreground: (H, W, 3) uint8 RGB, defined everywhere.
        background: (H, W, 3) uint8 RGB, the scene without the person.
        people: who is in it.
    """

    image: np.ndarray
    alpha: np.ndarray
    foreground: np.ndarray
    background: np.ndarray
    people: tuple[Person, ...]


def draw_portrait(
    rng: np.random.Generator,
    size: int,
    hide_face: str = "never",
    *,
    traces: bool = True,
    kinds: Sequence[str] = tuple(KINDS),
    alone: bool = False,
    backdrops: Sequence[str] = USUAL,
) -> Portrait:
    """Draw people and a scene of `size` x `size` pixels.

    Args:
        rng: everything random comes from it.
        size: side in pixels.
        hide_face: blur the faces "never", "always" or on "some" portraits, as P3M-10K does on all
            of its own for the people's privacy.
        traces: whether the photo has a sensor's noise and what JPEG leaves.
        kinds: how people may be framed, keys of people.KINDS.
        alone: one person, with nothing about or in front, and dressed unlike the scene: easier to
            learn from.
        backdrops: kinds of scenes, out of scenes.NAMES.
    """
    scene = draw_scene(rng, size, backdrops, objects=not alone)
    canvas = Canvas((size, size))
    light = random_light(rng, np.array(cv2.mean(scene)[:3]) / 255)
    people, poses = _gather(rng, scene, kinds, alone)
    for person, pose in zip(people, poses, strict=True):
        if person.kind == "seated":
            add_seat(rng, scene, pose)
        paint_person(rng, canvas, light, person, pose)
    blur_layers(rng, canvas)
    if rng.random() < 0.25:
        scene = add_shadow(rng, scene, canvas)
    if rng.random() < IN_FRONT and not alone:
        add_front(rng, scene, canvas)
    alpha = np.round(canvas.alpha * 255).astype(np.uint8)
    planes = np.clip(canvas.unpremultiplied() * 255 + 0.5, 0, 255).astype(np.uint8)
    foreground = cv2.merge(list(planes))
    hidden = rng.random() < 0.3
    if hide_face == "always" or (hide_face == "some" and hidden):
        for pose in poses:
            foreground = _hide_face(foreground, pose)
    develop = Development(rng)
    foreground, background = develop.apply(foreground), develop.apply(scene)
    image = composite(alpha, foreground, background)
    if traces:
        image = add_traces(rng, image)
    return Portrait(image, alpha, foreground, background, tuple(people))


def _gather(
    rng: np.random.Generator, scene: np.ndarray, kinds: Sequence[str], alone: bool
) -> tuple[list[Person], list[Pose]]:
    """People and their poses in the picture, the farthest first."""
    size, kind = len(scene), random_kind(rng, kinds)
    count = 1 if alone else pick(rng, COMPANY)
    _, least, most = KINDS[kind]
    unit = rng.uniform(least, most) * size * (1 if count == 1 else 0.8)
    gap = max(1.7 * unit, size / (count + 1)) * rng.uniform(0.75, 1.1)
    middle = size * (0.5 + rng.normal(0, 0.08 if count == 1 else 0.03))
    people, poses = [], []
    for i in range(count):
        near = None
        if rng.random() < 0.18 and not alone:  # dressed like what is behind
            y, x = rng.integers(0, size, 2)
            near = scene[y, x] / np.float32(255)
        person = random_person(rng, kind, near)
        own = unit * (1 if count == 1 else rng.uniform(0.85, 1.1))
        x = middle + gap * (i - (count - 1) / 2)
        poses.append(place(person.pose, own, (x, size * rng.uniform(*HEAD_Y[kind]))))
        people.append(person)
    order = np.argsort([pose.unit for pose in poses])
    return [people[i] for i in order], [poses[i] for i in order]


def _hide_face(foreground: np.ndarray, pose: Pose) -> np.ndarray:
    """Blur an oval over a face that can be seen."""
    if pose.head[2, 2] < 0:
        return foreground
    x, y = pose.head_point(np.array([0, 0.08, 0.3]))[:2]
    mask = np.zeros(foreground.shape[:2], np.uint8)
    axes = (max(1, int(0.34 * pose.unit)), max(1, int(0.44 * pose.unit)))
    cv2.ellipse(mask, (int(x), int(y)), axes, 0, 0, 360, 255, -1)
    soft = cv2.blur(mask, (1 + int(0.1 * pose.unit),) * 2).astype(np.float32) / 255
    blurred = cv2.blur(foreground, (1 + int(0.25 * pose.unit),) * 2)
    return cv2.blendLinear(blurred, foreground, soft, 1 - soft)
