"""Heads: the shape of the skull, nose, ears and neck, and the face painted on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from DemoData.face import HALF_HEIGHT, HALF_WIDTH, FaceLook, paint_face
from DemoData.paint import Painter
from DemoData.shapes import Cone, Relief
from DemoData.skeleton import Pose


@dataclass(frozen=True)
class HeadLook:
    """Proportions of a head, 1 for the average of each."""

    skin: np.ndarray  # (3,) gamma-coded
    wide: float
    jaw: float
    nose: float
    ears: float
    neck: float
    face: FaceLook


class HeadPainter:
    """Paints one head; hair, hats and glasses come from elsewhere."""

    def __init__(self, painter: Painter, pose: Pose, look: HeadLook) -> None:
        self.painter, self.pose, self.look = painter, pose, look

    def cone(self, start: tuple, end: tuple, first: float, second: float) -> Cone:
        """A cone in the head's frame, head heights."""
        ends = self.pose.head_point(np.array([start, end]) * [self.look.wide, 1, 1])
        unit = self.painter.unit
        return Cone(ends[0], ends[1], first * unit, second * unit)

    def from_picture(self, points: np.ndarray) -> np.ndarray:
        """(h, w, 3) points in pixels, in the head's frame and head heights."""
        offset = points - self.pose.joints["head"].astype(np.float32)
        local = offset @ self.pose.head.astype(np.float32) / np.float32(self.painter.unit)
        return local / np.array([self.look.wide, 1, 1], np.float32)

    def neck(self) -> None:
        """The bare neck, from under the skull to the chest."""
        painter, pose, thick = self.painter, self.pose, self.look.neck
        top = pose.head_point(np.array([0, 0.12, -0.1]))
        column = Cone(
            top, pose.point(0, 0.0, -0.06), 0.19 * thick * painter.unit, 0.22 * painter.unit
        )
        base = Cone(
            pose.point(0, 0, -0.06), pose.point(0, 0.4, 0), 0.22 * painter.unit, 0.25 * painter.unit
        )
        painter.skin(painter.relief([column, base], 0.12), self.look.skin)

    def skull_cones(self) -> list[Cone]:
        """The head without nose and ears."""
        jaw = self.look.jaw
        cones = [
            self.cone((0, -0.16, 0.1), (0, -0.12, -0.13), 0.345, 0.37),
            self.cone((0, 0.0, 0.17), (0, 0.37, 0.235), 0.27, 0.115 * jaw),
            self.cone((-0.16, -0.1, 0.33), (0.16, -0.1, 0.33), 0.1, 0.1),
        ]
        for sign in (-1, 1):
            cones += [
                self.cone((sign * 0.21, 0.0, 0.05), (sign * 0.14 * jaw, 0.3, 0.16), 0.14, 0.11),
                self.cone((sign * 0.17, 0.08, 0.27), (sign * 0.1, 0.25, 0.27), 0.12, 0.11),
            ]
        return cones

    def head(self) -> None:
        """Ears, skull and face."""
        painter, look = self.painter, self.look
        for sign in (-1, 1):
            ear = [
                self.cone(
                    (sign * 0.36, -0.1, -0.03), (sign * 0.35, 0.1, 0.01), 0.075 * look.ears, 0.04
                ),
            ]
            painter.skin(painter.relief(ear, 0.02), look.skin * [1.0, 0.95, 0.94], 0.08)
        nose = 0.8 + 0.35 * (look.nose - 0.6)
        cones = [
            *self.skull_cones(),
            self.cone((0, -0.1, 0.4), (0, 0.1, 0.43 + 0.06 * look.nose), 0.035, 0.05 * nose),
            self.cone((-0.045, 0.115, 0.42), (0.045, 0.115, 0.42), 0.045 * nose, 0.045 * nose),
            self.cone((-0.07, 0.245, 0.36), (0.07, 0.245, 0.36), 0.05, 0.05),
        ]
        relief = painter.relief(cones, 0.12)
        if relief is None:
            return
        place = self.from_picture(relief.points())
        sockets = sum(
            np.exp(-((place[..., 0] - sign * 0.15) ** 2 + (place[..., 1] + 0.03) ** 2) / 0.0035)
            for sign in (-1, 1)
        )
        front = np.clip(place[..., 2] * 5, 0, 1)
        height = relief.height - 0.025 * painter.unit * (sockets * front).astype(np.float32)
        # Skin smooths what lies under it.
        height = cv2.GaussianBlur(height, (0, 0), max(0.5, 0.022 * painter.unit / relief.cell))
        relief = replace(relief, height=height)
        painter.skin(relief, self._face_colour(relief, place), 0.02)

    def _face_colour(self, relief: Relief, place: np.ndarray) -> np.ndarray:
        """(H, W, 3) the painted face, as it lies on the relief."""
        texture = paint_face(self.painter.rng, self.look.face, self.look.skin, self.painter.unit)
        h, w = texture.shape[:2]
        # What is not in front sees the edge of the painting, which is plain skin.
        x = np.where(place[..., 2] > 0.02, place[..., 0], np.float32(1.0))
        u = relief.enlarge(((x / HALF_WIDTH + 1) * (w / 2) - 0.5).astype(np.float32))
        v = relief.enlarge(((place[..., 1] / HALF_HEIGHT + 1) * (h / 2) - 0.5).astype(np.float32))
        return cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
