"""PhotoMatte85: 85 cut-outs with fine alphas, set before backgrounds, for testing.

    python -m PhotoMatteData.data_loader --gen_trimaps
    python -m PhotoMatteData.data_loader --check

<data_root>/PhotoMatte85/{rgba_image,background,trimap}; the trimaps are made from the alphas, and
`pair_backgrounds` says which background stands behind which cut-out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from data.check import inspect_folders, inspect_samples, run_loader
from data.folders import FolderDataset, read_layers
from data.sample import Sample
from utils.composition import composite, fit_background
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.images import list_images, list_photos, read_photo, read_rgba, tell_passed_over
from utils.trimap import write_trimaps


def folder(root: AnyPath) -> Path:
    """The data set's folder, below the data root."""
    return Path(root) / "PhotoMatte85"


def folders(root: AnyPath) -> dict[str, Path]:
    """Layer -> folder, of the layers that are paired by stem."""
    base = folder(root)
    return {"cutout": base / "rgba_image", "trimap": base / "trimap"}


def made_by(root: AnyPath) -> dict[str, str]:
    """Layer -> the command that makes its folder."""
    return {"trimap": f"python -m PhotoMatteData.data_loader --gen_trimaps --data_root {root}"}


def pair_backgrounds(root: AnyPath) -> dict[str, Path]:
    """Stem of a cut-out -> its background: both sorted by name; too few are used in turn.

    With 85 backgrounds it is the pairing of the paper's published code. Sizes are made to meet by
    `utils.composition.fit_background`.

    Raises:
        MissingError, InputError: if a folder is missing or empty.
    """
    files = list_photos(folder(root) / "background")
    cutouts = list_images(folder(root) / "rgba_image")
    return {stem: files[i % len(files)] for i, stem in enumerate(cutouts)}


class PhotoMatteDataset(FolderDataset):
    """Samples with all layers; the image is the cut-out composed with its background.

    Args:
        root: the data root, which holds PhotoMatte85/.

    Raises:
        MissingError, InputError: as `FolderDataset`; if the trimaps are missing, names the command.
    """

    def __init__(self, root: AnyPath) -> None:
        super().__init__(folders(root), made_by(root))
        self.backgrounds = pair_backgrounds(root)

    def __getitem__(self, index: int) -> Sample:
        """Read and compose one sample.

        Raises:
            InputError: if a file is broken, has no alpha, or sizes or values don't fit (named).
        """
        name = self.names[index]
        layers = read_layers(self.paths[name])
        cutout, trimap = layers["cutout"], layers["trimap"]
        alpha = np.ascontiguousarray(cutout[..., 3])
        foreground = np.ascontiguousarray(cutout[..., :3])
        background = fit_background(read_photo(self.backgrounds[name]), alpha.shape)
        image = composite(foreground, background, alpha)
        return Sample(name, image, alpha, trimap, foreground, background)


def gen_dataset_trimaps(root: AnyPath = "Datasets", num_workers: int | None = None) -> int:
    """Write the trimaps that are missing (30-pixel ellipse); see `utils.trimap.write_trimaps`."""
    base = folder(root)
    cutouts = list_images(base / "rgba_image")
    return write_trimaps(cutouts, base / "trimap", read_cutout_alpha, num_workers=num_workers)


def read_cutout_alpha(path: AnyPath) -> np.ndarray:
    """(H, W) uint8 alpha of an RGBA cut-out."""
    return np.ascontiguousarray(read_rgba(path)[..., 3])


def inspect(root: AnyPath, **options: Any) -> list[str]:
    """What is wrong with PhotoMatte85; as `data.check.inspect_folders`."""
    faults = inspect_folders("PhotoMatte85", folders(root), made_by(root), **options)
    try:
        tell_passed_over(folder(root) / "background")
        backgrounds = sorted(set(pair_backgrounds(root).values()))
        used = {str(path): {"background": path} for path in backgrounds}
        return faults + inspect_samples("backgrounds", used, **options)
    except InputError as error:
        return [*faults, str(error)]


def main() -> int:
    return run_loader(__doc__, inspect, gen_dataset_trimaps)


if __name__ == "__main__":
    run_script(main)
