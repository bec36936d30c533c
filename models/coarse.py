"""The coarse network: a small alpha and a small trimap for the whole photo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.backbone import Backbone
from models.heads import AlphaHead


class CoarseOutput(NamedTuple):
    """Predictions at strides 32, 16 and 8, in this order; the last is the one that is used.

    Attributes:
        alpha_logits: three of (B, 1, h, w), always float32; the coarse alpha is their sigmoid.
        trimap_logits: three of (B, 3, h, w), channels (background, unknown, foreground).
    """

    alpha_logits: list[Tensor]
    trimap_logits: list[Tensor]


class CoarseNetwork(nn.Module):
    """Backbone, decoder from stride 128 to stride 16, and two heads a level.

    Args:
        backbone: gives the pyramid.
        widths: channels of the decoder at strides 64, 32 and 16.
    """

    def __init__(self, backbone: Backbone, widths: Sequence[int]) -> None:
        super().__init__()
        self.backbone = backbone
        inputs = backbone.channels[-1]
        self.decoder = nn.ModuleList()
        for skip, width in zip(backbone.channels[-2::-1], widths, strict=True):
            conv = nn.Conv2d(inputs + skip, width, 3, padding=1)
            nn.init.kaiming_normal_(conv.weight, a=0.1)
            self.decoder.append(conv)
            inputs = width
        # A head predicts the 2x2 finer cells inside each of its own: channels (class, dy, dx).
        self.alpha_heads = nn.ModuleList(AlphaHead(width, 1 * 4) for width in widths)
        self.trimap_heads = nn.ModuleList(nn.Conv2d(width, 3 * 4, 1) for width in widths)

    def forward(self, image: Tensor) -> CoarseOutput:
        """image: (B, 3, H, W) RGB in [0, 1], sides multiples of 128 -> logits at three strides."""
        *skips, x = self.backbone(image)
        alpha_logits, trimap_logits = [], []
        for level, conv in enumerate(self.decoder):
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(conv(torch.cat([x, skips[-1 - level]], dim=1)), 0.1)
            alpha_logits.append(F.pixel_shuffle(self.alpha_heads[level](x), 2))
            trimap_logits.append(F.pixel_shuffle(self.trimap_heads[level](x), 2))
        return CoarseOutput(alpha_logits, trimap_logits)
