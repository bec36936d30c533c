"""The layer that says alpha, in float32 whatever the rest of the network computes in."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AlphaHead(nn.Conv2d):
    """A 1x1 convolution whose result is float32, also inside autocast and of bfloat16 weights.

    bfloat16 has 128 numbers between 0.5 and 1: an alpha of that type has steps of 1/256, and a
    sigmoid beyond 0.998 is 1, without gradient.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) of any type -> (B, outputs, H, W) float32."""
        assert self.bias is not None
        kind = x.device.type  # profile_model.py counts on meta, which knows no autocast
        if kind != "meta" and torch.is_autocast_enabled(kind):  # first: exporting keeps the context
            with torch.autocast(kind, enabled=False):
                return self(x)
        return F.conv2d(x.float(), self.weight.float(), self.bias.float())
