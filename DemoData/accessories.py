"""What people wear besides clothes: hats, glasses, headphones, scarves, ties, rucksacks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from DemoData.body import BodyPainter
from DemoData.chance import pick
from DemoData.cloth import Cloth, random_cloth, random_colour
from DemoData.hats import Hat, random_hat
from DemoData.head import HeadPainter
from DemoData.paint import Painter
from DemoData.strands import FINE, paint_strands

GLASSES = {"none": 14, "round": 2, "square": 2, "sun": 1.6}


@dataclass(frozen=True)
class Outfit:
    """Accessories of one person."""

    hat: Hat | None
    glasses: str
    frame: np.ndarray  # (3,)
    headphones: bool
    scarf: Cloth | None
    straps: np.ndarray | None  # (3,) colour of a rucksack's straps
    tie: np.ndarray | None  # (3,)


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Most people wear nothing of it, many one thing."""
    return Outfit(
        hat=random_hat(rng) if rng.random() < 0.36 else None,
        glasses=pick(rng, GLASSES),
        frame=random_colour(rng) * rng.uniform(0.1, 0.8),
        headphones=bool(rng.random() < 0.03),
        scarf=random_cloth(rng) if rng.random() < 0.08 else None,
        straps=random_colour(rng) if rng.random() < 0.07 else None,
        tie=random_colour(rng) if rng.random() < 0.06 else None,
    )


class OutfitPainter:
    """Paints the accessories of one person."""

    def __init__(self, head: HeadPainter, body: BodyPainter, outfit: Outfit) -> None:
        self.head, self.body, self.outfit = head, body, outfit
        self.painter: Painter = head.painter

    def glasses(self) -> None:
        """Rims, lenses and sides, where they are not behind the head."""
        o, head, painter = self.outfit, self.head, self.painter
        if o.glasses == "none" or head.pose.head[2, 2] < 0:
            return
        angle = np.linspace(0, 2 * np.pi, 33)
        power = 1.0 if o.glasses == "round" else 0.55
        lines = []
        for sign in (-1, 1):
            x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * 0.115
            y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * 0.09
            depth = 0.475 - 0.9 * np.maximum(np.abs(sign * 0.15 + x) - 0.1, 0) ** 1.5
            rim = np.stack([sign * 0.155 + x, y - 0.02, depth], axis=1) * [head.look.wide, 1, 1]
            turned = head.pose.head_point(rim)
            dark = o.glasses == "sun"
            tint = o.frame * 0.3 if dark else np.array([0.9, 0.95, 1.0])
            painter.sheet(turned[:, :2], tint, 0.93 if dark else 0.08)
            lines.append(turned[:, :2])
            side = np.array([(sign * 0.27, -0.04, 0.4), (sign * 0.37, -0.05, 0.0)])
            side = head.pose.head_point(side * [head.look.wide, 1, 1])
            if side[1, 2] > head.pose.joints["head"][2] - 0.05 * painter.unit:
                lines.append(np.linspace(side[0, :2], side[1, :2], 33))
        bridge = np.stack([np.linspace(-0.05, 0.05, 33), np.full(33, -0.045), np.full(33, 0.49)], 1)
        lines.append(head.pose.head_point(bridge)[:, :2])
        width = max(1, round(painter.unit * 0.022 * FINE))
        shade = painter.light.shade(np.array([[[0, 0, 1]]], np.float32))[0, 0]
        colour = o.frame * shade
        paint_strands(painter.canvas, np.stack(lines), np.zeros(len(lines)), width, colour, colour)

    def headphones(self) -> None:
        """A band over the head and two cups."""
        if not self.outfit.headphones:
            return
        angle = np.linspace(-1.75, 1.75, 12)
        arc = np.stack([0.46 * np.sin(angle), -0.1 - 0.48 * np.cos(angle), np.full(12, -0.02)], 1)
        band = [self.head.cone(tuple(a), tuple(b), 0.03, 0.03) for a, b in pairwise(arc)]
        cups = [self.head.cone((s * 0.4, 0, 0), (s * 0.47, 0, 0), 0.13, 0.12) for s in (-1, 1)]
        for cones in (band, cups[:1], cups[1:]):
            self.painter.skin(self.painter.relief(cones, 0.03), self.outfit.frame)

    def chest(self) -> None:
        """Scarf, tie and straps, over the clothes."""
        o, painter, body = self.outfit, self.painter, self.body
        facing = body.pose.body[2, 2] > 0
        if o.tie is not None and facing:
            line = [body.body_cone((0, 0.2, 0.34), (0.02, 1.9, 0.42), 0.05, 0.1)]
            painter.skin(
                painter.relief(
                    [*line, body.body_cone((0, 0.16, 0.3), (0, 0.25, 0.33), 0.08, 0.06)], 0.03
                ),
                o.tie,
            )
        if o.straps is not None:
            front = 0.32 if facing else -0.4
            for sign in (-1, 1):
                x = sign * 0.46
                strap = [
                    body.body_cone((x, 0.12, 0), (x, 0.5, front), 0.1, 0.1),
                    body.body_cone((x, 0.5, front), (x * 1.15, 1.6, front), 0.1, 0.09),
                ]
                painter.skin(painter.relief(strap, 0.05), o.straps)
            if not facing:
                bag = [
                    body.body_cone((s * 0.3, 0.7, -0.5), (s * 0.35, 1.9, -0.55), 0.35, 0.4)
                    for s in (-1, 1)
                ]
                painter.skin(painter.relief(bag, 0.3), o.straps * 0.8)
        if o.scarf is not None:
            angle = np.linspace(0, 2 * np.pi, 9)
            ring = np.stack(
                [0.27 * np.sin(angle), -0.05 + 0.06 * np.cos(angle), 0.24 * np.cos(angle)], 1
            )
            cones = [body.body_cone(tuple(a), tuple(b), 0.16, 0.16) for a, b in pairwise(ring)]
            if facing:
                cones.append(body.body_cone((0.1, 0.1, 0.32), (0.2, 1.2, 0.45), 0.13, 0.16))
            painter.cloth(painter.relief(cones, 0.1), o.scarf)
