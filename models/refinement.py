"""The refinement network: 8x8 regions, refined with a look at their neighbours (0.36 M)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from models.attention import CrossRegionAttention
from models.regions import nearest_cells

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
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, regions: Tensor, cells: Tensor, shape: tuple[int, int, int]) -> Tensor:
        """Refine regions.

        Args:
            regions: (N, 4, 8, 8): RGB in [0, 1] and the enlarged coarse alpha.
            cells: (N, 3) int64 rows (batch, row, column).
            shape: (B, h, w) of the grid of cells.

        Returns:
            (N, 1, 8, 8) alpha in [0, 1].
        """
        x, skips = regions, []
        for level in self.encoder:
            x = level(x)
            skips.append(x)
        if self.attention is not None:
            neighbours = nearest_cells(cells, shape, self.num_neighbours)
            own = torch.arange(len(cells), device=cells.device)[:, None]
            tokens, qkv = self.attention.tokens(x)
            mixed = self.attention(tokens, qkv, cells, torch.cat([own, neighbours], dim=1))
            x = x + mixed[:, :, None, None]
        x = self.decoder[0](x)
        x = self.decoder[1](torch.cat([x, skips[1]], dim=1))
        x = self.decoder[2](torch.cat([x, skips[0]], dim=1))
        return self.head(x).clamp(0, 1)
