"""Cross region attention (CRA): a region looks at the regions nearest to it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

REACH = 3  # cells; the position bias knows offsets within this, one entry stands for all farther


def position_entries(cells: Tensor, sequence: Tensor) -> Tensor:
    """Which entry of the bias table belongs to each (query, key) pair of a sequence.

    Args:
        cells: (N, 3) int64 rows (batch, row, column).
        sequence: (M, L) int64 indices into `cells`.

    Returns:
        (M, L, L) int64: 7 * (dy + 3) + (dx + 3) of key - query, 49 beyond +-3.
    """
    place = cells[sequence, 1:]  # (M, L, 2)
    offset = place[:, None, :, :] - place[:, :, None, :]  # (M, query, key, 2)
    side = 2 * REACH + 1
    entry = (offset[..., 0] + REACH) * side + offset[..., 1] + REACH
    return torch.where((offset.abs() <= REACH).all(dim=-1), entry, side * side)


class AttentionLayer(nn.Module):
    """Pre-norm transformer layer whose queries may be fewer than its keys."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, width)
        self.contract = nn.Linear(width, width)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """(M, Q, C), (M, L, C), (M, L, C) and a bias of (M, heads, Q, L) -> (M, Q, C)."""
        query, key, value = (
            x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (query, key, value)
        )  # (M, heads, Q or L, C / heads)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.project(mixed.transpose(1, 2).flatten(2))

    def feed_forward(self, tokens: Tensor) -> Tensor:
        """(M, Q, C) -> (M, Q, C), with the residual."""
        return tokens + self.contract(F.gelu(self.expand(self.norm2(tokens))))


class CrossRegionAttention(nn.Module):
    """Two layers over [the region itself, its K nearest]; the second computes only its own token.

    Args:
        channels: of the region's feature map, in and out.
        width: of a token.
        heads: of both layers.
    """

    def __init__(self, channels: int, width: int, heads: int) -> None:
        super().__init__()
        self.enter = nn.Linear(channels, width)
        self.first = AttentionLayer(width, heads)
        self.second = AttentionLayer(width, heads)
        self.leave = nn.Linear(width, channels)
        # One table for both layers. It starts at zero, as the authors' does, but learns.
        self.position_bias = nn.Parameter(torch.zeros((2 * REACH + 1) ** 2 + 1, heads))

    def tokens(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """What every region is to the others, computed once per region.

        Args:
            features: (N, C, 2, 2).

        Returns:
            (N, width) tokens and (N, 3 * width), their query, key and value in the first layer.
        """
        tokens = self.enter(features.mean(dim=(2, 3)))
        return tokens, self.first.qkv(self.first.norm1(tokens))

    def forward(self, tokens: Tensor, qkv: Tensor, cells: Tensor, sequence: Tensor) -> Tensor:
        """Mix each sequence and keep its first place.

        Args:
            tokens, qkv: of all N regions, from `tokens`.
            cells: (N, 3) int64 rows (batch, row, column).
            sequence: (M, 1 + K) int64 indices of a region and its neighbours.

        Returns:
            (M, C), to be added to the features of the regions sequence[:, 0].
        """
        bias = self.position_bias[position_entries(cells, sequence)].permute(0, 3, 1, 2)
        bias = bias.to(tokens.dtype)  # (M, heads, query, key)
        query, key, value = qkv[sequence].chunk(3, dim=-1)  # (M, L, width) each
        x = tokens[sequence] + self.first.attend(query, key, value, bias)
        x = self.first.feed_forward(x)
        query, key, value = self.second.qkv(self.second.norm1(x)).chunk(3, dim=-1)
        own = x[:, :1] + self.second.attend(query[:, :1], key, value, bias[:, :, :1])
        return self.leave(self.second.feed_forward(own).squeeze(1))
