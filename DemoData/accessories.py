"""What people wear on the head and about the neck: hats, scarves, glasses, headphones, straps."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from DemoData.body import BodyPainter
from DemoData.cloth import Cloth, random_cloth, random_colour
from DemoData.head import HeadPainter
from DemoData.paint import Cut, Painter
from DemoData.shapes import Cone
from DemoData.strands import FINE, paint_strands

HATS = {"none": 14, "beanie": 1.5, "cap": 1.5, "brim": 1.7, "headscarf": 1.2, "hood": 1.0,
        "turban": 0.4, "helmet": 0.5}  # fmt: skip
GLASSES = {"none": 14, "round": 2, "square": 2, "sun": 1.6}


@dataclass(frozen=True)
class Outfit:
    """Accessories of one person."""

    hat: str
    hat_cloth: Cloth
    hat_line: float  # how far the hat comes down, y in the head's frame
    brim: float  # width, head heights
    fur: float  # length of fur at the edge of a hood, head heights
    glasses: str
    frame: np.ndarray  # (3,)
    headphones: bool
    scarf: Cloth | None
    straps: np.ndarray | None  # (3,) colour of a rucksack's straps
    tie: np.ndarray | None  # (3,)


def random_outfit(rng: np.random.Generator) -> Outfit:
    """Most people wear nothing of it, many one thing."""

    def pick(weights: dict[str, float]) -> str:
        shares = np.array(list(weights.values()))
        return str(rng.choice(list(weights), p=shares / shares.sum()))

    return Outfit(
        hat=pick(HATS),
        hat_cloth=random_cloth(rng),
        hat_line=rng.uniform(-0.33, -0.22),
        brim=rng.uniform(0.18, 0.5),
        fur=rng.uniform(0.08, 0.25) if rng.random() < 0.35 else 0.0,
        glasses=pick(GLASSES),
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

    def _cut(self, keep_below: float, tilt: float) -> Cut:
        """Cut away what is lower than a plane through the head, which rises to the front."""

        def cut(points: np.ndarray) -> np.ndarray:
            local = self.head.from_picture(points)
            away = local[..., 1] - keep_below + tilt * local[..., 2]
            return (away * self.painter.unit).astype(np.float32)

        return cut

    def _disc(self, radius: float, line: float, way: float) -> np.ndarray:
        """(N, 2) outline of the half of a brim that points to `way` (+1 viewer, -1 away)."""
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        wave = 0.03 * np.sin(2 * angle + 1.0)
        ring = np.stack(
            [radius * np.cos(angle), line + wave, radius * 1.08 * np.sin(angle)], axis=1
        )
        turned = self.head.pose.head_point(ring)
        middle = self.head.pose.head_point(np.array([0.0, line, 0.0]))
        half = turned[(turned[:, 2] - middle[2]) * way >= 0]
        order = np.argsort(np.arctan2(*(half[:, :2] - middle[:2]).T[::-1]))
        return self._hull(np.concatenate([half[order, :2], middle[None, :2]]))

    @staticmethod
    def _hull(points: np.ndarray) -> np.ndarray:
        return cv2.convexHull(points.astype(np.float32))[:, 0]

    def behind(self) -> None:
        """What the head hides: the far half of a brim."""
        o = self.outfit
        if o.hat == "brim":
            colour = o.hat_cloth.tile.mean(axis=(0, 1)) * 0.7
            self.painter.sheet(self._disc(0.42 + o.brim, o.hat_line, -1), colour)

    def hat(self) -> None:
        """Whatever covers the hair."""
        o, painter, head = self.outfit, self.painter, self.head
        if o.hat in ("none", "headscarf", "hood"):
            return
        loft = {"beanie": 0.1, "cap": 0.06, "brim": 0.07, "turban": 0.16, "helmet": 0.12}[o.hat]
        cones = [cone.thicker(1.0, loft * painter.unit) for cone in head.skull_cones()[:1]]
        high = 0.14 if o.hat in ("brim", "beanie") else 0.03
        cones.append(
            head.cone((0, -0.2 - high, 0.05), (0, -0.2 - high, -0.1), 0.3 + loft, 0.3 + loft)
        )
        tilt = 0.25 if o.hat in ("beanie", "turban", "helmet") else 0.05
        crown = painter.relief(cones, 0.1, self._cut(o.hat_line + 0.04, tilt))
        painter.cloth(crown, o.hat_cloth)
        if o.hat == "beanie":
            rim = self._cut(o.hat_line + 0.07, tilt)
            band = [cone.thicker(1.02, 0.025 * painter.unit) for cone in cones[:1]]

            def edge(points: np.ndarray) -> np.ndarray:
                return np.maximum(rim(points), -rim(points) - 0.2 * painter.unit)

            painter.cloth(painter.relief(band, 0.1, edge), o.hat_cloth)
        elif o.hat == "brim":
            colour = o.hat_cloth.tile.mean(axis=(0, 1))
            painter.sheet(self._disc(0.42 + o.brim, o.hat_line, 1), colour)
        elif o.hat == "cap":
            angle = np.linspace(-1.25, 1.25, 20)
            arc = np.stack(
                [0.36 * np.sin(angle), np.full(20, o.hat_line + 0.03), 0.3 + 0.45 * np.cos(angle)],
                1,
            )
            arc[:, 1] += 0.12 * np.abs(np.sin(angle)) ** 2
            arc = np.concatenate([arc, arc - [0, 0.03, 0]])
            points = head.pose.head_point(arc)
            if points[10, 2] > head.pose.joints["head"][2] - 0.25 * painter.unit:
                painter.sheet(self._hull(points[:, :2]), o.hat_cloth.tile.mean(axis=(0, 1)) * 0.85)

    def scarf_over_head(self) -> None:
        """A headscarf or a hood, open in front of the face."""
        o, painter, head = self.outfit, self.painter, self.head
        if o.hat not in ("headscarf", "hood"):
            return
        hood = o.hat == "hood"
        loft = (0.12 if hood else 0.05) * painter.unit
        cones = [cone.thicker(1.0, loft) for cone in head.skull_cones()]
        unit, pose = painter.unit, head.pose
        throat = pose.head_point(np.array([0, 0.3, 0.02]))
        cones.append(Cone(throat, pose.point(0, 0.25, 0.05), 0.36 * unit, 0.48 * unit))
        wide, high, middle = (0.33, 0.44, 0.03) if hood else (0.27, 0.36, 0.06)

        def opening(points: np.ndarray) -> np.ndarray:
            local = head.from_picture(points)
            x, y = local[..., 0] / wide, (local[..., 1] - middle) / high
            inside = (1 - np.sqrt(x * x + y * y)) * wide * unit
            return np.where(local[..., 2] > 0, inside, -unit).astype(np.float32)

        relief = painter.relief(cones, 0.15, opening)
        painter.cloth(relief, o.hat_cloth)
        if hood and o.fur and relief is not None:
            painter.fur(relief, o.hat_cloth.tile.mean(axis=(0, 1)) * 0.8 + 0.1, o.fur)

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
