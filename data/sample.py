"""What every data set hands out: one portrait with whatever layers are known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.files import AnyPath
from utils.images.colour import convert_colours
from utils.images.metadata import read_metadata


@dataclass(frozen=True)
class Sample:
    """One portrait. All layers have the same height and width; those that aren't known are None."""

    name: str  # file name without its ending; pairs the layers
    image: np.ndarray  # (H, W, 3) uint8 RGB
    alpha: np.ndarray | None = None  # (H, W) uint8
    trimap: np.ndarray | None = None  # (H, W) uint8 0/128/255
    foreground: np.ndarray | None = None  # (H, W, 3) uint8 RGB, the colour of the person alone
    background: np.ndarray | None = None  # (H, W, 3) uint8 RGB, the scene without the person
    source: AnyPath | None = None  # the image's file, in whose colour profile it is; None: sRGB

    def as_srgb(self) -> np.ndarray:
        """The image in sRGB, for pictures that name no profile."""
        profile = read_metadata(self.source).icc if self.source else None
        return convert_colours(self.image, profile, None)
