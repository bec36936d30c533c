"""The network as inference runs it: the same function, with what is constant computed once."""

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.matting import MattingModel

GPU_REGIONS_PER_CHUNK = 16_384  # about 0.7 GB; smaller chunks would wait for kernel launches

# The dilation of a convolution with a single tap, which has nothing to dilate. A trick: it makes
# PyTorch choose oneDNN for a single thread, too, where it would take a slower kernel of its own.
DILATION_FOR_ONEDNN = 2


class ConvolvedLinear(nn.Module):
    """nn.Linear computed as a 1x1 convolution.

    On CPUs PyTorch runs float32 linear layers in MKL and convolutions in oneDNN, whose kernels are
    2.4 times as fast on AMD processors and as fast on others (benchmarks/bench_inference.py).
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., outputs)."""
        pixels = x.reshape(1, -1, 1, x.shape[-1]).permute(0, 3, 1, 2)  # (1, C, M, 1), channels last
        kernel = self.weight[:, :, None, None]
        mapped = F.conv2d(pixels, kernel, self.bias, dilation=DILATION_FOR_ONEDNN)
        return mapped.permute(0, 2, 3, 1).reshape(*x.shape[:-1], -1)


def fold_for_inference(model: MattingModel, dtype: torch.dtype = torch.float32) -> MattingModel:
    """A copy in evaluation mode that computes what `model` computes, faster; it cannot be trained.

    Batch norms are folded into their convolutions and the normalisation of colours into the patch
    embedding; Swin's biases and masks are constants; heads that only training reads are left out;
    convolutions are laid out channels last.

    Args:
        model: stays as it is, whatever mode it is in; not a folded one.
        dtype: of the copy's weights.
    """
    device = next(model.parameters()).device
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    folded.folded = True
    folded.coarse_network.fold()
    for module in list(folded.modules()):
        _fold_batch_norm(module)
        if device.type == "cpu":
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Linear):
                    setattr(module, name, ConvolvedLinear(child))
    refinement = folded.refinement_network
    if device.type == "cuda" and refinement is not None:
        refinement.max_regions_per_chunk = GPU_REGIONS_PER_CHUNK
        refinement.buckets = refinement.num_neighbours <= len(refinement.disc)
    return folded.to(dtype=dtype).to(memory_format=torch.channels_last)


def _fold_batch_norm(module: nn.Module) -> None:
    """Make each convolution and the batch norm that follows it one convolution.

    That one follows the other is known of sequences, and of timm's modules by the names of the two,
    as conv_pw and bn1; an activation that timm's batch norm brings along stays.
    """
    for (name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
        follows = isinstance(module, nn.Sequential) or (name[:4], norm_name[:2]) == ("conv", "bn")
        if not isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
            continue
        if follows and isinstance(norm, _BatchNorm):  # SyncBatchNorm, too
            transposed = isinstance(conv, nn.ConvTranspose2d)
            setattr(module, name, fuse_conv_bn_eval(conv, norm, transpose=transposed))
            setattr(module, norm_name, getattr(norm, "act", nn.Identity()))
