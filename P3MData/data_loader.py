"""P3M-10K: 9,421 face-blurred portraits for training, 500 blurred and 500 plain ones for testing.

    python -m P3MData.data_loader --check [--fast]

<data_root>/P3M-10K/train/{blurred_image,mask,fg,bg}: fg and bg come from P3MData.solve_fg_bg;
<data_root>/P3M-10K/validation/P3M-500-P/{blurred_image,mask,trimap};
<data_root>/P3M-10K/validation/P3M-500-NP/{original_image,mask,trimap};
<data_root>/BG-20K/{train,testval}: scenes without people, optional.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data.check import inspect_folders, run_loader
from data.folders import FolderDataset
from data.training_set import TrainingSet, positions
from P3MData.layout import SPLITS, folders, made_by
from utils.errors import run_script
from utils.files import AnyPath

__all__ = ["P3MDataset", "TrainingSet", "positions"]


class P3MDataset(FolderDataset):
    """Samples with image, alpha and, in train, foreground and background, else the trimap.

    Args:
        root: the data root, which holds P3M-10K/.
        split: "train", "P3M-500-P" or "P3M-500-NP".

    Raises:
        MissingError, InputError: as `FolderDataset`; if fg or bg is missing, names the command.
    """

    def __init__(self, root: AnyPath, split: str) -> None:
        super().__init__(folders(root, split), made_by(root))


def inspect(root: AnyPath, **options: Any) -> list[str]:
    """What is wrong with P3M-10K and, where it is, BG-20K; as `data.check.inspect_folders`."""
    sets = {f"P3M-10K {split}": folders(root, split) for split in SPLITS}
    scenes = Path(root) / "BG-20K"
    if scenes.exists():
        sets |= {f"BG-20K {part}": {"background": scenes / part} for part in ("train", "testval")}
    faults: list[str] = []
    for title, layers in sets.items():
        faults += inspect_folders(title, layers, made_by(root), **options)
    return faults


def main() -> int:
    return run_loader(__doc__, inspect)


if __name__ == "__main__":
    run_script(main)
