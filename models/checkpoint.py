"""Checkpoints: ours and the authors', told apart by their keys; only weights_only=True loading."""

from __future__ import annotations

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
from utils.errors import InputError, MissingError
from utils.files import AnyPath, atomic_path

_STEP = re.compile(r"\d{10}")


def save_checkpoint(path: AnyPath, model: MattingModel, **extra: Any) -> None:
    """Write the weights and the configuration, whole or not at all.

    Args:
        path: of the file, made with its folders.
        model: gives `model` (its state_dict, first in the file), `config` and, if it asks for
            smaller photos, `max_area`.
        extra: further entries (optimizer, schedule, step, ...): tensors and plain values only.
    """
    area = {"max_area": model.max_area} if model.max_area else {}
    entries = {"model": model.state_dict(), "config": asdict(model.config), **area, **extra}
    with atomic_path(path) as temporary:
        torch.save(entries, temporary)


def read_checkpoint(path: AnyPath, device: str | torch.device = "cpu") -> dict[str, Any]:
    """Every entry of a checkpoint file, ours or the authors'.

    Raises:
        MissingError: no such file.
        InputError: it is no checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise MissingError(f"checkpoint {path} {what}; give the path of a .pth file")
    try:
        checkpoint = torch.load(path, map_location=device, weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a file of another kind can fail anywhere in the unpickler
        raise InputError(
            f"{path} is no checkpoint that can be read safely (torch.load, weights_only=True):"
            f" {_first_line(error)}"
        ) from error
    if not isinstance(checkpoint, dict) or not (
        is_authors(checkpoint) or {"model", "config"} <= checkpoint.keys()
    ):
        raise InputError(
            f"{path} is no checkpoint of this project (entries `model` and `config`)"
            " nor of the authors (entry `mat_model`)"
        )
    return checkpoint


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def load_model(path: AnyPath, device: str | torch.device = "cpu") -> MattingModel:
    """The network in a checkpoint, in evaluation mode, float32.

    Args:
        path: ours or the authors' .pth, told apart by its keys.
        device: where the weights go.

    Raises:
        MissingError, InputError: as read_checkpoint; or entries are missing, unexpected or
            misshapen, all of which the message lists.
    """
    return model_from_checkpoint(read_checkpoint(path), path).to(device)


def model_from_checkpoint(checkpoint: Mapping[str, Any], path: AnyPath) -> MattingModel:
    """What load_model does, for entries that are read already; `path` is for messages."""
    authors = is_authors(checkpoint)
    config = CONFIGS["model"] if authors else _config(checkpoint["config"], path)
    model = build_model(config)
    wanted = model.state_dict()
    faults: list[str] = []
    if authors:
        given, faults = translate(checkpoint["mat_model"], list(wanted))
    else:
        given = checkpoint.get("ema", checkpoint["model"])  # averaged weights are the better ones
        faults += [f"missing: {name}" for name in wanted if name not in given]
        faults += [f"unexpected: {name}" for name in given if name not in wanted]
    faults += [
        f"misshapen: {name} is {_shape(given[name])}, not {_shape(wanted[name])}"
        for name in wanted
        if name in given and _shape(given[name]) != _shape(wanted[name])
    ]
    if faults:
        raise InputError(f"{path} does not fit the network:\n  " + "\n  ".join(faults))
    area = checkpoint.get("max_area")
    if not (area is None or (isinstance(area, int) and area > 0)):
        raise InputError(f"{path}: its `max_area` is {area!r}; it must be a number of pixels")
    model.max_area = area
    model.load_state_dict(given)  # copies into float32, whatever the file holds
    return model.eval()


def _shape(value: Any) -> str:
    return (
        "x".join(map(str, value.shape)) or "one number"
        if isinstance(value, Tensor)
        else "no tensor"
    )


def _config(entries: Any, path: AnyPath) -> MattingConfig:
    known = {field.name for field in fields(MattingConfig)}
    if not isinstance(entries, Mapping) or not set(entries) <= known:
        strange = sorted(set(entries) - known) if isinstance(entries, Mapping) else [str(entries)]
        raise InputError(f"{path}: its `config` has settings this version does not know: {strange}")
    return MattingConfig(**entries)


def latest_checkpoint(train_dir: AnyPath) -> Path:
    """The newest <train_dir>/logger/<step, 10 digits>.pth.

    Raises:
        MissingError: there is none.
    """
    train_dir = Path(train_dir)
    if not train_dir.is_dir():
        raise MissingError(f"run folder {train_dir} is not there; train.py --train_dir makes one")
    found = [path for path in (train_dir / "logger").glob("*.pth") if _STEP.fullmatch(path.stem)]
    if not found:
        raise MissingError(
            f"run folder {train_dir} holds no checkpoint, logger/<step, 10 digits>.pth"
        )
    return max(found, key=lambda path: path.stem)
