"""Where the layers of P3M-10K lie."""

from __future__ import annotations

from pathlib import Path

from utils.errors import InputError
from utils.files import AnyPath

SPLITS = ("train", "P3M-500-P", "P3M-500-NP")


def folders(root: AnyPath, split: str) -> dict[str, Path]:
    """Layer -> folder, below the data root.

    Raises:
        InputError: if there is no such split.
    """
    if split not in SPLITS:
        raise InputError(f"P3M-10K has no split {split!r}; expected one of {', '.join(SPLITS)}")
    base = Path(root) / "P3M-10K" / ("train" if split == "train" else f"validation/{split}")
    photo = "original_image" if split == "P3M-500-NP" else "blurred_image"
    layers = {"image": base / photo, "alpha": base / "mask"}
    if split == "train":
        return layers | {"foreground": base / "fg", "background": base / "bg"}
    return layers | {"trimap": base / "trimap"}


def made_by(root: AnyPath) -> dict[str, str]:
    """Layer -> the command that makes its folder."""
    command = f"python -m P3MData.solve_fg_bg --data_root {root}"
    return {"foreground": command, "background": command}
