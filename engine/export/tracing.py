"""The network as one graph with dynamic sizes, for ONNX.

So that no Python loop or branch depends on the data, three things that compute the same are written
differently: Swin's windows, the search for neighbours, and the regions, with a few dummies added.
"""

import types
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models import MattingModel, build_model
from models.regions import UNKNOWN, nearest_cells_unrolled, paste_regions

MOST = 2**30  # regions, or windows along a side: more than any memory holds


class ExportableModel(nn.Module):
    """A copy of the model whose graph holds for every batch, size and number of regions."""

    def __init__(self, model: MattingModel) -> None:
        super().__init__()
        self.model = build_model(model.config)
        self.model.load_state_dict(model.state_dict())
        self.model.eval().requires_grad_(False)
        module: Any
        for module in self.model.modules():
            if hasattr(module, "fused_attn"):  # ONNX has no fused attention with a mask
                module.fused_attn = False
            if hasattr(module, "shift_size"):
                module._attn = types.MethodType(_attend_in_windows, module)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) RGB in [0, 1], sides multiples of the stride -> what predict.py needs.

        That is alpha (B, 1, H, W) in [0, 1], and trimap (B, H/8, W/8) uint8: 0, 1, 2 for
        background, unknown, foreground.
        """
        image = _known_multiple(image, self.model.stride)
        coarse = self.model.coarse_network(image)
        coarse_alpha = coarse.alpha_logits[-1].sigmoid()
        classes = coarse.trimap_logits[-1].argmax(dim=1)  # (B, h, w)
        cells = (classes == UNKNOWN).nonzero()
        torch._check(cells.shape[0] <= MOST)  # else N + 9 could overflow, for all the tracer knows
        if self.model.refinement_network is None:
            cells = cells[:0]
            regions = coarse_alpha.new_empty(0, 1, 8, 8)
        else:
            regions = self._refine(image, coarse_alpha, cells)
        return paste_regions(coarse_alpha, regions, cells), classes.to(torch.uint8)

    def _refine(self, image: Tensor, coarse_alpha: Tensor, cells: Tensor) -> Tensor:
        """(N, 1, 8, 8)."""
        network: Any = self.model.refinement_network
        B, _, h, w = coarse_alpha.shape
        K, neighbours = network.num_neighbours, None
        padded = torch.cat([cells, torch.full((K + 1, 3), -1, dtype=torch.int64)])
        if network.attention is not None:
            neighbours, _ = nearest_cells_unrolled(padded, (B + 1, h, w), network.disc, K)
        return network.refine(image, coarse_alpha, padded, neighbours)[: cells.shape[0]]


def _attend_in_windows(self: Any, x: Tensor) -> Tensor:
    """As timm's SwinTransformerBlock._attn. (B, H, W, C) -> (B, H, W, C)."""
    B, H, W, C = x.shape
    (high, wide), (down, right) = self.window_size, self.shift_size
    shifted = bool(down or right)
    if shifted:
        x = torch.roll(x, (-down, -right), (1, 2))
    rows, columns = _ceil_divide(H, high), _ceil_divide(W, wide)
    x = F.pad(x, (0, 0, 0, columns * wide - W, 0, rows * high - H))
    x = x.view(B, rows, high, columns, wide, C).permute(0, 1, 3, 2, 4, 5)
    mask = None
    if shifted:
        part_y = _part(rows * high, high, down).view(rows, 1, high, 1)
        part_x = _part(columns * wide, wide, right).view(1, columns, 1, wide)
        part = (3 * part_y + part_x).reshape(rows * columns, high * wide)
        mask = torch.where(part[:, None] == part[:, :, None], 0.0, -100.0)
    x = self.attn(x.reshape(B * rows * columns, high * wide, C), mask=mask)
    x = x.view(B, rows, columns, high, wide, C).permute(0, 1, 3, 2, 4, 5)
    x = x.reshape(B, rows * high, columns * wide, C)[:, :H, :W]
    return torch.roll(x, (down, right), (1, 2)) if shifted else x


def _known_multiple(image: Tensor, stride: int) -> Tensor:
    """The same image, whose sides the tracer knows to be `stride` times a number of its own."""
    for axis in (2, 3):
        number = _own_number(image.shape[axis], 0, stride)
        torch._check(number * stride <= image.shape[axis])
        image = image.narrow(axis, 0, number * stride)
    return image


def _ceil_divide(size: Any, window: int) -> Any:
    number = _own_number(size, window - 1, window)
    torch._check(number * window >= size)
    return number


def _own_number(size: Any, more: int, divisor: int) -> Any:
    """(size + more) // divisor, which the tracer takes for a number of its own, 1 to MOST.

    As an expression in `size` it would make every later shape a tower of roundings.
    """
    number = ((torch.scalar_tensor(size, dtype=torch.int64) + more) // divisor).item()
    torch._check(number >= 1)
    torch._check(number <= MOST)
    return number


def _part(size: Any, window: int, shift: int) -> Tensor:
    """(size,) which of the three parts of the rolled image, that must not mix, a row is in."""
    place = torch.arange(size)
    return (place >= size - window).long() + (place >= size - shift).long()


def trace(model: MattingModel) -> torch.export.ExportedProgram:
    """Trace the network for any batch and any sides that are multiples of its stride."""
    side = torch.export.Dim
    sizes = {
        0: side("batch", min=1, max=4096),
        2: side("height", min=model.stride, max=2**16),
        3: side("width", min=model.stride, max=2**16),
    }
    # A batch of one would be taken for a constant.
    example = torch.rand(2, 3, 2 * model.stride, 3 * model.stride)
    return torch.export.export(
        ExportableModel(model), (example,), dynamic_shapes={"image": sizes}, strict=False
    )
