"""Everything that decides the shape of the weights."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args, get_origin, get_type_hints

from utils.errors import InputError


@dataclass(frozen=True)
class MattingConfig:
    """The network's settings; saved inside every checkpoint.

    The defaults are the paper's network, 31.26 M parameters. Its ablations are other values:
    `backbone` (Swin-T, -S, -B), `num_neighbours` (K), `cross_region_attention=False`,
    `refinement=False`.

    Raises:
        InputError: for a value that cannot work.
    """

    backbone: str = "swin_tiny_patch4_window7_224.ms_in22k"  # timm's name; Swin or any pyramid
    embed_dim: int | None = None  # channels of the first stage; None: as timm's name says
    depths: tuple[int, ...] | None = None  # blocks per stage; None: as timm's name says
    num_heads: tuple[int, ...] | None = None  # heads per stage; None: as timm's name says
    stem_widths: tuple[int, ...] | None = None  # at strides 2, 4, 8; None: one 16x16 convolution
    blocks: int = 0  # transformer blocks above a convolutional backbone, at stride 32
    block_width: int = 192  # channels of their tokens
    decoder_widths: tuple[int, ...] = (256, 128, 64)  # channels, from the coarsest level on
    refinement: bool = True  # off: the answer is the coarse alpha
    cross_region_attention: bool = True  # off: regions are refined one by one
    num_neighbours: int = 8  # K, other regions that one region attends to
    attention_width: int = 128  # channels of a CRA token
    attention_heads: int = 8

    def __post_init__(self) -> None:
        for name in ("depths", "num_heads", "stem_widths", "decoder_widths"):
            value = getattr(self, name)
            if value is not None:  # a checkpoint hands lists back
                object.__setattr__(self, name, tuple(value))
        if self.num_neighbours < 1:
            raise InputError(f"num_neighbours must be at least 1, not {self.num_neighbours}")
        if self.attention_width % self.attention_heads:
            raise InputError(
                f"attention_width {self.attention_width} must be a multiple of"
                f" attention_heads, {self.attention_heads}"
            )
        if self.stem_widths is not None and len(self.stem_widths) != 3:
            raise InputError(f"stem_widths must be three numbers, not {self.stem_widths}")


def with_settings(config: MattingConfig, settings: Sequence[str]) -> MattingConfig:
    """The same configuration with other values.

    Args:
        settings: each FIELD=VALUE as Python writes it, as blocks=0 or decoder_widths=(64,32).

    Raises:
        InputError: no such field, or a value that cannot be its.
    """
    hints = get_type_hints(MattingConfig)
    changes: dict[str, Any] = {}
    for text in settings:
        name, _, value = text.partition("=")
        if name not in hints:
            raise InputError(f"{text} is no FIELD=VALUE; the fields are {', '.join(hints)}")
        try:
            changes[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            changes[name] = value  # a name needs no quotes
        kinds = {get_origin(kind) or kind for kind in get_args(hints[name]) or [hints[name]]}
        if hints[name] == tuple[int, ...]:
            kinds = {tuple}
        if type(changes[name]) not in kinds:
            known = " or ".join(sorted(kind.__name__ for kind in kinds))
            raise InputError(f"{text}: {name} is {known}, not {value!r}")
    return replace(config, **changes)


CONFIGS: dict[str, MattingConfig] = {
    # The paper's network.
    "model": MattingConfig(),
    # The same design at an eighth of the size, for CPUs and for trying things out. Its patches are
    # embedded by small convolutions: from nothing and on few photos those learn much faster.
    "demo": MattingConfig(
        embed_dim=40,
        depths=(2, 2, 4, 1),
        num_heads=(2, 4, 8, 16),
        stem_widths=(16, 48, 96),
        decoder_widths=(64, 64, 48),
    ),
    # The network that ships: ImageNet's convolutional stages as the tokeniser of a few transformer
    # blocks, which see the whole photo.
    "portrait": MattingConfig(
        backbone="tf_efficientnet_lite0", blocks=3, block_width=192, decoder_widths=(96, 64)
    ),
}
