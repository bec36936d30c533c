"""The body below the head: limbs, torso, and what they wear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DemoData.chance import pick
from DemoData.cloth import Cloth, random_cloth, random_colour
from DemoData.paint import Cut, Painter
from DemoData.shapes import Cone
from DemoData.skeleton import Pose

HOLDS = 0.06  # share of hands that hold something
SIDES = (("left", -1), ("right", 1))
TOPS = {"t-shirt": 3, "long sleeves": 3, "sweater": 2, "tank top": 1.2, "strapless": 0.4}
BOTTOMS = {"trousers": 5, "shorts": 1.5, "skirt": 1.5, "dress": 1.5}
NECKS = {"round": 4, "v": 2, "wide": 1, "high": 1.2}


@dataclass(frozen=True)
class Build:
    """What a body is like and wears; lengths in head heights."""

    skin: np.ndarray  # (3,) gamma-coded
    width: float  # of the shoulders, 1 for an average adult's
    girth: float  # of torso and limbs, likewise
    bust: float  # radius
    belly: float  # radius
    top: str
    sleeve: float  # how much of the arm the sleeves cover, 0 to 2 (1 is the elbow)
    neckline: str
    bottom: str
    jacket: float  # width of its opening; 0 for none
    top_cloth: Cloth
    bottom_cloth: Cloth
    jacket_cloth: Cloth
    shoes: np.ndarray  # (3,)


def random_build(
    rng: np.random.Generator, skin: np.ndarray, near: np.ndarray | None, legs: bool
) -> Build:
    """A body and its clothes; the top's colour like `near` (3,) if that is given.

    Without `legs` the picture ends above them, and what they wear is nobody's concern.
    """
    woman = rng.random() < 0.5
    top = pick(rng, TOPS)
    sleeve = {"t-shirt": rng.uniform(0.3, 0.75), "tank top": 0.0, "strapless": 0.0}.get(top, 2.0)
    if top == "long sleeves" and rng.random() < 0.3:
        sleeve = rng.uniform(0.9, 1.6)  # rolled up
    jacket = rng.uniform(0.08, 0.35) if sleeve and rng.random() < 0.3 else 0.0
    top_cloth = random_cloth(rng, near)
    return Build(
        skin=skin,
        width=rng.normal(0.92 if woman else 1.05, 0.06),
        girth=float(np.clip(rng.normal(1.0, 0.14), 0.78, 1.45)),
        bust=rng.uniform(0.17, 0.27) if woman else 0.0,
        belly=max(0.0, rng.normal(0.1, 0.25)),
        top=top,
        sleeve=float(sleeve),
        neckline="wide" if top == "strapless" else pick(rng, NECKS),
        bottom=pick(rng, BOTTOMS),
        jacket=float(jacket),
        top_cloth=top_cloth,
        bottom_cloth=random_cloth(rng) if legs else top_cloth,
        jacket_cloth=random_cloth(rng) if jacket else top_cloth,
        shoes=rng.uniform(0, 1) ** 2 * rng.uniform(0.6, 1, 3).astype(np.float32),
    )


class BodyPainter:
    """Paints the parts of one body; the caller chooses the order."""

    def __init__(self, painter: Painter, pose: Pose, build: Build) -> None:
        self.painter, self.pose, self.build = painter, pose, build

    def _cone(self, start: str, end: str, first: float, second: float) -> Cone:
        joints, unit = self.pose.joints, self.painter.unit
        return Cone(joints[start], joints[end], first * unit, second * unit)

    def body_cone(self, start: tuple, end: tuple, first: float, second: float) -> Cone:
        """A cone in the body's frame, head heights."""
        unit = self.painter.unit
        return Cone(self.pose.point(*start), self.pose.point(*end), first * unit, second * unit)

    def _local(self, points: np.ndarray) -> np.ndarray:
        """(h, w, 3) surface points in the body's frame, head heights."""
        offset = points - self.pose.joints["neck"].astype(np.float32)
        return offset @ self.pose.body.astype(np.float32) / np.float32(self.painter.unit)

    def _angle(self, start: str, end: str) -> float:
        dx, dy = (self.pose.joints[end] - self.pose.joints[start])[:2]
        return float(np.arctan2(dx, dy))

    def torso_cones(self, stumps: bool = True) -> list[Cone]:
        """The trunk, with or without the stumps of the arms, which the arms fade into."""
        b = self.build
        g, w = b.girth, b.width
        cones = [self.body_cone((0, 0.02, -0.08), (0, 0.5, -0.02), 0.2, 0.3 * g)]
        for side, sign in SIDES:
            shoulder = self.pose.joints[f"{side} shoulder"]
            unit = self.painter.unit
            nape = self.pose.point(sign * 0.1, 0.0, -0.1)
            if stumps:
                cones.append(_part(self._upper_arm(side), 0.5))
            cones += [
                Cone(nape, shoulder, 0.16 * unit, 0.21 * unit * g),
                self.body_cone(
                    (sign * 0.38 * w, 0.7, 0), (sign * 0.24 * w, 1.9, 0), 0.34 * g, 0.28 * g
                ),
                self.body_cone(
                    (sign * 0.24 * w, 1.9, 0), (sign * 0.29, 2.75, 0), 0.28 * g, 0.34 * g
                ),
            ]
            if b.bust:
                cones.append(
                    self.body_cone(
                        (sign * 0.24 * w, 1.0, 0.24), (sign * 0.24 * w, 1.1, 0.26), b.bust, b.bust
                    )
                )
        if b.belly > 0.15:
            cones.append(
                self.body_cone((0, 1.7, 0.2), (0, 2.2, 0.22), b.belly + 0.15, b.belly + 0.2)
            )
        return cones

    def torso(self) -> None:
        """Skin, top and jacket of the trunk."""
        painter, b = self.painter, self.build
        cones = self.torso_cones()
        if b.neckline != "high" or b.sleeve < 0.4:
            painter.skin(painter.relief(cones, 0.25), b.skin)
        loose = 0.05 if b.top == "sweater" else 0.025
        angle = self._angle("neck", "pelvis")
        shirt = self.torso_cones(stumps=b.sleeve > 0.4)
        shirt = [c.thicker(1.03, loose * painter.unit) for c in shirt]
        painter.cloth(painter.relief(shirt, 0.3, self._neckline()), b.top_cloth, angle)
        if b.neckline == "high":
            collar = [self.body_cone((0, 0.05, -0.06), (0, -0.22, 0.02), 0.28, 0.25)]
            painter.cloth(painter.relief(collar, 0.1), b.top_cloth, angle)
        if b.jacket:
            coat = [c.thicker(1.1, 0.06 * painter.unit) for c in cones]
            painter.cloth(painter.relief(coat, 0.3, self._opening()), b.jacket_cloth, angle)

    def _neckline(self) -> Cut:
        b, unit = self.build, self.painter.unit
        front = {"round": 0.1, "v": 0.1, "wide": 0.2, "high": -0.1}[b.neckline]
        radius = {"round": 0.38, "v": 0.36, "wide": 0.6, "high": 0.1}[b.neckline]

        def cut(points: np.ndarray) -> np.ndarray:
            x, y, z = np.moveaxis(self._local(points), -1, 0)
            away = radius - np.sqrt((0.8 * x) ** 2 + (y + 0.05) ** 2 + (0.7 * (z - front)) ** 2)
            if b.neckline == "v":
                away = np.maximum(away, np.where(z > 0, 0.3 - np.abs(x) - 0.45 * np.abs(y), -1))
            if b.top == "strapless":
                away = np.maximum(away, 0.75 - y)
            elif b.top == "tank top":
                straps = np.minimum(np.abs(x) - 0.42 * b.width, 0.75 - y)
                away = np.maximum(away, straps)
            return (away * unit).astype(np.float32)

        return cut

    def _opening(self) -> Cut:
        b, unit = self.build, self.painter.unit

        def cut(points: np.ndarray) -> np.ndarray:
            x, y, z = np.moveaxis(self._local(points), -1, 0)
            width = b.jacket * (1.3 - 0.35 * np.clip(y, 0, 3)) + np.maximum(0.25 - y, 0)
            away = np.where(z > -0.05, width - np.abs(x), -1.0)
            neck = 0.3 - np.sqrt(x**2 + y**2 + z**2)
            return (np.maximum(away, neck) * unit).astype(np.float32)

        return cut

    def _upper_arm(self, side: str) -> Cone:
        g = 0.5 + 0.5 * self.build.girth
        return self._cone(f"{side} shoulder", f"{side} elbow", 0.2 * g, 0.14 * g)

    def arm(self, side: str) -> None:
        """One arm: hand, skin, sleeve, jacket's sleeve."""
        painter, b = self.painter, self.build
        g = 0.5 + 0.5 * b.girth
        upper = self._upper_arm(side)
        fore = self._cone(f"{side} elbow", f"{side} wrist", 0.14 * g, 0.09 * g)
        root, axis = upper.start[:2], (upper.end - upper.start)[:2]
        axis = axis / (np.linalg.norm(axis) + 1e-6)

        def fade(points: np.ndarray) -> np.ndarray:
            return (points[..., :2] - root) @ axis / (0.3 * painter.unit) + 0.1

        # What leads to the arm, so that it has no round end where it fades out.
        sign = dict(SIDES)[side]
        inner = Cone(
            self.pose.point(sign * 0.2, 0.2, -0.1),
            upper.start,
            upper.start_radius,
            upper.start_radius,
        )
        self.hand(side)
        if b.sleeve < 1.9 and not b.jacket:
            painter.skin(painter.relief([inner, upper, fore], 0.1), b.skin, fade=fade)
        angle = self._angle(f"{side} shoulder", f"{side} elbow")
        loose = 0.05 if b.top == "sweater" else 0.03
        for cloth, length, more in (
            (b.top_cloth, b.sleeve, loose),
            (b.jacket_cloth, 1.93 if b.jacket else 0.0, 0.09),
        ):
            if length <= 0 or (b.jacket and cloth is b.top_cloth):
                continue
            sleeve = [inner, _part(upper, length)]
            if length > 1:
                sleeve.append(_part(fore, length - 1))
            sleeve = [cone.thicker(1.1, more * painter.unit) for cone in sleeve]
            painter.cloth(painter.relief(sleeve, 0.15), cloth, angle, fade)

    def hand(self, side: str) -> None:
        """A palm and fingers, spread or together."""
        painter, joints, rng = self.painter, self.pose.joints, self.painter.rng
        unit = painter.unit
        wrist, end = joints[f"{side} wrist"], joints[f"{side} hand"]
        along = (end - wrist) / (np.linalg.norm(end - wrist) + 1e-6)
        across = np.cross(along, rng.normal(0, 1, 3))
        across /= np.linalg.norm(across) + 1e-6
        if rng.random() < HOLDS:
            self._thing(end, along, across)
        cones = [Cone(wrist, end, 0.085 * unit, 0.13 * unit)]
        spread, curl = rng.uniform(0.05, 0.5), rng.uniform(-0.2, 0.7)
        bent = np.cross(across, along)
        for place in (-1.5, -0.5, 0.5, 1.5):
            root = end + across * place * 0.062 * unit
            way = along + across * place * spread * 0.5 + bent * curl
            tip = root + way / np.linalg.norm(way) * unit * (0.36 - 0.03 * abs(place))
            cones.append(Cone(root, tip, 0.044 * unit, 0.032 * unit))
        thumb = wrist + (end - wrist) * 0.5
        tip = thumb + (along * 0.6 + across * 0.9) * 0.27 * unit
        cones.append(Cone(thumb, tip, 0.055 * unit, 0.038 * unit))
        painter.skin(painter.relief(cones, 0.03), self.build.skin)

    def _thing(self, place: np.ndarray, along: np.ndarray, across: np.ndarray) -> None:
        """Something held: a telephone, a book, a cup, a bag."""
        rng, unit = self.painter.rng, self.painter.unit
        wide, high = across[:2] * rng.uniform(0.1, 0.35), along[:2] * rng.uniform(0.15, 0.5)
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
        points = [place[:2] + unit * (a * wide + b * high + 0.1 * along[:2]) for a, b in corners]
        self.painter.sheet(np.array(points), random_colour(rng))

    def leg(self, side: str) -> None:
        """One leg: skin or trousers, and a shoe."""
        painter, b = self.painter, self.build
        g = 0.5 + 0.5 * b.girth
        thigh = self._cone(f"{side} hip", f"{side} knee", 0.33 * g, 0.21 * g)
        shin = self._cone(f"{side} knee", f"{side} ankle", 0.2 * g, 0.11 * g)
        foot = self._cone(f"{side} ankle", f"{side} toe", 0.13, 0.11)
        painter.skin(painter.relief([foot], 0.05), b.shoes)
        if b.bottom != "trousers":
            painter.skin(painter.relief([thigh, shin], 0.15), b.skin)
        if b.bottom in ("trousers", "shorts"):
            long = b.bottom == "trousers"
            wide = [thigh.thicker(1.1)]
            if long:
                flare = Cone(shin.start, shin.end, shin.start_radius, shin.end_radius * 1.4)
                wide.append(flare.thicker(1.12, 0.02 * painter.unit))
            else:
                wide = [_part(thigh, 0.75).thicker(1.15)]
            angle = self._angle(f"{side} hip", f"{side} knee")
            painter.cloth(painter.relief(wide, 0.2), b.bottom_cloth, angle)

    def hips(self) -> None:
        """What joins the legs: the seat of trousers, or a skirt over the thighs."""
        painter, b = self.painter, self.build
        g = b.girth
        seat = [self.body_cone((-0.3, 2.7, -0.02), (0.3, 2.7, -0.02), 0.36 * g, 0.36 * g)]
        if b.bottom in ("skirt", "dress"):
            for side, sign in SIDES:
                thigh = self._cone(f"{side} hip", f"{side} knee", 0.36 * g, 0.34 * g)
                waist = self.body_cone(
                    (sign * 0.2, 2.2, 0), (sign * 0.3, 2.8, 0), 0.3 * g, 0.38 * g
                )
                seat += [_part(thigh, painter.rng.uniform(0.6, 1.0)), waist]
            knees = (self.pose.joints["left knee"] + self.pose.joints["right knee"]) / 2
            seat.append(
                Cone(self.pose.point(0, 2.5, 0), knees, 0.35 * painter.unit, 0.4 * painter.unit)
            )
        cloth = b.top_cloth if b.bottom == "dress" else b.bottom_cloth
        painter.cloth(painter.relief(seat, 0.3), cloth, self._angle("waist", "pelvis"))


def _part(cone: Cone, share: float) -> Cone:
    """The first `share` of a cone."""
    share = min(share, 1.0)
    end = cone.start + (cone.end - cone.start) * share
    radius = cone.start_radius + (cone.end_radius - cone.start_radius) * share
    return Cone(cone.start, end, cone.start_radius, radius)
