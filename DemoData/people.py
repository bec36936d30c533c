"""Whole people: who they are, how they stand, and the order in which their parts are painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from DemoData.accessories import Outfit, OutfitPainter, random_outfit
from DemoData.body import BodyPainter, Build, random_build
from DemoData.canvas import Canvas
from DemoData.chance import pick
from DemoData.face import random_face
from DemoData.hair import HairPainter
from DemoData.hairstyles import HairLook, random_beard, random_hair, random_hair_colour
from DemoData.hats import Hat, HatPainter
from DemoData.head import HeadLook, HeadPainter
from DemoData.paint import Painter
from DemoData.shapes import Light
from DemoData.skeleton import Pose, random_pose

# How people are framed: share of portraits, head height as a share of the picture's (least, most).
KINDS = {
    "close-up": (0.17, 0.42, 0.95),
    "bust": (0.33, 0.25, 0.46),
    "half": (0.2, 0.16, 0.26),
    "whole": (0.15, 0.075, 0.12),
    "seated": (0.15, 0.12, 0.2),
}
SKINS = (
    (0.96, 0.83, 0.76), (0.93, 0.76, 0.67), (0.87, 0.68, 0.57), (0.8, 0.6, 0.47),
    (0.68, 0.48, 0.36), (0.53, 0.36, 0.26), (0.39, 0.26, 0.19), (0.28, 0.18, 0.14),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """One person: looks and pose (in head heights; see skeleton.place)."""

    kind: str  # a key of KINDS
    back: bool  # turned away from the viewer
    pose: Pose
    build: Build
    head: HeadLook
    hair: HairLook
    beard: HairLook | None
    outfit: Outfit


def random_kind(rng: np.random.Generator, kinds: Sequence[str] = tuple(KINDS)) -> str:
    """How a portrait is framed: one of `kinds`, keys of KINDS."""
    return pick(rng, {kind: share for kind, (share, _, _) in KINDS.items() if kind in kinds})


def random_person(rng: np.random.Generator, kind: str, near: np.ndarray | None = None) -> Person:
    """A person for a portrait of this kind; dressed in a colour like `near` (3,) if given."""
    tone = SKINS[int(rng.integers(0, len(SKINS)))]
    skin = np.clip(np.array(tone) * rng.uniform(0.92, 1.08) * rng.normal(1, 0.02, 3), 0, 1)
    hair = random_hair_colour(rng, skin)
    back = rng.random() < (0.06 if kind == "close-up" else 0.14)
    yaw = rng.normal(np.pi, 0.5) if back else rng.normal(0, 0.55)
    turn = rng.normal(0, 0.4)
    stance = "sitting" if kind == "seated" else ("walking" if rng.random() < 0.3 else "standing")
    build = random_build(rng, skin, near, legs=kind not in ("close-up", "bust"))
    look = HeadLook(
        skin=skin,
        wide=rng.normal(1.0, 0.05),
        jaw=rng.normal(1.0, 0.15),
        nose=rng.uniform(0.2, 1.2),
        ears=rng.uniform(0.8, 1.3),
        neck=float(np.clip(rng.normal(0.95, 0.1), 0.75, 1.2)),
        face=random_face(rng, skin, hair),
    )
    pose = random_pose(rng, stance=stance, yaw=yaw, width=build.width, head_yaw=yaw + turn)
    beard = random_beard(rng, hair) if build.bust == 0 and rng.random() < 0.4 else None
    return Person(
        kind, bool(back), pose, build, look, random_hair(rng, hair), beard, random_outfit(rng)
    )


def paint_person(
    rng: np.random.Generator, canvas: Canvas, light: Light, person: Person, pose: Pose
) -> None:
    """Paint a person whose pose has been placed in the picture, from the back to the front."""
    painter = Painter(canvas, light, rng, pose.unit)
    body = BodyPainter(painter, pose, person.build)
    head = HeadPainter(painter, pose, person.head)
    outfit = OutfitPainter(head, body, person.outfit)
    hat = HatPainter(head, person.outfit.hat) if person.outfit.hat else None
    hair = HairPainter(head, _under(person.outfit.hat, person.hair))
    hair.paint(behind=True)
    if hat:
        hat.behind()
    joints, unit = pose.joints, pose.unit
    facing = pose.body[2, 2] > 0
    legs = sorted(("left", "right"), key=lambda side: joints[f"{side} knee"][2])
    arms = {side: _nearness(pose, side) for side in ("left", "right")}
    for side in sorted(arms, key=lambda side: arms[side]):
        if arms[side] < 0:
            body.arm(side)
    sitting = abs(joints["left knee"][2] - joints["pelvis"][2]) > unit
    if not sitting:
        body.hips()
    for side in legs:
        body.leg(side)
    if sitting or person.build.bottom in ("skirt", "dress"):
        body.hips()
    head.neck()
    if not facing:
        head.head()
    body.torso()
    outfit.chest()
    for side in sorted(arms, key=lambda side: arms[side]):
        if arms[side] >= 0 and joints[f"{side} wrist"][1] > joints["head"][1] + 0.9 * unit:
            body.arm(side)
    if facing:
        head.head()
    if person.beard is not None:
        HairPainter(head, person.beard).paint(behind=False)
    outfit.glasses()
    hair.paint(behind=False)
    if hat:
        hat.paint()
    outfit.headphones()
    for side in arms:
        if arms[side] >= 0 and joints[f"{side} wrist"][1] <= joints["head"][1] + 0.9 * unit:
            body.arm(side)


def _under(hat: Hat | None, hair: HairLook) -> HairLook:
    """The hair as it lies under a hat."""
    if hat is None:
        return hair
    if hat.kind in ("headscarf", "turban"):
        return replace(hair, style="bald")
    return replace(
        hair, lift=0.05, weight=max(hair.weight, 0.35), curl=min(hair.curl, 0.02),
        lock=0.6 * hair.lock, frizz=0.5 * hair.frizz,
    )  # fmt: skip


def _nearness(pose: Pose, side: str) -> float:
    """How far an arm is nearer than the trunk, head heights."""
    joints = pose.joints
    arm = 0.5 * joints[f"{side} elbow"] + 0.5 * joints[f"{side} wrist"]
    trunk = 0.5 * joints["chest"] + 0.5 * joints["waist"]
    return float(arm[2] - trunk[2]) / pose.unit + 0.1
