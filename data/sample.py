"""What every data set hands out: one portrait with whatever layers are known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.augment import mean_grey
from utils.files import AnyPath
from utils.images.colour import convert_colours
from utils.images.metadata import read_metadata


@dataclass(frozen=True)
class Sample:
    """One portrait. All layers have the same height and width.

    Attributes:
        name: file name without its ending; pairs the layers.
        image: (H, W, 3) uint8 RGB.
        alpha: (H, W) uint8, or None where no truth is known.
        trimap: (H, W) uint8 0/128/255, or None.
        foreground: (H, W, 3) uint8 RGB, the colour of the person alone, or None.
        background: (H, W, 3) uint8 RGB, the scene without the person, or None.
        edge_weight: how much the alpha's edges are to be trusted in training; 1 is exact.
        source: the file of the image, in whose colour profile it is, or None: sRGB.
    """

    name: str
    image: np.ndarray
    alpha: np.ndarray | None = None
    trimap: np.ndarray | None = None
    foreground: np.ndarray | None = None
    background: np.ndarray | None = None
    edge_weight: float = 1.0
    source: AnyPath | None = None

    def layer(self, name: str) -> np.ndarray:
        """A layer that is known."""
        layer: np.ndarray = getattr(self, name)
        return layer

    def mean_grey(self) -> float:
        """The photo's, in 0..255."""
        return mean_grey(self.image)

    def as_srgb(self) -> np.ndarray:
        """The image in sRGB, for pictures that name no profile."""
        profile = read_metadata(self.source).icc if self.source else None
        return convert_colours(self.image, profile, None)
