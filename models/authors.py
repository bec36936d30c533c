"""The authors' published checkpoint: which of their entries make which of our weights.

Their file keeps query, key and value, and the four parts of a patch-merging norm, as separate
entries; ours are the concatenations, in the order written here. `relative_position_index` and the
ImageNet mean and std are derived, not learned.
"""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

_SWIN = "lowres_model.encoder.model.swin."
_PYRAMID = "coarse_network.backbone.pyramid."


def is_authors(checkpoint: Mapping) -> bool:
    """Whether a loaded file has the authors' layout, told by its keys."""
    return isinstance(checkpoint.get("mat_model"), Mapping)


def sources(name: str) -> list[str]:
    """The authors' entries that, concatenated along the first axis, make our entry `name`."""
    if name.startswith(_PYRAMID):
        return _backbone_sources(name.removeprefix(_PYRAMID))
    part, _, rest = name.partition(".")
    if part == "coarse_network":
        kind, level, leaf = rest.split(".")
        if kind == "decoder":
            # Their first up block is number 1.
            return [f"lowres_model.decoder.up_blocks.{int(level) + 1}.0.conv.{leaf}"]
        return [f"{'seg' if kind == 'alpha_heads' else 'trimap'}_heads.{level}.{leaf}"]
    if rest.startswith("attention."):
        return _attention_sources(rest.removeprefix("attention."))
    if rest.startswith("head."):
        return [f"roi_matte_head.{rest.removeprefix('head.')}"]
    # encoder.<level>.<step>.<0 convolution, 1 norm>.<leaf>
    side, level, step, index, leaf = rest.split(".")
    blocks, conv = ("down_blocks", "conv") if side == "encoder" else ("up_blocks", "deconv")
    return [f"roi_head.{side}.{blocks}.{level}.{step}.{(conv, 'norm')[int(index)]}.{leaf}"]


def _backbone_sources(name: str) -> list[str]:
    if not name.startswith("layers_"):
        return [_SWIN + name]
    layer, _, rest = name.removeprefix("layers_").partition(".")
    if rest.startswith("downsample.norm."):
        # timm merges patches at the start of a stage, the authors at the end of the one before.
        pieces = {"weight": "weights", "bias": "biases"}[rest.rsplit(".", 1)[1]]
        return [f"{_SWIN}layers.{int(layer) - 1}.downsample.norm.{pieces}.{i}" for i in range(4)]
    if rest.startswith("downsample."):
        return [f"{_SWIN}layers.{int(layer) - 1}.{rest}"]
    if ".qkv." in rest:
        return [f"{_SWIN}layers.{layer}.{rest.replace('.qkv.', f'.qkv.{x}_')}" for x in "qkv"]
    return [f"{_SWIN}layers.{layer}.{rest}"]


def _attention_sources(name: str) -> list[str]:
    if name == "position_bias":
        return ["rel_pos_bias_table"]
    module, *rest = name.split(".")
    if module in ("enter", "leave"):
        return [f"roi_head.{'enc' if module == 'enter' else 'dec'}_head.{rest[0]}"]
    layer = f"roi_head.transformer.layers.{0 if module == 'first' else 1}"
    kind, leaf = rest
    if kind == "qkv" and module == "second":
        return [f"{layer}.1.to_q.{leaf}", f"{layer}.1.to_kv.{leaf}"]
    theirs = {
        "norm1": "0",
        "qkv": "1.to_qkv",
        "project": "1.to_out.0",
        "norm2": "2",
        "expand": "3.net.0",
        "contract": "3.net.3",
    }
    return [f"{layer}.{theirs[kind]}.{leaf}"]


def translate(
    theirs: Mapping[str, Tensor], names: list[str]
) -> tuple[dict[str, Tensor], dict[str, list[str]]]:
    """Our weights from the authors' entries, and the faults found.

    Args:
        theirs: the entries of `checkpoint["mat_model"]`.
        names: our entries that are wanted.

    Returns:
        The weights that could be made, and which entries are `missing`, `unexpected` or `misshapen`
        (do not concatenate).
    """
    ours: dict[str, Tensor] = {}
    faults: dict[str, list[str]] = defaultdict(list)
    used = set()
    for name in names:
        needed = sources(name)
        used.update(needed)
        missing = [source for source in needed if source not in theirs]
        if missing:
            faults["missing"] += missing
            continue
        try:
            parts = [theirs[source] for source in needed]
            ours[name] = parts[0] if len(parts) == 1 else torch.cat(parts)
        except (RuntimeError, TypeError):
            faults["misshapen"].append(" + ".join(needed))
    derived = ("relative_position_index", "encoder.mean", "encoder.std")
    faults["unexpected"] += [
        name for name in theirs if name not in used and not name.endswith(derived)
    ]
    return ours, faults
