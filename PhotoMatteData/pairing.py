"""Which background stands behind which cut-out of PhotoMatte85, and how it is fitted.

The rule: cut-outs and backgrounds are sorted by name; with a seed other than 0 the backgrounds are
then shuffled by NumPy's default_rng(seed); cut-out i gets background i modulo their number. Seed 0
with 85 backgrounds is the pairing of the paper's published code. The outcome is stored in
PhotoMatte85/pairs.csv (columns rgba_image, background) and from then on read from there, so that
a picture added to a folder later changes no pair. Sizes are made to meet by
`utils.composition.fit_background`.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from utils.errors import InputError, MissingError
from utils.files import atomic_path
from utils.images import list_images

COLUMNS = ["rgba_image", "background"]


def pair_backgrounds(base: Path, backgrounds: Path | None = None, seed: int = 0) -> Path:
    """Store the pairing in base/pairs.csv and return that path.

    Args:
        base: the folder PhotoMatte85.
        backgrounds: folder of photos without people; default base/background.

    Raises:
        MissingError, InputError: if a folder is missing or empty, or the CSV is there already.
    """
    target = base / "pairs.csv"
    if target.exists():
        raise InputError(f"{target} is there already; remove it to pair anew")
    backgrounds = backgrounds or base / "background"
    files = list(list_images(backgrounds).values())
    if seed:
        files = [files[i] for i in np.random.default_rng(seed).permutation(len(files))]
    cutouts = list_images(base / "rgba_image").values()
    with atomic_path(target) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, cutout in enumerate(cutouts):
            writer.writerow([cutout.name, _shorten(files[i % len(files)], base)])
    return target


def read_pairs(base: Path) -> dict[str, Path]:
    """Map the stem of each cut-out to its background; store the pairing first if it is not.

    Raises:
        MissingError, InputError: if the CSV or a folder is wrong or incomplete (named).
    """
    target = base / "pairs.csv"
    if not target.exists():
        pair_backgrounds(base)
    with target.open(newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise InputError(f"{target} has the columns {reader.fieldnames}; expected {COLUMNS}")
        pairs = {Path(row["rgba_image"]).stem: base / row["background"] for row in reader}
    for stem, cutout in list_images(base / "rgba_image").items():
        if stem not in pairs:
            raise InputError(f"{target} names no background for {cutout.name}; remove it")
        if not pairs[stem].is_file():
            raise MissingError(f"{target} names {pairs[stem]}, which is no file")
    return pairs


def _shorten(path: Path, base: Path) -> str:
    """Relative to `base` where it lies in there, so that the data set can be moved."""
    path, base = path.resolve(), base.resolve()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
