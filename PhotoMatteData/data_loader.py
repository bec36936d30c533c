"""PhotoMatte85: 85 cut-outs with fine alphas, set before backgrounds, for testing.

    python -m PhotoMatteData.data_loader --gen_trimaps
    python -m PhotoMatteData.data_loader --check

<data_root>/PhotoMatte85/{rgba_image,background,trimap}; the trimaps are made from the alphas.
"""

from pathlib import Path
from shlex import quote

import cv2
import numpy as np

from data.check import run_loader
from data.folders import FolderDataset, Sample, read_layers
from utils.composition import composite, fit_background
from utils.errors import run_script
from utils.files import AnyPath
from utils.images import list_images, list_photos, read_photo, read_rgba
from utils.trimap import write_trimaps


def folders(root: AnyPath) -> dict[str, Path]:
    """Layer -> folder, of the layers that are paired by stem."""
    base = Path(root) / "PhotoMatte85"
    return {"cutout": base / "rgba_image", "trimap": base / "trimap"}


def made_by(root: AnyPath) -> dict[str, str]:
    """Layer -> the command that makes its folder."""
    command = "python -m PhotoMatteData.data_loader --gen_trimaps --data_root"
    return {"trimap": f"{command} {quote(str(root))}"}


class PhotoMatteDataset(FolderDataset):
    """Samples with all layers; `root` is the data root, which holds PhotoMatte85/.

    The image is the cut-out composed with its background. They go together in the order of their
    names, too few are used in turn: with 85 it is the pairing of the paper's published code.

    Raises:
        MissingError, InputError: as `FolderDataset`; if the trimaps are missing, names the command.
    """

    def __init__(self, root: AnyPath) -> None:
        super().__init__(folders(root), made_by(root))
        files = list_photos(Path(root) / "PhotoMatte85" / "background")
        self.backgrounds = {name: files[i % len(files)] for i, name in enumerate(self.names)}

    def __getitem__(self, index: int) -> Sample:
        """Read and compose one sample; InputError names a file that is broken or doesn't fit."""
        name = self.names[index]
        layers = read_layers(self.paths[name])
        foreground = cv2.cvtColor(layers["cutout"], cv2.COLOR_RGBA2RGB)
        alpha = cv2.extractChannel(layers["cutout"], 3)
        background = fit_background(read_photo(self.backgrounds[name]), alpha.shape)
        image = composite(foreground, background, alpha)
        return Sample(name, image, alpha, layers["trimap"], foreground, background)


def gen_dataset_trimaps(root: AnyPath = "Datasets", num_workers: int | None = None) -> int:
    """Write the trimaps that are missing (30-pixel ellipse); see `utils.trimap.write_trimaps`."""
    layers = folders(root)
    cutouts = list_images(layers["cutout"])
    return write_trimaps(cutouts, layers["trimap"], _read_alpha, num_workers=num_workers)


def _read_alpha(path: AnyPath) -> np.ndarray:
    return read_rgba(path)[..., 3]


def _sets(root: Path) -> dict[str, dict[str, Path]]:
    scenes = {"background": root / "PhotoMatte85" / "background"}
    return {"PhotoMatte85": folders(root), "backgrounds": scenes}


def main() -> int:
    return run_loader(__doc__, _sets, made_by, gen_dataset_trimaps)


if __name__ == "__main__":
    run_script(main)
