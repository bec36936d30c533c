"""Files of weights, .pth and .safetensors: reading, writing, and a sentence for what is neither."""

import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import save
from torch import Tensor

from utils.errors import InputError, MissingError
from utils.files import AnyPath, refuse_stand_in

# What DataParallel, torch.compile and the like put before a name; two of them inside it, too.
_PREFIXES = re.compile(r"^(?:module\.|_orig_mod\.|model\.)+|(?<=\.)(?:module|_orig_mod)\.")


def read_entries(path: AnyPath) -> Any:
    """What a file holds, on the CPU; of a .safetensors: `model`, the weights, and its metadata.

    Raises:
        MissingError: no such file.
        InputError: it is broken, something else, or could run code when it is loaded.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "is not there"
        raise MissingError(f"checkpoint {path} {what}; give the path of a .pth file")
    refuse_stand_in(path, "checkpoint")
    try:
        if path.suffix.lower() == ".safetensors":
            return _read_safetensors(path)
        _check_sums(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file of another kind can fail anywhere in the unpickler
        # That it may not be opened names the file; seeking beyond the end of a cut one does not.
        if isinstance(error, InputError) or getattr(error, "filename", None):
            raise
        raise InputError(f"{path} is no checkpoint: {_reason(path, error)}") from error


def write_entries(path: AnyPath, entries: Mapping[str, Any]) -> None:
    """Write a .pth; or a .safetensors, whose metadata hold all but `model` as JSON."""
    if Path(path).suffix.lower() != ".safetensors":
        with open(path, "wb") as file:
            try:
                torch.save(entries, file)
            except RuntimeError as error:  # PyTorch's own; what the disk said is its context
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise
        return
    weights = {name: value.contiguous() for name, value in entries["model"].items()}
    metadata = {key: json.dumps(value) for key, value in entries.items() if key != "model"}
    Path(path).write_bytes(save(weights, metadata))


def plain_names(weights: Any, where: str) -> dict[str, Tensor]:
    """The same weights by the names they have in a network that nothing is wrapped around.

    `module.`, `_orig_mod.` and `model.` come off, whichever stand there in whatever order, and so
    does the count that torch's AveragedModel keeps.

    Raises:
        InputError: it is no state_dict; `where` it was found begins the message.
    """
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise InputError(f"{where} is no state_dict, weights by their names")
    return {_PREFIXES.sub("", name): v for name, v in weights.items() if name != "n_averaged"}


def _check_sums(path: Path) -> None:
    """torch.load doesn't compare checksums; a flipped bit would stay unnoticed."""
    if not zipfile.is_zipfile(path):  # torch.save's older kind has none
        return
    with zipfile.ZipFile(path) as archive:
        if bad := archive.testzip():
            raise InputError(
                f"{path} is damaged, {bad} in it has a wrong checksum; copy or download it again"
            )


def _read_safetensors(path: Path) -> dict[str, Any]:
    with safetensors.safe_open(path, framework="pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata() or {}
    return {"model": weights, **{key: _from_json(text) for key, text in metadata.items()}}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # another program's
        return text


def _reason(path: Path, error: Exception) -> str:
    """Why it could not be read; torch's own words go on to how to load it unsafely."""
    with path.open("rb") as file:
        head = file.read(2)
    if isinstance(error, safetensors.SafetensorError):
        return "it is cut short, or no safetensors file; copy or download it again"
    if head[:1] not in (b"P", b"\x80"):  # of a zip file, of a pickle
        return "torch.save did not write it"
    whole = head != b"PK" or zipfile.is_zipfile(path)
    if whole and isinstance(error, pickle.UnpicklingError):
        return (
            "it is broken, or holds more than tensors and plain values, which could run code; only"
            " what torch.load takes with weights_only=True is read"
        )
    return "it is cut short, or of another kind; copy or download it again"
