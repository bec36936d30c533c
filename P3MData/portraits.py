"""One's own portraits, for fine-tuning: <folder>/image/NAME.jpg and <folder>/alpha/NAME.png."""

from __future__ import annotations

from pathlib import Path

from P3MData.solve_fg_bg import solve_portrait
from utils.files import AnyPath
from utils.folders import FolderDataset, check_sizes
from utils.images import read_size
from utils.parallel import map_files


class PortraitDataset(FolderDataset):
    """Samples with image, alpha, foreground and background.

    The colours of the two layers are estimated (`solve`) and kept beside the photos, in
    <folder>/fg and <folder>/bg.

    Args:
        folder: holds image/ and alpha/.

    Raises:
        MissingError, InputError: as `FolderDataset`.
    """

    def __init__(self, folder: AnyPath) -> None:
        folder = Path(folder)
        super().__init__({"image": folder / "image", "alpha": folder / "alpha"})
        for name, paths in self.paths.items():
            paths["foreground"] = folder / "fg" / f"{name}.png"
            paths["background"] = folder / "bg" / f"{name}.png"

    def solve(self) -> None:
        """Estimate the foregrounds and backgrounds that are not there yet, in several processes.

        Raises:
            InputError: if a photo or an alpha can't be read, or sizes differ.
        """
        missing = []
        for paths in self.paths.values():
            there = {name: path for name, path in paths.items() if path.exists()}
            check_sizes({name: read_size(path) for name, path in there.items()}, there)
            if len(there) < len(paths):
                missing.append(paths)
        for _ in map_files(solve_portrait, missing, title="foregrounds"):
            pass
