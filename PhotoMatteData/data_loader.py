"""PhotoMatte85: 85 cut-outs with fine alphas, set before backgrounds, for testing.

    python -m PhotoMatteData.data_loader --pair --backgrounds FOLDER
    python -m PhotoMatteData.data_loader --gen_trimaps
    python -m PhotoMatteData.data_loader --check

<data_root>/PhotoMatte85/{rgba_image,background,trimap,pairs.csv}; the trimaps are made from the
alphas. pairs.csv says which background stands behind which cut-out, see `PhotoMatteData.pairing`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from PhotoMatteData.pairing import read_pairs
from utils.composition import composite, fit_background
from utils.errors import InputError, MissingError
from utils.folders import FolderDataset, check_trimap
from utils.images import list_images, read_alpha, read_photo, read_rgba
from utils.sample import Sample
from utils.trimap import write_trimaps


def folder(root: Path) -> Path:
    """The data set's folder, below the data root."""
    return Path(root) / "PhotoMatte85"


class PhotoMatteDataset(FolderDataset):
    """Samples with all layers; the image is the cut-out composed with its background.

    Args:
        root: the data root, which holds PhotoMatte85/.

    Raises:
        MissingError, InputError: as `FolderDataset`; if the trimaps are missing, names the command.
    """

    def __init__(self, root: Path) -> None:
        base = folder(root)
        if (base / "rgba_image").is_dir() and not (base / "trimap").is_dir():
            raise MissingError(
                f"no folder {base / 'trimap'}: make it with "
                f"python -m PhotoMatteData.data_loader --gen_trimaps --data_root {root}"
            )
        super().__init__({"cutout": base / "rgba_image", "trimap": base / "trimap"})
        self.backgrounds = read_pairs(base)

    def __getitem__(self, index: int) -> Sample:
        """Read and compose one sample.

        Raises:
            InputError: if a file is broken, has no alpha, or sizes or values don't fit (named).
        """
        name = self.names[index]
        paths = self.paths[name]
        cutout = read_rgba(paths["cutout"])
        trimap = read_alpha(paths["trimap"])
        check_trimap(trimap, paths["trimap"])
        if trimap.shape != cutout.shape[:2]:
            found, expected = (f"{a.shape[0]}x{a.shape[1]}" for a in (trimap, cutout))
            raise InputError(f"{paths['trimap']} is {found}, but {paths['cutout']} is {expected}")
        alpha = np.ascontiguousarray(cutout[..., 3])
        foreground = np.ascontiguousarray(cutout[..., :3])
        background = fit_background(read_photo(self.backgrounds[name]), alpha.shape)
        image = composite(foreground, background, alpha)
        return Sample(name, image, alpha, trimap, foreground, background)


def gen_dataset_trimaps(root: Path, num_workers: int | None = None) -> int:
    """Write the trimaps that are missing (30-pixel ellipse); see `utils.trimap.write_trimaps`."""
    base = folder(root)
    cutouts = list_images(base / "rgba_image")
    return write_trimaps(cutouts, base / "trimap", read_cutout_alpha, num_workers=num_workers)


def read_cutout_alpha(path: Path) -> np.ndarray:
    """(H, W) uint8 alpha of an RGBA cut-out."""
    return np.ascontiguousarray(read_rgba(path)[..., 3])
