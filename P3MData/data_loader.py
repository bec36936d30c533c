"""P3M-10K: 9,421 face-blurred portraits for training, 500 blurred and 500 plain ones for testing.

    python -m P3MData.data_loader --check [--fast]

<data_root>/P3M-10K/train/{blurred_image,mask,fg,bg}: fg and bg come from P3MData.solve_fg_bg;
<data_root>/P3M-10K/validation/P3M-500-P/{blurred_image,mask,trimap};
<data_root>/P3M-10K/validation/P3M-500-NP/{original_image,mask,trimap};
<data_root>/BG-20K/{train,testval}: scenes without people, optional.
"""

from pathlib import Path
from shlex import quote

from data.check import run_loader
from data.folders import FolderDataset
from utils.errors import InputError, run_script
from utils.files import AnyPath

SPLITS = ("train", "P3M-500-P", "P3M-500-NP")


def folders(root: AnyPath, split: str) -> dict[str, Path]:
    """Layer -> folder, below the data root; InputError if there is no such split."""
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
    command = f"python -m P3MData.solve_fg_bg --data_root {quote(str(root))}"
    return {"foreground": command, "background": command}


class P3MDataset(FolderDataset):
    """Samples with image, alpha and, in train, foreground and background, else the trimap.

    `root` is the data root, which holds P3M-10K/; `split` is one of SPLITS.

    Raises:
        MissingError, InputError: as `FolderDataset`; if fg or bg is missing, names the command.
    """

    def __init__(self, root: AnyPath, split: str) -> None:
        super().__init__(folders(root, split), made_by(root))


def _sets(root: Path) -> dict[str, dict[str, Path]]:
    sets = {f"P3M-10K {split}": folders(root, split) for split in SPLITS}
    scenes = root / "BG-20K"
    parts = ("train", "testval") if scenes.exists() else ()
    return sets | {f"BG-20K {part}": {"background": scenes / part} for part in parts}


def main() -> int:
    return run_loader(__doc__, _sets, made_by)


if __name__ == "__main__":
    run_script(main)
