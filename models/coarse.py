"""The coarse network: a small alpha and a small trimap for the whole photo."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.heads import AlphaHead
from models.pyramid import Backbone
from utils.errors import InputError

STRIDES = (32, 16, 8)  # of the predictions


class CoarseOutput(NamedTuple):
    """Predictions at strides 32, 16 and 8, in this order; the last is the one that is used.

    A network folded for inference predicts the last alone.

    Attributes:
        alpha_logits: three of (B, 1, h, w), always float32; the coarse alpha is their sigmoid.
        trimap_logits: three of (B, 3, h, w), channels (background, unknown, foreground).
    """

    alpha_logits: list[Tensor]
    trimap_logits: list[Tensor]


class CoarseNetwork(nn.Module):
    """Backbone, decoder from its coarsest to its finest feature, and two heads on the last three
    levels: at strides 64, 32 and 16 of the paper's Swin, at 32, 16 and 8 of other backbones.

    Args:
        backbone: gives the pyramid.
        widths: channels of the decoder's levels, the coarsest first; the coarsest feature itself
            is level 0 and not counted.

    Raises:
        InputError: the number of widths does not fit, or a level is finer than its predictions.
    """

    def __init__(self, backbone: Backbone, widths: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        if len(widths) != len(backbone.channels) - 1:
            raise InputError(
                f"decoder_widths must be {len(backbone.channels) - 1} numbers for the strides"
                f" {backbone.strides} of {backbone.name}, not {tuple(widths)}"
            )
        inputs = backbone.channels[-1]
        self.decoder = nn.ModuleList()
        for skip, width in zip(backbone.channels[-2::-1], widths, strict=True):
            conv = nn.Conv2d(inputs + skip, width, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, a=0.1)
            self.decoder.append(conv)
            inputs = width
        # A head predicts the finer cells inside each of its own: channels (class, dy, dx).
        levels = list(zip([backbone.channels[-1], *widths], backbone.strides[::-1], strict=True))
        self.factors = [s // t for (_, s), t in zip(levels[-3:], STRIDES, strict=True)]
        heads = [(width, f**2) for (width, _), f in zip(levels[-3:], self.factors, strict=True)]
        self.alpha_heads = nn.ModuleList(AlphaHead(width, n) for width, n in heads)
        self.trimap_heads = nn.ModuleList(nn.Conv2d(width, 3 * n, 1) for width, n in heads)

    def forward(self, image: Tensor) -> CoarseOutput:
        """image: (B, 3, H, W) RGB in [0, 1], sides multiples of the backbone's last stride
        -> logits at three strides."""
        *skips, x = self.backbone(image)
        levels = [x]
        for conv, skip in zip(self.decoder, reversed(skips), strict=True):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(conv(torch.cat([x, skip], dim=1)), 0.1)
            levels.append(x)
        return CoarseOutput(
            self._predict(self.alpha_heads, levels), self._predict(self.trimap_heads, levels)
        )

    def _predict(self, heads: nn.ModuleList, levels: list[Tensor]) -> list[Tensor]:
        return [
            F.pixel_shuffle(head(x), factor)
            for head, x, factor in zip(
                heads, levels[-len(heads) :], self.factors[-len(heads) :], strict=True
            )
        ]

    def fold(self) -> None:
        """Make it faster for inference, which reads the predictions of the last level alone."""
        self.backbone.fold()
        self.alpha_heads, self.trimap_heads = self.alpha_heads[-1:], self.trimap_heads[-1:]
