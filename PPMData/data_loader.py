"""PPM-100: 100 portraits with fine alphas, for testing.

    python -m PPMData.data_loader --gen_trimaps
    python -m PPMData.data_loader --check

<data_root>/PPM-100/{image,matte,trimap}; the trimaps are made from the mattes.
"""

from pathlib import Path
from shlex import quote

from data.check import run_loader
from data.folders import FolderDataset
from utils.errors import run_script
from utils.files import AnyPath
from utils.images import list_images
from utils.trimap import write_trimaps


def folders(root: AnyPath) -> dict[str, Path]:
    """Layer -> folder, below the data root."""
    base = Path(root) / "PPM-100"
    return {"image": base / "image", "alpha": base / "matte", "trimap": base / "trimap"}


def made_by(root: AnyPath) -> dict[str, str]:
    """Layer -> the command that makes its folder."""
    command = "python -m PPMData.data_loader --gen_trimaps --data_root"
    return {"trimap": f"{command} {quote(str(root))}"}


class PPMDataset(FolderDataset):
    """Samples with image, alpha and trimap; `root` is the data root, which holds PPM-100/.

    Raises:
        MissingError, InputError: as `FolderDataset`; if the trimaps are missing, names the command.
    """

    def __init__(self, root: AnyPath) -> None:
        super().__init__(folders(root), made_by(root))


def gen_dataset_trimaps(root: AnyPath = "Datasets", num_workers: int | None = None) -> int:
    """Write the trimaps that are missing (30-pixel ellipse); see `utils.trimap.write_trimaps`."""
    layers = folders(root)
    return write_trimaps(list_images(layers["alpha"]), layers["trimap"], num_workers=num_workers)


def main() -> int:
    return run_loader(
        __doc__, lambda root: {"PPM-100": folders(root)}, made_by, gen_dataset_trimaps
    )


if __name__ == "__main__":
    run_script(main)
