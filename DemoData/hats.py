"""Hats, hoods and headscarves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from DemoData.chance import pick
from DemoData.cloth import Cloth, random_cloth
from DemoData.head import HeadPainter
from DemoData.paint import Cut
from DemoData.shapes import Cone

# Kinds and their shares; how far each stands off the head, head heights.
KINDS = {"beanie": 1.5, "cap": 1.5, "brim": 1.7, "headscarf": 1.2, "hood": 1.0, "turban": 0.4,
         "helmet": 0.5}  # fmt: skip
LOFT = {"beanie": 0.1, "cap": 0.06, "brim": 0.07, "turban": 0.16, "helmet": 0.12,
        "headscarf": 0.05, "hood": 0.12}  # fmt: skip


@dataclass(frozen=True)
class Hat:
    """What covers a head; lengths in head heights."""

    kind: str  # a key of KINDS
    cloth: Cloth
    line: float  # how far it comes down, y in the head's frame
    brim: float  # width
    fur: float  # length of the fur at a hood's edge; 0 for none


def random_hat(rng: np.random.Generator) -> Hat:
    """Any kind of hat."""
    return Hat(
        kind=pick(rng, KINDS),
        cloth=random_cloth(rng),
        line=rng.uniform(-0.33, -0.22),
        brim=rng.uniform(0.18, 0.5),
        fur=rng.uniform(0.08, 0.25) if rng.random() < 0.35 else 0.0,
    )


class HatPainter:
    """Paints one hat on one head."""

    def __init__(self, head: HeadPainter, hat: Hat) -> None:
        self.head, self.hat = head, hat
        self.painter, self.pose = head.painter, head.pose

    def behind(self) -> None:
        """What the head hides: the far half of a brim."""
        if self.hat.kind == "brim":
            self.painter.sheet(self._brim(-1), self.hat.cloth.colour * 0.7)

    def paint(self) -> None:
        """The rest, over the hair."""
        if self.hat.kind in ("headscarf", "hood"):
            self._wrap()
            return
        self._crown()
        if self.hat.kind == "brim":
            self.painter.sheet(self._brim(1), self.hat.cloth.colour)
        elif self.hat.kind == "cap":
            self._peak()

    def _cut(self, line: float, tilt: float) -> Cut:
        """Cut away what is lower than `line`, which rises to the front by `tilt`."""

        def cut(points: np.ndarray) -> np.ndarray:
            local = self.head.from_picture(points)
            away = local[..., 1] - line + tilt * local[..., 2]
            return (away * self.painter.unit).astype(np.float32)

        return cut

    def _crown(self) -> None:
        """What sits on the skull, with the rolled edge of a beanie."""
        hat, painter, head = self.hat, self.painter, self.head
        loft = LOFT[hat.kind]
        cones = [cone.thicker(1.0, loft * painter.unit) for cone in head.skull_cones()[:1]]
        top = -0.34 if hat.kind in ("brim", "beanie") else -0.23
        cones.append(head.cone((0, top, 0.05), (0, top, -0.1), 0.3 + loft, 0.3 + loft))
        tilt = 0.25 if hat.kind in ("beanie", "turban", "helmet") else 0.05
        painter.cloth(painter.relief(cones, 0.1, self._cut(hat.line + 0.04, tilt)), hat.cloth)
        if hat.kind == "beanie":
            below = self._cut(hat.line + 0.07, tilt)

            def edge(points: np.ndarray) -> np.ndarray:
                return np.maximum(below(points), -below(points) - 0.2 * painter.unit)

            band = [cone.thicker(1.02, 0.025 * painter.unit) for cone in cones[:1]]
            painter.cloth(painter.relief(band, 0.1, edge), hat.cloth)

    def _brim(self, way: int) -> np.ndarray:
        """(N, 2) outline of the half of a brim that points to the viewer (+1) or away (-1)."""
        angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        radius, line = 0.42 + self.hat.brim, self.hat.line
        y = line + 0.03 * np.sin(2 * angle + 1.0)
        ring = np.stack([radius * np.cos(angle), y, 1.08 * radius * np.sin(angle)], axis=1)
        ring = self.pose.head_point(ring)
        middle = self.pose.head_point(np.array([0.0, line, 0.0]))
        half = ring[(ring[:, 2] - middle[2]) * way >= 0]
        return _hull(np.concatenate([half[:, :2], middle[None, :2]]))

    def _peak(self) -> None:
        """The peak of a cap, unless it points away."""
        angle = np.linspace(-1.25, 1.25, 20)
        y = self.hat.line + 0.03 + 0.12 * np.sin(angle) ** 2
        arc = np.stack([0.36 * np.sin(angle), y, 0.3 + 0.45 * np.cos(angle)], axis=1)
        points = self.pose.head_point(np.concatenate([arc, arc - [0, 0.03, 0]]))
        if points[10, 2] > self.pose.joints["head"][2] - 0.25 * self.painter.unit:
            self.painter.sheet(_hull(points[:, :2]), self.hat.cloth.colour * 0.85)

    def _wrap(self) -> None:
        """A headscarf or a hood, open in front of the face."""
        hat, painter, pose = self.hat, self.painter, self.pose
        unit, hood = painter.unit, hat.kind == "hood"
        cones = [cone.thicker(1.0, LOFT[hat.kind] * unit) for cone in self.head.skull_cones()]
        throat = pose.head_point(np.array([0, 0.3, 0.02]))
        cones.append(Cone(throat, pose.point(0, 0.25, 0.05), 0.36 * unit, 0.48 * unit))
        wide, high, middle = (0.33, 0.44, 0.03) if hood else (0.27, 0.36, 0.06)

        def opening(points: np.ndarray) -> np.ndarray:
            local = self.head.from_picture(points)
            x, y = local[..., 0] / wide, (local[..., 1] - middle) / high
            inside = (1 - np.sqrt(x * x + y * y)) * wide * unit
            return np.where(local[..., 2] > 0, inside, -unit).astype(np.float32)

        relief = painter.relief(cones, 0.15, opening)
        painter.cloth(relief, hat.cloth)
        if hood and hat.fur and relief is not None:
            painter.fur(relief, hat.cloth.colour * 0.8 + 0.1, hat.fur)


def _hull(points: np.ndarray) -> np.ndarray:
    return cv2.convexHull(points.astype(np.float32))[:, 0]
