"""How a body stands, walks or sits: joints in head heights, then in pixels.

The body's own frame: origin where neck and torso meet, x to the viewer's right when the body faces
the viewer, y down, z forward. One head height (chin to crown) is the unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DemoData.chance import pick

UPPER_ARM, FOREARM, THIGH, SHIN = 1.28, 1.08, 1.75, 1.65
# Where a hand may go (x for the right-hand side, y, z), how far it strays, and the elbow's hint.
HANDS = {
    "hanging": ((1.05, 3.0, 0.1), 0.15, (1.0, 0.0, -0.6)),
    "hip": ((0.68, 2.3, 0.15), 0.1, (1.0, 0.0, -0.5)),
    "pocket": ((0.62, 2.75, 0.25), 0.08, (1.0, 0.0, -0.7)),
    "crossed": ((-0.35, 1.45, 0.62), 0.12, (1.0, 0.6, 0.1)),
    "belly": ((0.05, 2.2, 0.62), 0.2, (1.0, 0.3, -0.2)),
    "chin": ((0.12, 0.05, 0.75), 0.1, (0.6, 1.0, 0.2)),
    "cheek": ((0.45, -0.4, 0.3), 0.1, (1.0, 0.6, 0.2)),
    "hair": ((0.42, -1.05, -0.1), 0.15, (1.0, -0.2, 0.1)),
    "raised": ((1.0, -1.5, 0.2), 0.5, (1.0, 0.2, 0.0)),
    "forward": ((0.5, 1.1, 1.7), 0.4, (0.7, 1.0, 0.0)),
    "aside": ((1.9, 1.2, 0.3), 0.5, (0.3, 1.0, -0.5)),
    "lap": ((0.4, 2.75, 0.95), 0.2, (1.0, 0.3, -0.4)),
    "back": ((0.15, 2.3, -0.5), 0.15, (1.0, 0.2, -0.6)),
}
STANDING_HANDS = {
    "hanging": 6, "hip": 2, "pocket": 2, "crossed": 1.2, "belly": 1.5, "chin": 0.8, "cheek": 0.7,
    "hair": 0.8, "raised": 0.5, "forward": 0.8, "aside": 0.5, "back": 0.5,
}  # fmt: skip
SITTING_HANDS = {"lap": 6, "belly": 2, "chin": 1, "cheek": 1, "forward": 1, "hair": 0.3}
# Ankle, knee's hint; x for the right-hand side. Relative to the hip.
SITTING_LEGS = {
    "chair": ((0.1, 1.75, 1.6), (0.1, -0.6, 1.0)),
    "stretched": ((0.1, 1.1, 2.9), (0.0, -1.0, 0.5)),
    "knees up": ((0.0, 0.75, 1.5), (0.15, -1.0, 0.3)),
    "cross-legged": ((-0.5, 0.35, 1.0), (1.0, -0.2, 0.8)),
    "crossed": ((-0.45, 1.5, 1.5), (0.1, -0.7, 1.0)),
}


@dataclass(frozen=True)
class Pose:
    """Joints by name, (3,) each; left and right are the viewer's when the body faces the viewer."""

    joints: dict[str, np.ndarray]
    unit: float  # length of a head
    body: np.ndarray  # (3, 3) turns the body's frame into the picture's
    head: np.ndarray  # (3, 3) the same for the head

    def point(self, x: float, y: float, z: float) -> np.ndarray:
        """A place in the body's frame, where it is in the picture; (3,) pixels."""
        return self.joints["neck"] + self.unit * (self.body @ np.array([x, y, z]))

    def head_point(self, points: np.ndarray) -> np.ndarray:
        """(..., 3) places about the head's centre, where they are in the picture."""
        return self.joints["head"] + self.unit * (points @ self.head.T)


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3): roll in the picture, after pitch (nodding), after yaw (turning); radians."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    cr, sr = np.cos(roll), np.sin(roll)
    turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return tilt @ nod @ turn


def bend(root: np.ndarray, tip: np.ndarray, first: float, second: float, hint: np.ndarray) -> tuple:
    """The joint between two bones, bent towards `hint`, and the tip pulled into reach."""
    reach = tip - root
    length = np.linalg.norm(reach) + 1e-6
    limited = np.clip(length, abs(first - second) + 0.05, 0.995 * (first + second))
    direction = reach / length
    along = (first**2 - second**2 + limited**2) / (2 * limited)
    aside = hint - direction * (hint @ direction)
    aside = aside / (np.linalg.norm(aside) + 1e-6)
    joint = root + direction * along + aside * np.sqrt(max(first**2 - along**2, 0))
    return joint, root + direction * limited


def _arms(
    rng: np.random.Generator, joints: dict[str, np.ndarray], hands: dict[str, float], width: float
) -> None:
    both = pick(rng, hands)
    for side, sign in (("left", -1), ("right", 1)):
        name = both if rng.random() < 0.5 or both == "crossed" else pick(rng, hands)
        place, stray, hint = HANDS[name]
        mirror = np.array([sign, 1, 1])
        target = (np.array(place) * [width, 1, 1] + rng.normal(0, stray, 3)) * mirror
        shoulder = np.array([sign * 0.72 * width, 0.42, -0.05])
        shoulder += rng.normal(0, 0.04, 3)
        if target[1] < 0:
            shoulder[1] -= 0.12  # a raised arm lifts the shoulder
        joints[f"{side} shoulder"] = shoulder
        elbow, wrist = bend(
            shoulder, target, UPPER_ARM, FOREARM, np.array(hint) * mirror + rng.normal(0, 0.15, 3)
        )
        joints[f"{side} elbow"], joints[f"{side} wrist"] = elbow, wrist
        onward = (wrist - elbow) / FOREARM + rng.normal(0, 0.25, 3)
        joints[f"{side} hand"] = wrist + 0.38 * onward / np.linalg.norm(onward)


def _legs(rng: np.random.Generator, joints: dict[str, np.ndarray], stance: str) -> None:
    sitting = str(rng.choice(list(SITTING_LEGS)))
    stride = rng.uniform(0.4, 1.1) * rng.choice([-1, 1])
    spread = rng.uniform(0.0, 0.35)
    for side, sign in (("left", -1), ("right", 1)):
        mirror = np.array([sign, 1, 1])
        hip = np.array([sign * 0.34, 2.85, 0.0])
        if stance == "sitting":
            place, hint = (np.array(v) for v in SITTING_LEGS[sitting])
            ankle = hip + (place + rng.normal(0, 0.12, 3)) * mirror
            toe = np.array([0.1 * sign, 0.25, 0.55])
            if sitting == "crossed" and sign > 0:
                ankle[1:] += (-0.7, 0.4)
        else:
            away = stride * sign if stance == "walking" else rng.normal(0, 0.12)
            bent = max(0.0, -away) * 0.35
            ankle = hip + np.array([sign * spread, THIGH + SHIN - 0.06 - bent, away])
            hint = np.array([0.15 * sign, 0.0, 1.0])
            toe = np.array([0.18 * sign, 0.22, 0.5])
        joints[f"{side} hip"] = hip
        joints[f"{side} knee"], joints[f"{side} ankle"] = bend(
            hip, ankle, THIGH, SHIN, hint * mirror
        )
        joints[f"{side} toe"] = joints[f"{side} ankle"] + toe + rng.normal(0, 0.06, 3)


def random_pose(
    rng: np.random.Generator, *, stance: str, yaw: float, width: float, head_yaw: float
) -> Pose:
    """A pose in head heights, the head's centre at the origin.

    Args:
        stance: "standing", "walking" or "sitting".
        yaw: how far the body is turned from the viewer, radians; pi is a back.
        width: of the shoulders, 1 for an average adult's.
        head_yaw: how far the head is turned, radians.
    """
    joints = {name: np.zeros(3) for name in ("neck",)}
    joints["chest"] = np.array([0, 1.05, 0.06])
    joints["waist"] = np.array([0, 2.05, 0.04])
    joints["pelvis"] = np.array([0, 2.75, 0.0])
    _arms(rng, joints, SITTING_HANDS if stance == "sitting" else STANDING_HANDS, width)
    _legs(rng, joints, stance)
    # The spine leans and slumps; legs stay where they are, and so do hands in a lap.
    slump = rng.uniform(0.05, 0.5) if stance == "sitting" else rng.normal(0, 0.05)
    lean = rotation(0, slump, rng.normal(0, 0.05))
    pelvis = joints["pelvis"]
    for name in joints:
        if not any(part in name for part in ("hip", "knee", "ankle", "toe")):
            joints[name] = pelvis + lean @ (joints[name] - pelvis)
    roll = rng.normal(0, 0.06) if rng.random() < 0.95 else rng.uniform(-1.6, 1.6)  # lying, leaning
    nod = rng.normal(0.05, 0.17) - 0.4 * max(slump, 0)
    frame = rotation(yaw, rng.normal(0, 0.12), roll)
    head = rotation(head_yaw, nod, roll + rng.normal(0, 0.12))
    body = frame @ lean
    neck = joints["neck"]
    turned = {name: frame @ (place - neck) for name, place in joints.items()}
    turned["head"] = body @ np.array([0, -0.28, 0.04]) + head @ np.array([0, -0.46, 0.1])
    depth = rng.uniform(9, 25)  # distance of the camera
    placed = {}
    for name, place in turned.items():
        place = place - turned["head"]
        near = depth / (depth - place[2])
        placed[name] = place * np.array([near, near, 1])
    return Pose(placed, 1.0, body, head)


def place(pose: Pose, unit: float, head: tuple[float, float]) -> Pose:
    """The pose with heads of `unit` pixels, the head's centre at `head` = x, y."""
    shift = np.array([head[0], head[1], 0.0])
    joints = {name: shift + unit * point for name, point in pose.joints.items()}
    return Pose(joints, unit, pose.body, pose.head)
