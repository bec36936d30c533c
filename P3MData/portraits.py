"""One's own portraits, for fine-tuning: <folder>/image/NAME.jpg and <folder>/alpha/NAME.png."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utils.folders import FolderDataset, read_sample
from utils.foreground import solve_fg_bg
from utils.images import write_image
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
        for _ in map_files(_solve, missing, title="foregrounds"):
            pass


def _solve(paths: Mapping[str, Path]) -> None:
    known = {layer: paths[layer] for layer in ("image", "alpha")}
    sample = read_sample(paths["image"].stem, known)
    image, alpha = sample.image / np.float32(255), sample.alpha / np.float32(255)
    for layer, colours in zip(("foreground", "background"), solve_fg_bg(image, alpha), strict=True):
        write_image(paths[layer], np.round(colours * 255).astype(np.uint8))
