"""One's own portraits, for fine-tuning: <folder>/image/NAME.jpg and <folder>/alpha/NAME.png."""

from __future__ import annotations

from pathlib import Path

from P3MData.solve_fg_bg import solve_portrait
from utils.folders import FolderDataset
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

    def __init__(self, folder: Path) -> None:
        super().__init__({"image": folder / "image", "alpha": folder / "alpha"})
        for name, paths in self.paths.items():
            paths["foreground"] = folder / "fg" / f"{name}.png"
            paths["background"] = folder / "bg" / f"{name}.png"

    def solve(self) -> None:
        """Estimate the foregrounds and backgrounds that are not there yet, in several processes.

        Raises:
            InputError: if a photo or an alpha can't be read, or their sizes differ.
        """
        missing = [
            paths
            for paths in self.paths.values()
            if not (paths["foreground"].exists() and paths["background"].exists())
        ]
        for _ in map_files(solve_portrait, missing, title="foregrounds"):
            pass
