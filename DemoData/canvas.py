"""The layer that people are painted on: colour times alpha, and alpha."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: rows top..bottom, columns left..right, ends not included."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array of the whole picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


def box_around(points: np.ndarray, margin: float, shape: tuple[int, int]) -> Box | None:
    """The part of a picture of `shape` within `margin` of (N, 2) points x, y; None if empty."""
    x, y = points[:, 0], points[:, 1]  # one by one, which NumPy does several times as fast
    left, top = (max(0, int(np.floor(v.min() - margin))) for v in (x, y))
    right = min(shape[1], int(np.ceil(x.max() + margin)) + 1)
    bottom = min(shape[0], int(np.ceil(y.max() + margin)) + 1)
    return Box(top, left, bottom, right) if bottom > top and right > left else None


class Canvas:
    """Paints layers over each other.

    The planes are (4, H, W) float32: red, green and blue, multiplied by alpha, and alpha. One
    plane lies after the other because arithmetic on whole planes is several times as fast.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.planes = np.zeros((4, *shape), np.float32)

    @property
    def alpha(self) -> np.ndarray:
        """(H, W) in [0, 1]."""
        return self.planes[3]

    def over(
        self,
        box: Box,
        coverage: np.ndarray,
        colour: Sequence[np.ndarray | float],
        shadow: np.ndarray | None = None,
    ) -> None:
        """Lay a colour over the box.

        Args:
            box: where.
            coverage: (h, w) in [0, 1].
            colour: red, green, blue: each a number or (h, w), not multiplied by the coverage.
            shadow: (h, w) share of the light that is taken from what lies below.
        """
        self.over_premultiplied(box, coverage, [plane * coverage for plane in colour], shadow)

    def over_premultiplied(
        self,
        box: Box,
        coverage: np.ndarray,
        colour: Sequence[np.ndarray],
        shadow: np.ndarray | None = None,
    ) -> None:
        """As `over`, for a colour that is multiplied by the coverage already."""
        rest = 1 - coverage
        lit = rest if shadow is None else rest * (1 - shadow)
        rows, columns = box.slices
        for plane, share, paint in zip(
            self.planes[:, rows, columns], (lit, lit, lit, rest), (*colour, coverage), strict=True
        ):
            plane *= share
            plane += paint

    def unpremultiplied(self) -> np.ndarray:
        """(3, H, W) the colour alone; where nothing is painted, that of the surroundings."""
        levels: list[list[np.ndarray]] = [list(self.planes)]
        while min(levels[-1][0].shape) > 2:
            h, w = levels[-1][0].shape
            size = (-(-w // 4), -(-h // 4))
            levels.append([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in levels[-1]])
        # Each level asks the next coarser one for what it does not know itself.
        coarsest = np.maximum(levels[-1][3], 1e-3)
        filled: list[np.ndarray] = [plane / coarsest for plane in levels[-1][:3]]
        for *colour, alpha in levels[-2::-1]:
            h, w = alpha.shape
            rest = 1 - alpha
            filled = [
                plane + rest * cv2.resize(below, (w, h), interpolation=cv2.INTER_LINEAR)
                for plane, below in zip(colour, filled, strict=True)
            ]
        # The photo shows alpha times this, so it has to be exact wherever alpha is not tiny.
        known = 1 / np.maximum(self.alpha, 1e-6)
        trust = np.clip(self.alpha * 255 - 0.5, 0, 1)
        return np.stack(
            [b + trust * (c * known - b) for b, c in zip(filled, self.planes[:3], strict=True)]
        )
