"""A sample's layers and all that was drawn for it, so that only arithmetic is left to do."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from data.augment import Warp, apply_warp
from data.degrade import degrade_photo
from utils.composition import composite
from utils.trimap import TRAINING_ELLIPSE, trimap_from_alpha


@dataclass(frozen=True)
class Recipe:
    """One augmented crop to be.

    Attributes:
        name: of the portrait, and of the scene and the second person where it has them.
        seed: for whatever else is drawn for this sample.
        size: (height, width) of the crop.
        layers: alpha (H, W) uint8, foreground (H, W, 3) uint8, and image and background alike;
            these two are left out where a scene replaces the background.
        warp: from the crop to these layers.
        colours: (3, 4) float32, see `data.augment.sample_colours`.
        scene: (h, w, 3) uint8 of the crop's size, the new background, or None.
        degrade: whether the photo is degraded at last.
        ellipse: of the trimap, see `utils.trimap.trimap_from_alpha`.
        edge_weight: see `data.sample.Sample`.
    """

    name: str
    seed: int
    size: tuple[int, int]
    layers: dict[str, np.ndarray]
    warp: Warp
    colours: np.ndarray
    scene: np.ndarray | None = None
    degrade: bool = False
    ellipse: int = TRAINING_ELLIPSE
    edge_weight: float = 1.0


def carry_out(recipe: Recipe) -> dict[str, np.ndarray]:
    """image, foreground, background (h, w, 3), alpha and trimap (h, w); all uint8."""
    alone = recipe.scene is not None
    layers = apply_warp(recipe.layers, recipe.warp, recipe.size, alone=alone)
    if recipe.scene is not None:
        layers["background"] = recipe.scene
    for name in layers.keys() - {"alpha"}:
        layers[name] = cv2.transform(layers[name], recipe.colours)
    if recipe.scene is not None:
        layers["image"] = composite(layers["foreground"], layers["background"], layers["alpha"])
    if recipe.degrade:
        rng = np.random.default_rng(recipe.seed)
        layers["image"] = degrade_photo(rng, layers["image"])
    layers["trimap"] = trimap_from_alpha(layers["alpha"], recipe.ellipse)
    return layers
