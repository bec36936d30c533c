"""Cross region attention (CRA): a region looks at the regions nearest to it."""

from collections.abc import Sequence

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
    row, column = cells[sequence, 1], cells[sequence, 2]  # (M, L)
    dy = row[:, None, :] - row[:, :, None]  # (M, query, key)
    dx = column[:, None, :] - column[:, :, None]
    side = 2 * REACH + 1
    far = (dy.abs() > REACH) | (dx.abs() > REACH)
    return ((dy + REACH) * side + dx + REACH).masked_fill(far, side * side)


# What is long to look up on a GPU is short on a CPU, and the other way round, each several times.
def look_up_bias(table: Tensor, entries: Tensor, *, for_gpu: bool) -> Tensor:
    """(E, heads) and (M, L, L) int64 -> (M, heads, L, L)."""
    if for_gpu:
        return table.t()[:, entries].transpose(0, 1)
    return F.embedding(entries, table).permute(0, 3, 1, 2)


def look_up_heads(qkv: Tensor, sequence: Tensor, *, for_gpu: bool) -> Tensor:
    """(N, heads, C) and (M, L) int64 -> (M, heads, L, C)."""
    if for_gpu:
        return F.embedding(sequence, qkv.flatten(1)).unflatten(2, qkv.shape[1:]).transpose(1, 2)
    heads = torch.arange(qkv.shape[1], device=qkv.device)[:, None]
    return F.embedding(sequence[:, None] * len(heads) + heads, qkv.flatten(0, 1))


def softmax(scores: Tensor) -> Tensor:
    """Softmax over a short last axis; on CPUs five times as fast as torch's over nine numbers."""
    if scores.is_cuda:  # where torch's is one kernel instead of five
        return scores.softmax(dim=-1)
    # The result is the same for any shift, so there is nothing to learn from its gradient.
    weights = (scores - scores.detach().amax(dim=-1, keepdim=True)).exp()
    return weights / weights.sum(dim=-1, keepdim=True)


class AttentionLayer(nn.Module):
    """A pre-norm transformer layer in two forms: for all tokens of a sequence, or for its first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.project = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, width)
        self.contract = nn.Linear(width, width)

    def attend_all(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
        """Three of (M, heads, L, C / heads) and a bias of (M, heads, L, L) -> (M, L, C)."""
        weights = softmax(query @ key.transpose(2, 3) * self.scale + bias)  # (M, heads, L, L)
        return self.project((weights @ value).transpose(1, 2).flatten(2))

    def attend_first(self, tokens: Tensor, bias: Tensor) -> Tensor:
        """(M, L, C) normalised tokens and a bias of (M, heads, L) -> (M, C), for the first token.

        The first token's query meets the keys' projection, and the mixed tokens the values', one
        time each instead of L times: the products are regrouped, the result is the same.
        """
        M, _, C = tokens.shape
        to_query, to_key, to_value = self.qkv.weight.view(3, self.heads, C // self.heads, C)
        query = torch.einsum("mc,hdc->hmd", tokens[:, 0] * self.scale, to_query)
        query = (query @ to_key).transpose(0, 1)  # (M, heads, C)
        weights = softmax(query @ tokens.transpose(1, 2) + bias)  # (M, heads, L)
        mixed = (weights @ tokens).transpose(0, 1)  # (heads, M, C)
        value = mixed @ to_value.transpose(1, 2)  # (heads, M, C / heads)
        return self.project(value.transpose(0, 1).reshape(M, C))

    def feed_forward(self, tokens: Tensor) -> Tensor:
        """(..., C) -> (..., C), with the residual."""
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
            (N, width) tokens, and (N, heads, 3 * width / heads): each head's query, key and value
            of them in the first layer.
        """
        token = self.enter(features.mean(dim=(2, 3)))
        qkv = self.first.qkv(self.first.norm1(token)).unflatten(1, (3, self.first.heads, -1))
        return token, qkv.transpose(1, 2).flatten(2)

    def forward(self, tokens: Sequence[Tensor], cells: Tensor, sequence: Tensor) -> Tensor:
        """Mix each sequence and keep its first place.

        Args:
            tokens: of all N regions, from `tokens`.
            cells: (N, 3) int64 rows (batch, row, column).
            sequence: (M, 1 + K) int64 indices of a region and its neighbours.

        Returns:
            (M, C), to be added to the features of the regions sequence[:, 0].
        """
        token, qkv = tokens
        quick = qkv.is_cuda and not self.training  # learning from it would take longer
        entries = position_entries(cells, sequence)
        bias = look_up_bias(self.position_bias, entries, for_gpu=quick)
        bias = bias.to(token.dtype).contiguous()  # (M, heads, query, key)
        query, key, value = look_up_heads(qkv, sequence, for_gpu=qkv.is_cuda).chunk(3, dim=-1)
        x = F.embedding(sequence, token) + self.first.attend_all(query, key, value, bias)
        x = self.first.feed_forward(x)  # (M, L, width)
        mixed = self.second.attend_first(self.second.norm1(x), bias[:, :, 0])
        return self.leave(self.second.feed_forward(x[:, 0] + mixed))
