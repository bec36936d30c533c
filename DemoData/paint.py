"""Surfaces onto a canvas: lit, folded, with the shadow they cast on what lies below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from DemoData.canvas import Canvas, box_around
from DemoData.cloth import Cloth
from DemoData.noise import fractal_noise
from DemoData.shapes import Cone, Light, Relief, build_relief
from DemoData.strands import FINE, paint_strands

# Signed distance, pixels, of (h, w, 3) points from a cut; positive is cut away.
Cut = Callable[[np.ndarray], np.ndarray]
# How much of a surface there is, 0 to 1, at (h, w, 3) points of it: joins it to what lies below.
Fade = Callable[[np.ndarray], np.ndarray]


@dataclass
class Painter:
    """What every surface of one person is painted with."""

    canvas: Canvas
    light: Light
    rng: np.random.Generator
    unit: float  # pixels of a head height

    def relief(self, cones: Sequence[Cone], blend: float, cut: Cut | None = None) -> Relief | None:
        """Melt cones with fillets of `blend` head heights, and cut away what `cut` says."""
        if not cones:
            return None
        margin = 0.16 * self.unit + 2
        relief = build_relief(cones, self.canvas.shape, max(blend * self.unit, 0.5), margin)
        if relief is None or cut is None:
            return relief
        return replace(relief, distance=np.maximum(relief.distance, cut(relief.points())))

    def skin(
        self,
        relief: Relief | None,
        colour: np.ndarray,
        detail: float = 0.03,
        fade: Fade | None = None,
    ) -> None:
        """Paint bare skin: `colour` (3,), or (H, W, 3) over the relief's box."""
        if relief is None:
            return
        shape = relief.distance.shape
        blush = detail * fractal_noise(self.rng, shape, cells=4, octaves=4)
        tint = cv2.merge([1 + 0.5 * blush, 1 + blush, 1 + blush])
        self._lay(relief, colour, tint, shine=0.7, sharpness=18.0, fade=fade)

    def cloth(
        self, relief: Relief | None, cloth: Cloth, angle: float = 0.0, fade: Fade | None = None
    ) -> None:
        """Paint a garment whose threads run at `angle`."""
        if relief is None:
            return
        shape, rng = relief.distance.shape, self.rng
        cells = max(shape) * relief.cell / (0.7 * self.unit)
        # Folds are longer than wide, here across the garment.
        folds = fractal_noise(rng, (shape[0], -(-shape[1] // 2)), cells=cells, octaves=4, gain=0.6)
        folds = cv2.resize(folds, shape[::-1])
        folds = np.float32(cloth.fold * self.unit) * (folds - 0.5 * np.abs(folds))
        edge = fractal_noise(rng, shape, cells=cells, octaves=1)
        edge = 0.25 * folds + np.float32(0.01 * self.unit) * edge
        relief = replace(
            relief, height=relief.height + 1.6 * folds, distance=relief.distance + edge
        )
        colour = cloth.on(relief, self.unit, angle, rng)
        self._lay(relief, colour, None, shine=cloth.gloss, sharpness=10.0, fade=fade)
        if cloth.fuzz:
            self.fur(relief, cloth.colour, cloth.fuzz, fade)

    def fur(
        self, relief: Relief, colour: np.ndarray, length: float, fade: Fade | None = None
    ) -> None:
        """Hairs of `length` head heights that stand out from the edge of a surface."""
        edge = np.abs(relief.distance) < 0.7 * relief.cell
        if fade is not None:
            edge &= fade(relief.points()) > 0.95
        rows, columns = np.nonzero(edge)
        if not len(rows):
            return
        rng, normals = self.rng, relief.normals()
        slopes = [cv2.Sobel(relief.distance, cv2.CV_32F, *way) for way in ((1, 0), (0, 1))]
        outward = np.stack(slopes, axis=-1)[rows, columns]
        outward = outward / (np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6)
        per_cell = max(1, round(relief.cell * 2.5))
        pick = np.repeat(np.arange(len(rows)), per_cell)
        roots = np.stack([relief.x[columns], relief.y[rows]], axis=1)[pick]
        roots = roots + rng.uniform(-0.5, 0.5, (len(pick), 2)) * relief.cell
        way = outward[pick] + rng.normal(0, 0.5, (len(pick), 2))
        bent = way + rng.normal(0, 0.6, (len(pick), 2))
        reach = length * self.unit * rng.gamma(2.0, 0.3, (len(pick), 1))
        paths = np.stack([roots - way * reach * 0.5, roots, roots + bent * reach * 0.6], axis=1)
        lit = self.light.shade(normals)[rows, columns].mean(axis=1)[pick]
        brightness = np.clip(lit + rng.normal(0, 0.15, len(pick)), 0, 1)
        paint_strands(self.canvas, paths, brightness, 1, colour * 0.1, np.clip(colour * 1.1, 0, 1))

    def _lay(
        self,
        relief: Relief,
        colour: np.ndarray,
        tint: np.ndarray | None,
        *,
        shine: float,
        sharpness: float,
        fade: Fade | None,
    ) -> None:
        normals = relief.normals()
        factor = self.light.shade(normals)
        if tint is not None:
            factor = factor * tint
        shadow = 0.4 * np.exp(np.maximum(relief.distance, 0) * np.float32(-1 / (0.06 * self.unit)))
        coverage = relief.coverage()
        if fade is not None:
            share = np.clip(fade(relief.points()), 0, 1).astype(np.float32)
            shadow *= share
            # Only into what is there: where nothing lies below, the surface stays whole.
            below = self.canvas.alpha[relief.box.slices]
            coverage = coverage * (1 - below * (1 - relief.enlarge(share)))
        lit = cv2.split(relief.enlarge(factor))
        albedo = cv2.split(colour) if colour.ndim == 3 else colour
        lit = [f * a for f, a in zip(lit, albedo, strict=True)]
        if shine > 0.05:
            highlight = relief.enlarge(shine * self.light.highlight(normals, sharpness))
            lit = [plane + highlight for plane in lit]
        self.canvas.over(relief.box, coverage, lit, relief.enlarge(shadow))

    def sheet(self, points: np.ndarray, colour: np.ndarray, opacity: float = 1.0) -> None:
        """Paint a flat polygon of (N, 2) points, pixels, in a colour that is lit from the front."""
        box = box_around(points, 2, self.canvas.shape)
        if box is None:
            return
        h, w = box.shape
        fine = np.zeros((h * FINE, w * FINE), np.uint8)
        corners = np.round((points - [box.left, box.top] + 0.5) * FINE).astype(np.int32)
        cv2.fillPoly(fine, [corners], 255)
        mask = cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA)
        shade = self.light.shade(np.array([[[0, -0.3, 0.95]]], np.float32))[0, 0]
        grain = 1 + 0.12 * fractal_noise(self.rng, (h, w), cells=3, octaves=4)
        colours = [grain * np.float32(c * s) for c, s in zip(colour, shade, strict=True)]
        self.canvas.over(box, mask * np.float32(opacity / 255), colours)
