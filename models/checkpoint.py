"""Checkpoints: ours and the authors', told apart by their keys, and the networks in them."""

import re
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.authors import is_authors, translate
from models.config import CONFIGS, MattingConfig
from models.matting import MattingModel, build_model
from models.weight_files import plain_names, read_entries, write_entries
from utils.errors import InputError, MissingError, listing
from utils.files import AnyPath, atomic_path

DEFAULT_CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "portrait.pth"  # what ships
_STEP = re.compile(r"\d{10}")


def save_checkpoint(path: AnyPath, model: MattingModel, **extra: Any) -> None:
    """Write the weights and the configuration, whole or not at all.

    Args:
        path: of the file, made with its folders; .safetensors, or anything else for torch.save.
        model: gives `model` (its state_dict, first in the file), `config` and, if it asks for
            smaller photos, `max_area`.
        extra: further entries (optimizer, schedule, step, ...): tensors and plain values only; of a
            .safetensors, what JSON holds.
    """
    area = {"max_area": model.max_area} if model.max_area else {}
    entries = {"model": model.state_dict(), "config": asdict(model.config), **area, **extra}
    with atomic_path(path) as temporary:
        write_entries(temporary, entries)


def read_checkpoint(path: AnyPath) -> dict[str, Any]:
    """Every entry of a checkpoint file, ours or the authors', on the CPU.

    The weights (`model`, `ema`, the authors' `mat_model`) go by their plain names.

    Raises:
        MissingError: no such file.
        InputError: it is no checkpoint.
    """
    checkpoint = read_entries(path)
    if not isinstance(checkpoint, dict) or not (
        is_authors(checkpoint) or {"model", "config"} <= checkpoint.keys()
    ):
        raise InputError(
            f"{path} is no checkpoint of this project (entries `model` and `config`; in a"
            " .safetensors the metadata hold `config`) nor of the authors (entry `mat_model`)"
        )
    for entry in {"model", "ema", "mat_model"} & checkpoint.keys():
        checkpoint[entry] = plain_names(checkpoint[entry], f"{path}: its `{entry}`")
    return checkpoint


def load_model(path: AnyPath, device: str | torch.device = "cpu") -> MattingModel:
    """The network in a checkpoint, in evaluation mode, float32.

    Args:
        path: ours (.pth or .safetensors) or the authors' .pth, told apart by its keys.
        device: where the weights go.

    Raises:
        MissingError, InputError: as read_checkpoint; or entries are missing, unexpected,
            misshapen or not finite, the first of which the message names.
    """
    return model_from_checkpoint(read_checkpoint(path), path).to(device)


def model_from_checkpoint(checkpoint: Mapping[str, Any], path: AnyPath) -> MattingModel:
    """What load_model does, for entries that are read already; `path` is for messages."""
    authors = is_authors(checkpoint)
    model = build_model(CONFIGS["model"]) if authors else _build(checkpoint["config"], path)
    wanted = model.state_dict()
    faults: dict[str, list[str]] = {}
    if authors:
        given, faults = translate(checkpoint["mat_model"], list(wanted))
    else:
        given = checkpoint.get("ema", checkpoint["model"])  # averaged weights are the better ones
        faults["missing"] = [name for name in wanted if name not in given]
        faults["unexpected"] = [name for name in given if name not in wanted]
    faults["misshapen"] = faults.get("misshapen", []) + [
        f"{name} is {_shape(given[name])}, not {_shape(wanted[name])}"
        for name in wanted
        if name in given and _shape(given[name]) != _shape(wanted[name])
    ]
    if any(faults.values()):
        lists = [f"{kind}: {listing(names, ', ', 3)}" for kind, names in faults.items() if names]
        raise InputError(f"{path} does not fit the network; {'; '.join(lists)}")
    area = checkpoint.get("max_area")
    if not (area is None or (isinstance(area, int) and area > 0)):
        raise InputError(f"{path}: its `max_area` is {area!r}; it must be a number of pixels")
    model.max_area = area
    model.load_state_dict(given)  # copies into float32, whatever the file holds
    damaged = [name for name, value in model.state_dict().items() if not value.isfinite().all()]
    if damaged:
        raise InputError(
            f"{path} holds weights that are not finite (NaN or infinite):"
            f" {listing(damaged, ', ', 3)}; use another checkpoint"
        )
    return model.eval()


def _shape(value: Any) -> str:
    return (
        "x".join(map(str, value.shape)) or "one number"
        if isinstance(value, Tensor)
        else "no tensor"
    )


def _build(entries: Any, path: AnyPath) -> MattingModel:
    if not isinstance(entries, Mapping):
        raise InputError(f"{path}: its `config` is no table of settings")
    known = {field.name for field in fields(MattingConfig)}
    if strange := sorted(map(str, set(entries) - known)):
        raise InputError(
            f"{path}: its `config` has settings this version does not know: {listing(strange)}"
        )
    try:
        return build_model(MattingConfig(**entries))
    except (InputError, TypeError, AttributeError, RuntimeError) as error:  # of values of any type
        raise InputError(f"{path}: its `config` makes no network: {error}") from error


def latest_checkpoint(train_dir: AnyPath) -> Path:
    """The newest <train_dir>/logger/<step, 10 digits>.pth.

    Raises:
        MissingError: there is none.
    """
    train_dir = Path(train_dir)
    if not train_dir.is_dir():
        raise MissingError(f"run folder {train_dir} is not there; train.py makes one")
    found = [path for path in (train_dir / "logger").glob("*.pth") if _STEP.fullmatch(path.stem)]
    if not found:
        raise MissingError(
            f"run folder {train_dir} holds no checkpoint, logger/<step, 10 digits>.pth"
        )
    return max(found, key=lambda path: path.stem)
