"""The refinement network: 8x8 regions, refined with a look at their neighbours (0.36 M)."""

from collections import deque
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.attention import CrossRegionAttention
from models.graphs import Graphs
from models.heads import AlphaHead
from models.regions import (
    DISC,
    crop_regions,
    disc,
    nearest_cells,
    nearest_cells_unrolled,
    upsample_regions,
)

REGION = 8  # P, pixels: the coarse network's last head stands at half a patch
LONE = 64  # cells that may have no K others near them before the host has to look

BATCH_NORM_EPS = 1e-3  # the authors'; their momentum (running mean = last batch) is not taken over


def _step(conv: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv, nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS), nn.LeakyReLU(0.1, inplace=True)
    )


def _down(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return _step(nn.Conv2d(inputs, outputs, kernel), outputs)


def _up(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return _step(nn.ConvTranspose2d(inputs, outputs, kernel), outputs)


def bucket(count: int) -> int:
    """The least of 512, 640, 768, 896, 1024, 1280, 1536, ... (4, 5, 6 and 7 times a power of two)
    that is at least `count`: few numbers, none of which is a quarter too large."""
    unit = max(128, 1 << max(0, (count - 1).bit_length() - 3))
    return max(512, -(-count // unit) * unit)


def _sequences(neighbours: Tensor) -> Tensor:
    """(N, K) neighbours -> (N, 1 + K): each region, then its neighbours."""
    own = torch.arange(neighbours.shape[0], device=neighbours.device)
    return torch.cat([own[:, None], neighbours], dim=1)


class RefinementNetwork(nn.Module):
    """Region encoder (8 -> 4 -> 2 pixels), cross region attention, region decoder (2 -> 4 -> 8).

    Args:
        attention: None leaves every region by itself (an ablation).
        num_neighbours: K.
    """

    disc: Tensor
    max_regions_per_chunk = 1024  # bounds memory, about 40 KB a region, and fits caches
    # Whether inference adds dummies up to one of few numbers of regions, each of which costs a GPU
    # the choice of its convolutions' kernels once. A CPU has nothing to choose: it would be slower.
    buckets = False
    graphs: Graphs | None = None  # what replays refine_on_device on a GPU, if anything does

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
        self.register_buffer("disc", disc(DISC), persistent=False)

    def forward(self, image: Tensor, coarse_alpha: Tensor, cells: Tensor) -> Tensor:
        """Refine the regions behind cells: in training all at once, in inference in pieces.

        Args:
            image: (B, 3, H, W) RGB in [0, 1].
            coarse_alpha: (B, 1, h, w) in [0, 1].
            cells: (N, 3) int64 rows (batch, row, column), as `nonzero` gives them; N at least 1.

        Returns:
            (N, 1, 8, 8) float32 alpha in [0, 1], in the order of `cells`.
        """
        N = len(cells)
        if not self.training and self.buckets:
            # Dummies are rows of -1, the last cell of the last image to what cuts regions.
            padded = F.pad(cells, (0, 0, 0, bucket(N) - N), value=-1)
            if len(padded) <= self.max_regions_per_chunk:
                inputs = image, coarse_alpha, padded
                run = self.refine_on_device
                regions, lone = self.graphs(run, *inputs) if self.graphs else run(*inputs)
                if lone <= LONE:
                    return regions[:N]
        else:
            padded = cells
        neighbours = None
        if self.attention is not None:
            B, _, h, w = coarse_alpha.shape
            neighbours = nearest_cells(cells, (B, h, w), self.num_neighbours)
            neighbours = F.pad(neighbours, (0, 0, 0, len(padded) - N))
        refine = self.refine if self.training else self.stream
        return refine(image, coarse_alpha, padded, neighbours)[:N]

    def refine(
        self, image: Tensor, coarse_alpha: Tensor, cells: Tensor, neighbours: Tensor | None
    ) -> Tensor:
        """All regions at once: in training, batch norm's statistics are those of all.

        Args:
            image, coarse_alpha, cells: as for `forward`.
            neighbours: (N, K) int64 indices into `cells`; None without attention.
        """
        features = self.encode(image, coarse_alpha, cells)
        if self.attention is None or neighbours is None:
            return self.decode(features)
        tokens = self.attention.tokens(features[-1])
        return self._mix(tokens, features, cells, _sequences(neighbours))

    def refine_on_device(
        self, image: Tensor, coarse_alpha: Tensor, cells: Tensor
    ) -> tuple[Tensor, Tensor]:
        """All at once, and the host reads nothing meanwhile, so that a GPU can replay it.

        Args:
            cells: (N, 3) as for `forward`, and dummies, rows of -1.

        Returns:
            (N, 1, 8, 8), of dummies anything, and how many cells have no K others near them: if
            more than LONE, the answer is wrong.
        """
        if self.attention is None:
            return self.refine(image, coarse_alpha, cells, None), cells.new_zeros(())
        B, _, h, w = coarse_alpha.shape
        neighbours, lone = nearest_cells_unrolled(
            cells, (B + 1, h, w), self.disc, self.num_neighbours, LONE
        )
        return self.refine(image, coarse_alpha, cells, neighbours), lone

    def stream(
        self, image: Tensor, coarse_alpha: Tensor, cells: Tensor, neighbours: Tensor | None
    ) -> Tensor:
        """As `refine`, at most `max_regions_per_chunk` regions at once, so that memory is bounded.

        A chunk is encoded, and refined as soon as the last of its neighbours is encoded too. Cells
        come in raster order, so that is a chunk or two later.
        """
        parts = cells.split(self.max_regions_per_chunk)
        if self.attention is None or neighbours is None or len(parts) == 1:
            return torch.cat([self.refine(image, coarse_alpha, p, neighbours) for p in parts])
        chunks = _sequences(neighbours).split(len(parts[0]))
        farthest = torch.stack([sequences.max() for sequences in chunks]).tolist()
        tokens: Sequence[Tensor] = ()
        waiting: deque[list[Tensor]] = deque()
        refined: list[Tensor] = []
        encoded = 0
        for part in parts:
            waiting.append(self.encode(image, coarse_alpha, part))
            new = self.attention.tokens(waiting[-1][-1])
            tokens = tokens or [rows.new_empty(len(cells), *rows.shape[1:]) for rows in new]
            for whole, rows in zip(tokens, new, strict=True):
                whole[encoded : encoded + len(part)] = rows
            encoded += len(part)
            while waiting and farthest[len(refined)] < encoded:
                sequences = chunks[len(refined)]
                refined.append(self._mix(tokens, waiting.popleft(), cells, sequences))
        return torch.cat(refined)

    def _mix(
        self, tokens: Sequence[Tensor], features: list[Tensor], cells: Tensor, sequences: Tensor
    ) -> Tensor:
        """(M, 1, 8, 8) of the regions that come first in (M, 1 + K) sequences."""
        assert self.attention is not None
        mixed = self.attention(tokens, cells, sequences)[:, :, None, None]
        *skips, deepest = features
        return self.decode([*skips, deepest + mixed])

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
