"""The refinement network: 8x8 regions, refined with a look at their neighbours (0.36 M)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models.attention import CrossRegionAttention
from models.heads import AlphaHead
from models.regions import crop_regions, nearest_cells, upsample_regions

REGION = 8  # P, pixels: the coarse network's last head stands at half a patch

BATCH_NORM_EPS = 1e-3  # the authors'; their momentum (running mean = last batch) is not taken over


def _step(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv, nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS), nn.LeakyReLU(0.1, inplace=True)
    )


def _down(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return _step(nn.Conv2d(inputs, outputs, kernel), outputs)


def _up(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return _step(nn.ConvTranspose2d(inputs, outputs, kernel), outputs)


class RefinementNetwork(nn.Module):
    """Region encoder (8 -> 4 -> 2 pixels), cross region attention, region decoder (2 -> 4 -> 8).

    Args:
        attention: None leaves every region by itself (an ablation).
        num_neighbours: K.
    """

    max_regions_per_chunk = 1024  # bounds memory, about 40 KB a region, and fits caches

    def __init__(self, attention: CrossRegionAttention | None, num_neighbours: int) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            [
                nn.Sequential(_down(4, 32, 1), _down(32, 32, 1)),  # 8x8
                nn.Sequential(_down(32, 64, 3), _down(64, 64, 3)),  # 8 -> 6 -> 4
                nn.Sequential(_down(64, 64, 3), _down(64, 64, 1)),  # 4 -> 2
            ]
        )
        self.attention = attention
        self.num_neighbours = num_neighbours
        self.decoder = nn.ModuleList(
            [
                nn.Sequential(_up(64, 32, 1), _up(32, 32, 3)),  # 2 -> 4
                nn.Sequential(_up(96, 32, 3), _up(32, 32, 3)),  # 4 -> 6 -> 8
                nn.Sequential(_up(64, 16, 1), _up(16, 16, 1)),  # 8x8
            ]
        )
        self.head = AlphaHead(16, 1)

    def forward(self, image: Tensor, coarse_alpha: Tensor, cells: Tensor) -> Tensor:
        """Refine the regions behind cells.

        In evaluation mode at most `max_regions_per_chunk` regions are worked on at once: a chunk is
        encoded, and refined as soon as the last of its neighbours is encoded too. Cells come in
        raster order, so that is a chunk or two later.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            coarse_alpha: (B, 1, h, w) in [0, 1].
            cells: (N, 3) int64 rows (batch, row, column), as `nonzero` gives them; N at least 1.

        Returns:
            (N, 1, 8, 8) float32 alpha in [0, 1], in the order of `cells`.
        """
        B, _, h, w = coarse_alpha.shape
        N = len(cells)
        # Batch norm's statistics in training are those of all regions.
        size = N if self.training else min(N, self.max_regions_per_chunk)
        chunks = torch.arange(N, device=cells.device).split(size)
        if self.attention is None:
            return torch.cat(
                [self.decode(self.encode(image, coarse_alpha, cells[i])) for i in chunks]
            )
        neighbours = nearest_cells(cells, (B, h, w), self.num_neighbours)
        farthest = torch.stack([neighbours[i].max() for i in chunks]).tolist()
        tokens: Sequence[Tensor] = ()
        waiting: deque[list[Tensor]] = deque()
        refined: list[Tensor] = []
        encoded = 0
        for chunk in chunks:
            waiting.append(self.encode(image, coarse_alpha, cells[chunk]))
            new = self.attention.tokens(waiting[-1][-1])
            if size == N:
                tokens = new
            else:
                tokens = tokens or [part.new_empty(N, *part.shape[1:]) for part in new]
                for whole, part in zip(tokens, new, strict=True):
                    whole[chunk] = part
            encoded += len(chunk)
            while waiting and farthest[len(refined)] < encoded:
                own = chunks[len(refined)]
                sequence = torch.cat([own[:, None], neighbours[own]], dim=1)
                mixed = self.attention(tokens, cells, sequence)[:, :, None, None]
                *skips, features = waiting.popleft()
                refined.append(self.decode([*skips, features + mixed]))
        return torch.cat(refined)

    def encode(self, image: Tensor, coarse_alpha: Tensor, cells: Tensor) -> list[Tensor]:
        """Features of regions at three levels: (M, 32, 8, 8), (M, 64, 4, 4), (M, 64, 2, 2)."""
        colours = crop_regions(image, cells, REGION)
        alphas = upsample_regions(coarse_alpha, cells, REGION)
        x = torch.cat([colours, alphas.to(colours.dtype)], dim=1).to(self.head.weight.dtype)
        x = x.contiguous(memory_format=torch.channels_last)  # (M, 4, 8, 8)
        features = []
        for level in self.encoder:
            x = level(x)
            features.append(x)
        return features

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features as from `encode` -> (M, 1, 8, 8) float32 alpha in [0, 1]."""
        fine, middle, x = features
        x = self.decoder[0](x)
        x = self.decoder[1](torch.cat([x, middle], dim=1))
        x = self.decoder[2](torch.cat([x, fine], dim=1))
        return self.head(x).clamp(0, 1)
