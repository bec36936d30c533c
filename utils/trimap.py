"""Trimaps: which pixels are certainly person, certainly background, or unknown."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath, tell_stale
from utils.images import list_images, read_alpha, read_size, write_image
from utils.parallel import map_files

TEST_ELLIPSE = 30  # pixels; the paper's trimaps of PPM-100 and PhotoMatte85
TRAINING_ELLIPSE = 7  # pixels; the paper's trimaps in training


class Trimap(IntEnum):
    """The values of a trimap, in memory and on disk."""

    BACKGROUND = 0
    UNKNOWN = 128
    FOREGROUND = 255


def trimap_from_alpha(alpha: np.ndarray, size: int) -> np.ndarray:
    """Call unknown whatever lies within an ellipse of a pixel that is not pure.

    Exactly OpenCV's dilate of {alpha > 0} and erode of {alpha = 255}; 30 pixels for the paper's
    test sets, 7 for training. Beyond the border the alpha counts as going on unchanged.

    Args:
        alpha: (H, W) uint8.
        size: the ellipse's two diameters, in pixels, at least 1.

    Returns:
        (H, W) uint8, values of `Trimap`.

    Raises:
        ValueError: if alpha is not (H, W) uint8.
    """
    if alpha.ndim != 2 or alpha.dtype != np.uint8:
        raise ValueError(f"alpha is {alpha.dtype} {alpha.shape}; expected (H, W) uint8")
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    possible = cv2.dilate((alpha > 0).astype(np.uint8), ellipse)
    certain = cv2.erode((alpha == 255).astype(np.uint8), ellipse)
    return possible * np.uint8(128) + certain * np.uint8(127)  # 255 where both hold


def write_trimaps(
    alphas: Mapping[str, AnyPath],
    folder: AnyPath,
    read: Callable[[Path], np.ndarray] = read_alpha,
    *,
    num_workers: int | None = None,
) -> int:
    """Write folder/<stem>.png for each alpha {stem: path}, in parallel; returns how many.

    A trimap that is there already is kept, so an interrupted run goes on where it was; each file
    is written whole or not at all.

    Args:
        read: path -> (H, W) uint8 alpha; a function of a module, since processes share it.

    Raises:
        InputError: if an alpha can't be read or a trimap that is there has another size (named).
        OSError: if the folder can't be written or the disk is full.
    """
    folder = Path(folder)
    present = list_images(folder, empty=True)
    made = {path: [Path(alphas[stem])] for stem, path in present.items() if stem in alphas}
    for path, [alpha] in made.items():
        old, new = read_size(path), read_size(alpha)
        if old != new:
            raise InputError(
                f"{path} is {old[0]}x{old[1]}, but {alpha} is {new[0]}x{new[1]}; "
                "remove the trimap, and it is made anew"
            )
    tell_stale(made)
    todo = [(alphas[stem], folder / f"{stem}.png") for stem in alphas if stem not in present]
    job = partial(_write_trimap, read=read)
    return sum(map_files(job, todo, num_workers=num_workers, title=f"trimaps of {folder.parent}"))


def _write_trimap(paths: tuple[Path, Path], *, read: Callable[[Path], np.ndarray]) -> int:
    source, target = paths
    write_image(target, trimap_from_alpha(read(source), TEST_ELLIPSE))
    return 1
