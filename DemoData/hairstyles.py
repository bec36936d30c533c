"""Hairstyles and hair colours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from DemoData.chance import pick

# Lowest root by longitude (degrees, 0 is the face): height above the centre, 1 is the crown.
HAIRLINE = (
    (0, 0.5),
    (30, 0.5),
    (50, 0.4),
    (70, 0.15),
    (85, -0.1),
    (100, -0.2),
    (130, -0.5),
    (180, -0.8),
)
STYLES = {
    "bald": 0.6, "buzz": 1.2, "short": 3.5, "quiff": 1.5, "spiky": 0.7, "bob": 2, "long": 4.5,
    "wavy": 3, "curly": 1.8, "afro": 1.2, "locks": 0.6, "ponytail": 1.5, "bun": 1.2,
}  # fmt: skip
COLOURS = (
    (0.05, 0.04, 0.04), (0.09, 0.06, 0.045), (0.16, 0.1, 0.06), (0.3, 0.19, 0.11),
    (0.42, 0.27, 0.14), (0.45, 0.2, 0.08), (0.68, 0.5, 0.28), (0.82, 0.68, 0.45),
    (0.55, 0.54, 0.53), (0.85, 0.84, 0.82),
)  # fmt: skip


@dataclass(frozen=True)
class HairLook:
    """A hairstyle; lengths in head heights.

    Attributes:
        style: a key of STYLES.
        colour: (3,) gamma-coded.
        length: of a strand; varies by `ragged` (share).
        lift: how steeply strands leave the scalp, 0 flat to 1 upright.
        weight: how fast they turn down.
        comb: (3,) direction they are combed in, in the head's frame.
        part: x of the parting.
        curl: radius of curls; `turns` of them along a strand.
        lock: radius of a lock at the root; `tip` times that at the tip.
        frizz: how far single strands stray.
        loose: share of strands that stray four times as far.
        recede: how much the hairline is raised in front.
        tie: (3,) where tied hair is gathered, in the head's frame; or None.
    """

    style: str
    colour: np.ndarray
    length: float
    ragged: float
    lift: float
    weight: float
    comb: np.ndarray
    part: float
    curl: float
    turns: float
    lock: float
    tip: float
    frizz: float
    loose: float
    recede: float
    tie: np.ndarray | None = None


def random_hair_colour(rng: np.random.Generator, skin: np.ndarray) -> np.ndarray:
    """Mostly natural and in keeping with the skin (3,), seldom dyed; (3,) in [0, 1]."""
    if rng.random() < 0.05:
        return rng.uniform(0.1, 0.9, 3).astype(np.float32)
    weights = np.array([4, 4, 3, 3, 2, 1, 2, 1.5, 1.2, 0.8])
    if skin.mean() < 0.5:
        weights[3:8] *= 0.1
    colour = np.array(COLOURS[int(rng.choice(len(COLOURS), p=weights / weights.sum()))])
    return np.clip(colour * rng.uniform(0.8, 1.25) * rng.normal(1, 0.04, 3), 0, 1)


def random_hair(rng: np.random.Generator, colour: np.ndarray) -> HairLook:
    """A hairstyle of this colour."""
    style = pick(rng, STYLES)
    u = rng.uniform
    look = HairLook(
        style=style, colour=colour, length=u(0.15, 0.35), ragged=u(0.1, 0.45), lift=u(0.05, 0.4),
        weight=u(0.1, 0.4), comb=np.array([u(-0.6, 0.6), 0.2, u(-0.6, 0.9)]), part=u(-0.15, 0.15),
        curl=0.0, turns=u(1, 3), lock=u(0.05, 0.09), tip=u(0.4, 1.3), frizz=u(0.004, 0.025),
        loose=u(0.02, 0.1), recede=max(0.0, rng.normal(-0.05, 0.15)),
    )  # fmt: skip
    if style == "buzz":
        return replace(look, length=u(0.02, 0.06), lift=0.8, weight=0.0, frizz=0.005, lock=0.09)
    if style == "quiff":
        comb = np.array([u(-0.7, 0.7), -0.5, u(-0.5, 0.5)])
        return replace(look, length=u(0.3, 0.5), lift=u(0.7, 1), weight=0.02, comb=comb)
    if style == "spiky":
        return replace(
            look, length=u(0.2, 0.45), lift=1.0, weight=0.0, tip=0.15, comb=look.comb * 0
        )
    if style == "bob":
        return replace(look, length=u(0.8, 1.1), lift=u(0.15, 0.4), weight=0.5, tip=u(0.7, 1.4),
                       ragged=u(0.05, 0.2), comb=look.comb * 0)  # fmt: skip
    if style in ("long", "wavy"):
        wavy = style == "wavy"
        return replace(look, length=u(1.2, 2.6), lift=u(0.1, 0.35), weight=u(0.35, 0.6),
                       curl=u(0.02, 0.06) if wavy else u(0, 0.012), turns=u(2, 5),
                       tip=u(0.7, 1.6), frizz=u(0.015, 0.07), comb=look.comb * 0)  # fmt: skip
    if style == "curly":
        return replace(look, length=u(0.5, 1.4), lift=u(0.4, 0.8), weight=u(0.15, 0.35),
                       curl=u(0.025, 0.055), turns=u(5, 9), frizz=u(0.03, 0.08), tip=u(0.8, 1.6),
                       comb=look.comb * 0)  # fmt: skip
    if style == "afro":
        return replace(look, length=u(0.2, 0.6), lift=1.0, weight=u(0, 0.06), curl=u(0.012, 0.025),
                       turns=u(4, 8), frizz=u(0.02, 0.05), tip=1.5, ragged=0.12, lock=0.08,
                       comb=look.comb * 0)  # fmt: skip
    if style == "locks":
        return replace(look, length=u(0.5, 1.8), lift=u(0.3, 0.6), weight=0.35, lock=0.022, tip=1.0,
                       frizz=0.008, curl=u(0, 0.015), comb=look.comb * 0)  # fmt: skip
    if style in ("ponytail", "bun"):
        up = u(-0.9, 0.3)
        tie = np.array([0.0, up, -0.9])
        return replace(look, tie=tie / np.linalg.norm(tie), length=u(0.8, 2.0), weight=0.45,
                       curl=u(0, 0.04), frizz=u(0.008, 0.03), lift=0.5)  # fmt: skip
    return look


def random_beard(rng: np.random.Generator, colour: np.ndarray) -> HairLook:
    """From stubble that can be seen to a full beard."""
    u = rng.uniform
    length = u(0.03, 0.12) if rng.random() < 0.7 else u(0.12, 0.5)
    return HairLook(
        style="beard", colour=colour * u(0.7, 1.1), length=length, ragged=0.3, lift=0.5, weight=0.3,
        comb=np.array([0.0, 1.0, 0.2]), part=0.0, curl=u(0.0, 0.012), turns=u(1, 3), lock=0.04,
        tip=u(0.3, 1.0), frizz=u(0.005, 0.03), loose=0.05, recede=0.0,
    )  # fmt: skip


def hairline(directions: np.ndarray, recede: float) -> np.ndarray:
    """How far (..., 3) unit vectors from the scalp's centre lie above the hairline; (...)."""
    longitude = np.degrees(np.abs(np.arctan2(directions[..., 0], directions[..., 2])))
    at, lowest = np.array(HAIRLINE, np.float32).T
    front = np.exp(-((longitude / 50) ** 2))
    return -directions[..., 1] - np.interp(longitude, at, lowest) - recede * front
