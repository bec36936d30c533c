"""The backbone that a configuration asks for: the paper's Swin, or any timm feature pyramid."""

from models.config import MattingConfig
from models.pyramid import Backbone, PyramidBackbone
from models.swin import SwinBackbone
from utils.errors import InputError


def build_backbone(config: MattingConfig) -> Backbone:
    """The backbone with random weights; never downloads.

    Raises:
        InputError: timm cannot build it, or the settings are of another kind of backbone.
    """
    shape = {name: getattr(config, name) for name in ("embed_dim", "depths", "num_heads")}
    if config.backbone.startswith("swin_"):
        if config.blocks:
            raise InputError(f"blocks are for convolutional backbones, not for {config.backbone}")
        return SwinBackbone(config.backbone, config.stem_widths, **shape)
    given = [name for name, value in shape.items() if value is not None]
    if given or config.stem_widths:
        raise InputError(f"{', '.join(given) or 'stem_widths'} are for Swin, not {config.backbone}")
    return PyramidBackbone(config.backbone, blocks=config.blocks, width=config.block_width)
