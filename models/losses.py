"""What training minimises: one pure function a term, all of it in float32, also inside autocast.

Every term weighs pixels by counts taken per image, never per batch, and is a mean over the images,
so a batch that is split over processes has the same loss as the whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from models.coarse import STRIDES

if TYPE_CHECKING:
    from models.matting import MattingOutput

LEVELS = 5  # of the Laplacian pyramid, the rest not counted


class Comparison:
    """The network's output beside the truth, as the terms take them: float32, each made once.

    Args:
        output: what MattingModel gave for `batch["image"]`, in any floating-point type.
        batch: as for compute_losses.

    Attributes:
        pred_alpha, true_alpha: (B, 1, H, W).
        true_alpha_coarse, true_trimap_coarse: (B, 1, H/8, W/8), and (B, 3, H/8, W/8) shares.
        weights: (B, 1, H, W) how much each pixel counts in the full-size terms.
        edge: (B,) how much each image counts in them, or None.
    """

    def __init__(self, output: MattingOutput, batch: Mapping[str, Tensor]) -> None:
        self.coarse, self.batch = output.coarse, batch
        self.pred_alpha = output.alpha.float()
        self.true_alpha = batch["alpha"].float()
        self.edge = batch.get("edge_weight")

    @cached_property
    def true_trimap(self) -> Tensor:
        return one_hot_trimap(self.batch["trimap"])

    @cached_property
    def true_alpha_coarse(self) -> Tensor:
        return F.avg_pool2d(self.true_alpha, STRIDES[-1])

    @cached_property
    def true_trimap_coarse(self) -> Tensor:
        return F.avg_pool2d(self.true_trimap, STRIDES[-1])

    @cached_property
    def weights(self) -> Tensor:
        return unknown_weights(self.true_trimap)


def _coarse_alpha(c: Comparison, *, level: int) -> Tensor:
    logits = _upsample(c.coarse.alpha_logits[level].float(), c.true_alpha_coarse.shape[-2:])
    return F.binary_cross_entropy_with_logits(logits, c.true_alpha_coarse)


def _coarse_trimap(c: Comparison, *, level: int) -> Tensor:
    logits = _upsample(c.coarse.trimap_logits[level].float(), c.true_trimap_coarse.shape[-2:])
    return focal_loss(logits, c.true_trimap_coarse)


def _composite(c: Comparison) -> Tensor:
    foreground, background, image = (
        c.batch[name].float() for name in ("foreground", "background", "image")
    )
    return composite_loss(c.pred_alpha, foreground, background, image, c.weights, c.edge)


# All terms; a new one is a function and an entry. docs/extending.md shows how.
LOSSES: dict[str, Callable[[Comparison], Tensor]] = {
    **{f"coarse_alpha_{s}": partial(_coarse_alpha, level=i) for i, s in enumerate(STRIDES)},
    **{f"coarse_trimap_{s}": partial(_coarse_trimap, level=i) for i, s in enumerate(STRIDES)},
    "alpha": lambda c: alpha_loss(c.pred_alpha, c.true_alpha, c.weights, c.edge),
    "composite": _composite,
    "laplacian": lambda c: laplacian_loss(c.pred_alpha, c.true_alpha, c.weights, c.edge),
}


def compute_losses(
    output: MattingOutput, batch: Mapping[str, Tensor], without: Collection[str] = ()
) -> dict[str, Tensor]:
    """All terms of the method, each to be weighed by 1.

    Args:
        output: what MattingModel gave for `batch["image"]`, in any floating-point type.
        batch: image, foreground, background (B, 3, H, W) and alpha (B, 1, H, W), all in [0, 1];
            trimap (B, 1, H, W) with 0 background, 128 unknown, 255 foreground; and, if the terms
            at full size are to count more in some images than in others, edge_weight (B,).
        without: the terms that are not computed.

    Returns:
        One scalar float32 tensor for each other name in LOSSES, in that order.
    """
    with torch.autocast(batch["image"].device.type, enabled=False):
        comparison = Comparison(output, batch)
        return {name: loss(comparison) for name, loss in LOSSES.items() if name not in without}


def one_hot_trimap(trimap: Tensor) -> Tensor:
    """(B, 1, H, W) of 0/128/255 -> (B, 3, H, W) float32: background, unknown, foreground."""
    values = torch.tensor([0, 128, 255], device=trimap.device).view(1, 3, 1, 1)
    return (trimap == values).float()


def focal_loss(logits: Tensor, true_trimap: Tensor) -> Tensor:
    """Focal loss of soft labels, exponent 2, rare classes weighed up by the root of their count.

    Args:
        logits: (B, 3, h, w).
        true_trimap: (B, 3, h, w) share of each class in the cell; the shares add up to 1.

    Returns:
        Mean over pixels of Σ_c w_c (−t_c log p_c) (1 − q_c)², q_c = p_c t_c + (1 − p_c)(1 − t_c),
        w_c = n_c^-½ / Σ n^-½ with n_c the image's cells that are mostly c (0 for an absent class).
    """
    class_weights = _inverse_power(_count(_harden(true_trimap)), 0.5)  # (B, 3)
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    q = p * true_trimap + (1 - p) * (1 - true_trimap)
    terms = -true_trimap * log_p * (1 - q).square()
    return torch.einsum("bchw,bc->bhw", terms, class_weights).mean()


def unknown_weights(true_trimap: Tensor) -> Tensor:
    """How much each pixel counts in the full-size terms.

    Args:
        true_trimap: (B, 3, H, W) one-hot.

    Returns:
        (B, 1, H, W): u where the trimap says unknown and 1 − u elsewhere, with
        u = n_unknown^-2 / Σ n_c^-2 from the image's own counts (an absent class is left out).
    """
    background, unknown, foreground = _inverse_power(_count(true_trimap), 2).unbind(1)
    u = unknown.view(-1, 1, 1, 1)
    # 1 − u as the sum of the others: a difference would round to 0 where hardly a pixel is unknown,
    # and a pyramid level that misses these pixels would divide 0 by 0.
    rest = (background + foreground).view(-1, 1, 1, 1)
    return torch.where(true_trimap[:, 1:2] > 0, u, rest)


def alpha_loss(
    pred_alpha: Tensor, true_alpha: Tensor, weights: Tensor, edge: Tensor | None = None
) -> Tensor:
    """Weighted mean of √(d² + 1e-12), d the error of alpha. All (B, 1, H, W); edge: (B,)."""
    return _weighted_mean(_smooth_abs(pred_alpha - true_alpha), weights, edge)


def composite_loss(
    pred_alpha: Tensor,
    foreground: Tensor,
    background: Tensor,
    image: Tensor,
    weights: Tensor,
    edge: Tensor | None = None,
) -> Tensor:
    """Weighted mean of √(d² + 1e-12), d the error of αF + (1 − α)B against the photo.

    Args:
        pred_alpha, weights: (B, 1, H, W).
        foreground, background, image: (B, 3, H, W) in [0, 1].
    """
    composite = torch.lerp(background, foreground, pred_alpha)
    return _weighted_mean(_smooth_abs(composite - image).mean(1, keepdim=True), weights, edge)


def laplacian_loss(
    pred_alpha: Tensor, true_alpha: Tensor, weights: Tensor, edge: Tensor | None = None
) -> Tensor:
    """Sum over five levels of a Laplacian pyramid, and its rest, of the weighted mean of |error|.

    The pyramid is linear, so the difference is taken apart instead of both alphas. At the border
    the picture is mirrored (the method leaves this open; zeros would make an edge there).

    Args:
        pred_alpha, true_alpha, weights: (B, 1, H, W); H and W at least 96 and multiples of 32.
    """
    x = pred_alpha - true_alpha
    total = x.new_zeros(())
    for _ in range(LEVELS):
        blurred = blur(x)
        total = total + _weighted_mean((x - blurred).abs(), _resize(weights, x), edge)
        x = F.avg_pool2d(blurred, 2)
    return total + _weighted_mean(x.abs(), _resize(weights, x), edge)


def blur(x: Tensor) -> Tensor:
    """5×5 Gaussian, σ 1, mirrored border, as two passes. (B, 1, H, W), both sides at least 3."""
    # As sums of shifted views: on CPUs ten times as fast as conv2d with a single channel.
    weights = [math.exp(-0.5 * offset**2) for offset in range(3)]
    total = weights[0] + 2 * weights[1] + 2 * weights[2]
    for dim, pad in ((-2, (0, 0, 2, 2)), (-1, (2, 2, 0, 0))):
        n = x.shape[dim]
        padded = F.pad(x, pad, mode="reflect")
        x = padded.narrow(dim, 2, n) * (weights[0] / total)
        for offset in (1, 2):
            pair = padded.narrow(dim, 2 - offset, n) + padded.narrow(dim, 2 + offset, n)
            x = x + pair * (weights[offset] / total)
    return x


def _smooth_abs(difference: Tensor) -> Tensor:
    return (difference.square() + 1e-12).sqrt()


def _weighted_mean(values: Tensor, weights: Tensor, edge: Tensor | None) -> Tensor:
    """Σ w·v / Σ w per image, then the mean over the images, each times its edge weight.

    Both are (B, 1, H, W); edge is (B,) or None, all 1.
    """
    per_image = (values * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))
    return per_image.mean() if edge is None else (per_image * edge).mean()


def _count(one_hot: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B, 3): each class's share of the image."""
    return one_hot.mean((2, 3))


def _harden(shares: Tensor) -> Tensor:
    return F.one_hot(shares.argmax(1), 3).permute(0, 3, 1, 2).float()


def _inverse_power(counts: Tensor, power: float) -> Tensor:
    """n^-power, an absent class 0, scaled to add up to 1 per image. (B, 3) -> (B, 3)."""
    inverse = torch.where(counts > 0, counts.clamp(min=1e-12) ** -power, 0)
    return inverse / inverse.sum(1, keepdim=True)


def _upsample(x: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _resize(weights: Tensor, like: Tensor) -> Tensor:
    if weights.shape == like.shape:
        return weights
    return _upsample(weights, like.shape[-2:])
