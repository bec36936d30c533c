"""Recipes carried out on a GPU: what `P3MData.recipe.carry_out` does, for a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from P3MData.augment import CELLS, Warp, coarse_map, shrink_factor, shrunk
from P3MData.recipe import Recipe
from utils.trimap import Trimap

COLOURS = ("image", "foreground", "background")


def carry_out_batch(recipes: Sequence[Recipe], device: torch.device | str) -> dict[str, Any]:
    """The batch that TrainingSet's items make, up to rounding; photos may differ in size.

    Returns:
        name: list of B; seed: (B,) int64; image, foreground, background (B, 3, h, w), alpha and
        trimap (B, 1, h, w), uint8, on `device`.

    Raises:
        ValueError: if a recipe degrades its photo, which JPEG confines to the CPU.
    """
    if any(recipe.degrade for recipe in recipes):
        raise ValueError("photos are degraded on the CPU only; use P3MData.recipe.carry_out")
    items = [_carry_out(recipe, torch.device(device)) for recipe in recipes]
    layers = (*COLOURS, "alpha", "trimap")
    return {
        "name": [recipe.name for recipe in recipes],
        "seed": torch.tensor([recipe.seed for recipe in recipes]),
        **{name: torch.stack([item[name] for item in items]) for name in layers},
    }


def _carry_out(recipe: Recipe, device: torch.device) -> dict[str, Tensor]:
    layers = _warp(recipe.layers, recipe.warp, recipe.size, device)
    if recipe.scene is not None and recipe.scene_warp is not None:
        scene = {"background": recipe.scene}
        layers |= _warp(scene, recipe.scene_warp, recipe.size, device)
    colours = torch.from_numpy(recipe.colours).to(device)
    for name in layers.keys() - {"alpha"}:
        turned = torch.einsum("dc,chw->dhw", colours[:, :3], layers[name]) + colours[:, 3:, None]
        layers[name] = turned.round().clamp(0, 255)
    if recipe.scene is not None:
        a = layers["alpha"] / 255
        layers["image"] = torch.lerp(layers["background"], layers["foreground"], a).round()
    item = {name: layer.to(torch.uint8) for name, layer in layers.items()}
    return item | {"trimap": _trimap(item["alpha"], recipe.ellipse)}


def _warp(
    layers: dict[str, np.ndarray], warp: Warp, size: tuple[int, int], device: torch.device
) -> dict[str, Tensor]:
    """As `P3MData.augment.apply_warp`: {name: (H, W[, C]) uint8} to {name: (C, h, w) float32}."""
    arrays = [torch.from_numpy(np.atleast_3d(layer)).to(device) for layer in layers.values()]
    stack = torch.cat(arrays, dim=2).permute(2, 0, 1)[None].float()  # (1, C, H, W)
    if (factor := shrink_factor(warp, stack.shape[2:])) > 1:
        stack = F.avg_pool2d(stack, factor)
        warp = shrunk(warp, factor)
    H, W = stack.shape[2:]
    extent = torch.tensor([max(W - 1, 1), max(H - 1, 1)], device=device)
    grid = _source_map(warp, size, device) * 2 / extent - 1
    crop = F.grid_sample(stack, grid, padding_mode="reflection", align_corners=True)
    parts = crop[0].round().split([array.shape[2] for array in arrays])
    return dict(zip(layers, parts, strict=True))


def _source_map(warp: Warp, size: tuple[int, int], device: torch.device) -> Tensor:
    """As `P3MData.augment.source_map`: (1, h, w, 2)."""
    h, w = size
    rows, columns = h // CELLS, w // CELLS
    coarse = torch.from_numpy(coarse_map(warp, size)).to(device).permute(2, 0, 1)[None]
    full = ((CELLS + 2) * rows, (CELLS + 2) * columns)
    fine = F.interpolate(coarse, full, mode="bilinear", align_corners=False)
    return fine[..., rows : rows + h, columns : columns + w].permute(0, 2, 3, 1)


def _trimap(alpha: Tensor, size: int) -> Tensor:
    """As `utils.trimap.trimap_from_alpha`: (1, h, w) uint8."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    kernel = torch.from_numpy(ellipse).to(alpha.device).float()[None, None]
    before, after = size // 2, (size - 1) // 2  # an even ellipse has its middle right of the middle
    impure = torch.stack([alpha > 0, alpha < 255]).float()  # (2, 1, h, w)
    near = F.conv2d(F.pad(impure, (before, after, before, after)), kernel) > 0.5
    trimap = torch.full_like(alpha, Trimap.UNKNOWN)
    return trimap.masked_fill_(~near[0], Trimap.BACKGROUND).masked_fill_(
        ~near[1], Trimap.FOREGROUND
    )
