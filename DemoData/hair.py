"""Hair on heads: roots on the scalp, guides that fall, locks of strands round each guide."""

from __future__ import annotations

import cv2
import numpy as np

from DemoData.hairstyles import HairLook, hairline
from DemoData.head import HeadPainter
from DemoData.noise import fractal_noise
from DemoData.strands import FINE, paint_strands

CENTRE = np.array([0.0, -0.14, -0.03])  # of the scalp, head heights
RADII = np.array([0.378, 0.378, 0.47])
PIECE = 4  # steps of a strand that share a brightness


class HairPainter:
    """Grows the hair of one head once, and paints what hangs behind and what lies in front."""

    def __init__(self, head: HeadPainter, look: HairLook) -> None:
        self.head, self.look = head, look
        self.painter, self.rng = head.painter, head.painter.rng
        self.wide = np.array([head.look.wide, 1, 1])
        unit = self.painter.unit
        count = int(np.clip(90 + unit * 0.4, 100, 260))
        self.strands_per_guide = int(np.clip(unit / 11, 5, 20))
        # Curls need points enough to be round.
        curly = look.curl > 0.01
        self.points = 1 + PIECE * int(np.clip(1.5 * look.turns, 4, 11) if curly else 4)
        if look.style == "bald":
            self.guides = np.zeros((0, self.points, 3))
        elif look.style == "beard":
            self.guides = self._grow(*self._beard_roots(count))
        elif look.tie is not None:
            self.guides = self._tied(self._scalp_roots(count))
        else:
            roots = self._scalp_roots(count)
            self.guides = self._grow(CENTRE + roots * RADII * self.wide, roots)
        # (G, K, 3), head heights from the head's centre, picture axes
        self.behind = self.guides[:, 0, 2] < -0.12

    def _scalp_roots(self, count: int) -> np.ndarray:
        """(G, 3) unit vectors over the hairy part of the scalp."""
        ways = self.rng.standard_normal((count * 6, 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        return ways[hairline(ways, self.look.recede) > 0][:count]

    def _beard_roots(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """(G, 3) places on cheeks, chin and upper lip, and the directions away from the face."""
        ways = self.rng.standard_normal((count * 6, 3))
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        ways = ways[(ways[:, 2] > -0.1) & (ways[:, 1] > -0.05)]
        place = np.array([0, 0.1, 0.07]) + ways * np.array([0.3, 0.41, 0.38])
        x, y = np.abs(place[:, 0]), place[:, 1]
        hairy = (y > 0.2 + 0.9 * np.maximum(0.1 - x, 0) * (y > 0.22)) | (x > 0.22)
        hairy &= ~((x < 0.11) & (y > 0.205) & (y < 0.3)) & ((y > 0.17) | (x > 0.25))
        return place[hairy][:count] * self.wide, ways[hairy][:count]

    def _grow(self, place: np.ndarray, roots: np.ndarray) -> np.ndarray:
        """(G, K, 3) guides from (G, 3) places on the head, which face outwards along `roots`."""
        look, turn = self.look, self.head.pose.head
        G = len(roots)
        length = look.length * (1 + look.ragged * self.rng.uniform(-1, 0.6, G))
        # Away from the parting, along the scalp; then as it is combed, and up by `lift`.
        away = np.stack([np.sign(place[:, 0] - look.part), np.full(G, 0.3), np.full(G, -0.35)], 1)
        if look.style == "beard":
            away *= 0.2
        away = away * np.array([0.8, 1, 1]) + look.comb * 1.5
        flat = away - roots * (away * roots).sum(1, keepdims=True)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6
        way = flat * (1 - look.lift) + roots * look.lift + self.rng.normal(0, 0.12, (G, 3))
        way, place = way @ turn.T, place @ turn.T
        down = np.array([0, 1.0, 0])
        wind = self.rng.normal(0, 0.6, 3) * (self.rng.random() < 0.3)
        step = (length / (self.points - 1))[:, None]
        path = [place]
        for _ in range(self.points - 1):
            way = way / np.linalg.norm(way, axis=1, keepdims=True)
            way = way + (look.weight * 8 * down + wind + self.rng.normal(0, 0.8, (G, 3))) * step
            way = way / np.linalg.norm(way, axis=1, keepdims=True)
            place = place + way * step
            if look.style != "beard":
                place = self._outside(place)
            path.append(place)
        return np.stack(path, axis=1)

    def _outside(self, place: np.ndarray) -> np.ndarray:
        """Push (G, 3) points, picture axes, out of the skull and away from the cheeks."""
        turn = self.head.pose.head
        local = place @ turn
        radii = RADII * self.wide * 1.03
        inside = (local - CENTRE) / radii
        length = np.linalg.norm(inside, axis=1, keepdims=True)
        local = np.where(length < 1, CENTRE + inside / (length + 1e-6) * radii, local)
        face = (local[:, 1] > -0.36) & (local[:, 1] < 0.55) & (np.abs(local[:, 0]) < 0.45)
        front = face & (local[:, 2] > 0.02)
        aside = np.sign(local[:, 0]) * (0.43 * self.head.look.wide + 0.02)
        local[:, 0] = np.where(front, 0.35 * local[:, 0] + 0.65 * aside, local[:, 0])
        local[:, 2] = np.where(front, 0.6 * local[:, 2] + 0.4 * 0.05, local[:, 2])
        return local @ turn.T

    def _tied(self, roots: np.ndarray) -> np.ndarray:
        """Hair drawn along the scalp to the tie; the tail or bun are some of the guides."""
        look, turn, rng = self.look, self.head.pose.head, self.rng
        assert look.tie is not None
        G = len(roots)
        length = look.length * (1 + look.ragged * rng.uniform(-1, 0.6, G))
        t = np.linspace(0, 1, self.points)[None, :, None]
        ways = roots[:, None] * (1 - t) + look.tie * t
        # From the forehead to the nape over the crown, not through the face.
        far = np.clip(-roots @ look.tie, 0, 1)[:, None, None]
        ways = ways + far * np.sin(np.pi * t) * np.array([0, -1.2, 0])
        ways = ways / (np.linalg.norm(ways, axis=2, keepdims=True) + 1e-6)
        paths = CENTRE + ways * RADII * self.wide * (1.02 + 0.06 * np.sin(np.pi * t))
        paths = paths @ turn.T
        tail = np.arange(G) < G * 0.4
        start = (CENTRE + look.tie * RADII * 1.08) @ turn.T
        out = look.tie @ turn.T
        if look.style == "bun":
            middle = start + out * 0.14
            spin = rng.standard_normal((G, 2, 3))
            spin /= np.linalg.norm(spin, axis=2, keepdims=True)
            angle = np.linspace(0, 2.5, self.points)[None, :, None]
            ball = spin[:, :1] * np.cos(angle) + spin[:, 1:] * np.sin(angle)
            tails = middle + ball * 0.2 * rng.uniform(0.8, 1.05, (G, 1, 1))
        else:
            fall = out * (0.35 * np.sin(t * 2)) + np.array([0, 1, 0]) * (t**1.5)
            sway = rng.normal(0, 0.07, (G, 1, 3)) * t
            tails = start + (fall + sway) * length[:, None, None]
        paths[tail] = tails[tail]
        return paths

    def paint(self, behind: bool) -> None:
        """Paint the strands that hang behind the body, or the others and the scalp."""
        which = self.behind if behind else ~self.behind
        if not len(self.guides):
            return
        if not behind and self.look.style != "beard":
            self._scalp()
        guides = self.guides[which]
        if not len(guides):
            return
        look, unit = self.look, self.painter.unit
        light = self._brightness(guides)
        dark, bright = self._colours()
        flat = self.head.pose.joints["head"][:2] + guides[..., :2] * unit
        if look.style != "buzz":
            # What can't be seen through: a lock's core, thick at the root and thin farther on.
            fine = 2
            thin = look.lock * unit * fine * (0.4 if look.style == "beard" else 1.0)
            cores, widths = [], []
            for share, thick in ((0.85, 0.25), (0.6, 0.7), (0.35, 1.4)):
                # Not from the very root, where round ends would show against the skin.
                steps = np.linspace(0.1, share, 6) * (self.points - 1)
                cores.append(flat[:, np.round(steps).astype(int)])
                widths.append(np.full(len(flat), max(1, int(thin * thick))))
            shade = np.tile(0.35 * light.mean(axis=1), len(cores))
            paint_strands(
                self.painter.canvas, np.concatenate(cores), shade, np.concatenate(widths),
                dark, bright, fine,
            )  # fmt: skip
        paths, shade = self._strands(flat, light)
        # A hair is a two-thousandth of a head thick: less than a fine point but in close-ups.
        points = unit * FINE * self.rng.uniform(0.0003, 0.001, len(paths))
        width = np.clip(np.round(points), 1, 3).astype(int)
        # A strand is cut into pieces, each of its own brightness.
        cuts = [slice(start, start + PIECE + 1) for start in range(0, self.points - 1, PIECE)]
        pieces = np.concatenate([paths[:, cut] for cut in cuts])
        values = np.concatenate([shade[:, cut].mean(axis=1) for cut in cuts])
        width = np.tile(width, len(cuts))
        paint_strands(self.painter.canvas, pieces, values, width, dark, bright)

    def _strands(self, guides: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Locks about (G, K, 2) guides in pixels: (N, K, 2) paths and (N, K) brightness."""
        look, rng, unit = self.look, self.rng, self.painter.unit
        G, K, C = len(guides), self.points, self.strands_per_guide
        t = np.linspace(0, 1, K, dtype=np.float32)
        offset = rng.standard_normal((G, C, 1, 2), dtype=np.float32) * look.lock * 0.6
        offset = offset * (1 + (look.tip - 1) * t[:, None])
        stray = look.frizz * np.where(rng.random((G, C, 1, 1)) < look.loose, 4.0, 1.0)
        phase = rng.uniform(0, 2 * np.pi, (G, C, 1, 2)).astype(np.float32)
        waves = rng.uniform(2, 9, (G, C, 1, 2)).astype(np.float32)
        offset = offset + stray * t[:, None] * np.sin(waves * t[:, None] + phase)
        if look.curl:
            own = rng.uniform(0, 6.3, (G, 1, 1)) + rng.normal(0, 0.5, (G, C, 1))
            turn = own + 2 * np.pi * look.turns * t * rng.uniform(0.8, 1.2, (G, C, 1))
            radius = look.curl * np.minimum(1, 4 * t)
            offset = offset + np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=-1)
        paths = guides[:, None] + unit * offset
        shade = light[:, None] + rng.normal(0, 0.12, (G, C, 1))
        return paths.reshape(G * C, K, 2), shade.reshape(G * C, K)

    def _brightness(self, guides: np.ndarray) -> np.ndarray:
        """(G, K) brightness of guides: diffuse light and a gloss that runs across the strands."""
        light = self.painter.light
        outward = guides - CENTRE
        outward = outward / (np.linalg.norm(outward, axis=2, keepdims=True) + 1e-6)
        along = np.gradient(guides, axis=1)
        along = along / (np.linalg.norm(along, axis=2, keepdims=True) + 1e-6)
        half = light.direction + np.array([0, 0, 1.0])
        half /= np.linalg.norm(half)
        across = np.sqrt(np.maximum(1 - (along @ half) ** 2, 0))
        diffuse = np.clip(0.5 + 0.5 * (outward @ light.direction), 0, 1)
        lock = self.rng.normal(0, 0.08, (len(guides), 1))
        return 0.1 + 0.4 * diffuse + 0.3 * across**24 * diffuse + lock

    def _colours(self) -> tuple[np.ndarray, np.ndarray]:
        light, colour = self.painter.light, self.look.colour
        toward = light.shade(light.direction[None, None])[0, 0]
        away = light.shade(-light.direction[None, None])[0, 0]
        return colour * away * 0.45, np.clip(colour * 1.35 + 0.1 + light.gloss, 0, 1) * toward

    def _scalp(self) -> None:
        """The skin under the hair takes its colour, fading out at the hairline."""
        look, head = self.look, self.head
        cones = [cone.thicker(1.015) for cone in head.skull_cones()[:1]]
        relief = self.painter.relief(cones, 0.05)
        if relief is None:
            return
        local = (head.from_picture(relief.points()) - CENTRE.astype(np.float32)) / RADII.astype(
            np.float32
        )
        local = local / (np.linalg.norm(local, axis=2, keepdims=True) + 1e-6)
        above = hairline(local, look.recede) * 0.37 * self.painter.unit
        jag = fractal_noise(self.rng, above.shape, cells=12, octaves=4, gain=0.9)
        jag *= 0.06 * self.painter.unit
        fading = np.clip((above + jag) / (0.05 * self.painter.unit) + 0.5, 0, 1)
        share = relief.enlarge(fading.astype(np.float32)) * relief.coverage()
        strength = 0.75 if look.style == "buzz" else 0.95
        lit = cv2.split(relief.enlarge(self.painter.light.shade(relief.normals())))
        colour = [plane * np.float32(0.6 * c) for plane, c in zip(lit, look.colour, strict=True)]
        self.painter.canvas.over(relief.box, share * np.float32(strength), colour)
