"""The paper's backbone: a Swin transformer from timm with an enlarged patch embedding."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import timm
import torch
import torch.nn.functional as F
from timm.models.swin_transformer import SwinTransformerBlock, WindowAttention
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from models.pyramid import Backbone, read_imagenet
from utils.errors import InputError
from utils.files import AnyPath

PATCH = 16  # pixels; the paper enlarges Swin's patches from 4 to 16
STRIDES = (PATCH, 2 * PATCH, 4 * PATCH, 8 * PATCH)


def convolutional_stem(widths: Sequence[int], outputs: int) -> nn.Sequential:
    """What stands for the 16x16 patch embedding in small networks: 3x3 convolutions, stride 16.

    Trained from nothing, transformers learn faster and more steadily behind a few convolutions
    (Xiao et al. 2021, "Early convolutions help transformers see better").

    Args:
        widths: channels at strides 2, 4 and 8.
        outputs: channels at stride 16.
    """
    a, b, c = widths
    layers: list[nn.Module] = []
    for inputs, width, stride in ((3, a, 2), (a, b, 2), (b, b, 1), (b, c, 2), (c, c, 1)):
        conv = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight, a=0.1)
        layers.append(
            nn.Sequential(conv, nn.BatchNorm2d(width), nn.LeakyReLU(0.1, inplace=True)),
        )
    return nn.Sequential(*layers, nn.Conv2d(c, outputs, 3, 2, padding=1))


# For windows of 49 tokens a third of the time of what PyTorch would pick, on an H200.
GPU_KERNELS = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class FoldedAttention(WindowAttention):
    """timm's for weights that no longer change: position bias and mask are one constant.

    Attributes:
        biases: (4, heads, L, L) by the kind of window that FoldedBlock tells; (1, heads, L, L)
            where windows are not shifted. Rows are filled up to multiples of 8 numbers, of which
            GPUs read several at once.
    """

    biases: Tensor

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B * windows, L, C) -> the same; mask: (windows,) their kinds."""
        if mask is None:
            biases = self.biases.expand(len(x), -1, -1, -1)
        else:
            biases = self.biases.index_select(0, mask.repeat(len(x) // len(mask)))
        qkv = self.qkv(x).unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        with sdpa_kernel(GPU_KERNELS) if x.is_cuda else nullcontext():
            x = F.scaled_dot_product_attention(
                query, key, value, attn_mask=biases[..., : x.shape[1]]
            )
        return self.proj(x.transpose(1, 2).flatten(2))


class FoldedBlock(SwinTransformerBlock):
    """timm's, with FoldedAttention. Only the last row and column of windows mix what lay apart."""

    def get_attn_mask(self, x: Tensor | None = None, *_: Any, **__: Any) -> Tensor | None:
        """(windows,) for the windows of (B, H, W, C): 0, plus 2 in the last row, 1 in the last
        column."""
        if x is None or not any(self.shift_size):
            return None
        (high, wide), (H, W) = self.window_size, x.shape[1:3]
        kinds = torch.zeros(H // high, W // wide, dtype=torch.int64, device=x.device)
        kinds[-1].add_(2)
        kinds[:, -1].add_(1)
        return kinds.flatten()


def fold_block(block: SwinTransformerBlock) -> None:
    """Make it a FoldedBlock."""
    attention: Any = block.attn
    high, wide = block.window_size
    biases = attention._get_rel_pos_bias().detach()
    # Two rows and columns of windows show every kind of mask once.
    mask = block.get_attn_mask(biases.new_empty(1, 2 * high, 2 * wide, 1))
    biases = biases if mask is None else biases + mask[:, None]
    biases = F.pad(biases, (0, -biases.shape[-1] % 8))
    attention.register_buffer("biases", biases, persistent=False)
    del attention.relative_position_bias_table
    attention.__class__, block.__class__ = FoldedAttention, FoldedBlock


class SwinBackbone(Backbone):
    """Swin transformer with an enlarged patch embedding: strides 16, 32, 64 and 128.

    Windows are 7x7 and odd blocks shift by 3 at every input size: the size given to timm only says
    which stages shift. Its set_input_size would change windows, shifts and bias tables.

    Args:
        name: of a Swin transformer in timm.
        stem_widths: of a convolutional stem; None is the paper's patch embedding.
        shape: embed_dim, depths and num_heads, where they differ from what `name` stands for.

    Raises:
        InputError: timm cannot build that.
    """

    def __init__(self, name: str, stem_widths: Sequence[int] | None = None, **shape: Any) -> None:
        try:
            pyramid: Any = timm.create_model(
                name,
                features_only=True,
                pretrained=False,
                img_size=7 * STRIDES[-1],  # the last stage is a single window here and never shifts
                patch_size=PATCH,
                strict_img_size=False,
                drop_path_rate=0.0,  # the paper's recipe names none
                **{key: value for key, value in shape.items() if value is not None},
            )
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"timm cannot build the backbone {name!r}: {error}; it has to be a Swin"
                " transformer, as swin_tiny_patch4_window7_224.ms_in22k"
            ) from error
        super().__init__(name, pyramid, pyramid.feature_info.channels(), STRIDES)
        # timm draws linear layers with a standard deviation of 0.02, whatever their width. In a
        # narrow network trained from nothing that is too little: it hardly learns for 1,000 steps.
        for module in pyramid.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
            if hasattr(module, "fused_attn"):  # timm leaves it off in Swin
                module.fused_attn = True
        if stem_widths:
            embedding = pyramid.patch_embed
            embedding.proj = convolutional_stem(stem_widths, embedding.proj.out_channels)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of the four stages, each taken before patch merging, without an output norm.

        Args:
            image: (B, 3, H, W) RGB in [0, 1], sides multiples of 128.

        Returns:
            (B, C_i, H / s_i, W / s_i) for the strides s_i = 16, 32, 64, 128.
        """
        features = self.pyramid(self.normalise(image))
        return [feature.permute(0, 3, 1, 2) for feature in features]

    def fold(self) -> None:
        """Put mean and std into the patch embedding, and biases and masks into the attention.

        A convolutional stem keeps them: beyond the border it sees zeros, which stand for the mean.
        """
        project = self.pyramid.patch_embed.proj
        if isinstance(project, nn.Conv2d):
            assert project.bias is not None
            with torch.no_grad():
                project.weight.div_(self.std)
                project.bias.sub_((project.weight * self.mean).sum(dim=(1, 2, 3)))
            self.folded = True
        for module in self.pyramid.modules():
            if isinstance(module, SwinTransformerBlock):
                fold_block(module)

    def load_imagenet(self, file: AnyPath | None = None) -> None:
        """As Backbone.load_imagenet. The 4x4 patch kernel is stretched by nearest neighbour and
        divided by 16, so that its sum is kept (timm's own stretch differs)."""
        weights = read_imagenet(self.name, file)
        kernel = weights["patch_embed.proj.weight"]
        factor = PATCH // kernel.shape[-1]
        kernel = kernel.repeat_interleave(factor, 2).repeat_interleave(factor, 3) / factor**2
        weights["patch_embed.proj.weight"] = kernel  # (C, 3, 16, 16)
        try:
            self.pyramid.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(
                f"ImageNet weights of {self.name} do not fit this configuration, whose widths or"
                " depths are its own; begin with random ones"
            ) from error
