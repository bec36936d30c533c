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
    """

    def __init__(self, output: MattingOutput, batch: Mapping[str, Tensor]) -> None:
        self.coarse, self.batch = output.coarse, batch
        self.pred_alpha = output.alpha.float()
        self.true_alpha = batch["alpha"].float()

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

    def mean(self, values: Tensor) -> Tensor:
        """Σ w·v / Σ w of each image's (B, 1, h, w), then over the images, by their edge weights."""
        weights = _resize(self.weights, values)
        per_image = (values * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))
        return (per_image * self.batch.get("edge_weight", 1)).mean()


def _coarse_alpha(c: Comparison, *, level: int) -> Tensor:
    logits = _resize(c.coarse.alpha_logits[level].float(), c.true_alpha_coarse)
    return F.binary_cross_entropy_with_logits(logits, c.true_alpha_coarse)


def _coarse_trimap(c: Comparison, *, level: int) -> Tensor:
    """Focal loss of soft labels, exponent 2, rare classes weighed up by the root of their count:

    the mean over cells of Σ_c w_c (−t_c log p_c) (1 − q_c)², q_c = p_c t_c + (1 − p_c)(1 − t_c),
    w_c = n_c^-½ / Σ n^-½ with n_c the image's cells that are mostly c (0 for an absent class).
    """
    truth = c.true_trimap_coarse
    log_p = _resize(c.coarse.trimap_logits[level].float(), truth).log_softmax(1)
    p = log_p.exp()
    q = p * truth + (1 - p) * (1 - truth)
    mostly = F.one_hot(truth.argmax(1), 3).float()  # (B, h, w, 3)
    class_weights = _inverse_power(mostly.mean((1, 2)), 0.5)  # (B, 3)
    return torch.einsum("bchw,bc->bhw", -truth * log_p * (1 - q).square(), class_weights).mean()


def _alpha(c: Comparison) -> Tensor:
    return c.mean(_smooth_abs(c.pred_alpha - c.true_alpha))


def _composite(c: Comparison) -> Tensor:
    """The error of αF + (1 − α)B against the photo."""
    names = "background", "foreground", "image"
    background, foreground, image = (c.batch[name].float() for name in names)
    composite = torch.lerp(background, foreground, c.pred_alpha)
    return c.mean(_smooth_abs(composite - image).mean(1, keepdim=True))


def _laplacian(c: Comparison) -> Tensor:
    """Sum over five levels of a Laplacian pyramid, and its rest, of |error|.

    The pyramid is linear, so the difference is taken apart instead of both alphas; H and W are at
    least 96 and multiples of 32. At the border the picture is mirrored (the method leaves this
    open; zeros would make an edge there).
    """
    x = c.pred_alpha - c.true_alpha
    total = x.new_zeros(())
    for _ in range(LEVELS):
        blurred = _blur(x)
        total = total + c.mean((x - blurred).abs())
        x = F.avg_pool2d(blurred, 2)
    return total + c.mean(x.abs())


# All terms; a new one is a function and an entry. docs/extending.md shows how.
LOSSES: dict[str, Callable[[Comparison], Tensor]] = {
    **{f"coarse_alpha_{s}": partial(_coarse_alpha, level=i) for i, s in enumerate(STRIDES)},
    **{f"coarse_trimap_{s}": partial(_coarse_trimap, level=i) for i, s in enumerate(STRIDES)},
    "alpha": _alpha,
    "composite": _composite,
    "laplacian": _laplacian,
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


def unknown_weights(true_trimap: Tensor) -> Tensor:
    """How much each pixel counts in the full-size terms.

    Args:
        true_trimap: (B, 3, H, W) one-hot.

    Returns:
        (B, 1, H, W): u where the trimap says unknown and 1 − u elsewhere, with
        u = n_unknown^-2 / Σ n_c^-2 from the image's own counts (an absent class is left out).
    """
    background, unknown, foreground = _inverse_power(true_trimap.mean((2, 3)), 2).unbind(1)
    u = unknown.view(-1, 1, 1, 1)
    # 1 − u as the sum of the others: a difference would round to 0 where hardly a pixel is unknown,
    # and a pyramid level that misses these pixels would divide 0 by 0.
    rest = (background + foreground).view(-1, 1, 1, 1)
    return torch.where(true_trimap[:, 1:2] > 0, u, rest)


def _blur(x: Tensor) -> Tensor:
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


def _inverse_power(counts: Tensor, power: float) -> Tensor:
    """n^-power, an absent class 0, scaled to add up to 1 per image. (B, 3) -> (B, 3)."""
    inverse = torch.where(counts > 0, counts.clamp(min=1e-12) ** -power, 0)
    return inverse / inverse.sum(1, keepdim=True)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    if x.shape[-2:] == like.shape[-2:]:
        return x
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
