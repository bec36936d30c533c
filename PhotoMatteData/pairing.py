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
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from utils.errors import InputError, MissingError
from utils.files import AnyPath, atomic_path
from utils.images import list_images, list_photos

NAME = "pairs.csv"
COLUMNS = ["rgba_image", "background"]
ERRORS = "surrogateescape"  # names of files need not be UTF-8


def pair_backgrounds(
    base: AnyPath, backgrounds: AnyPath | None = None, seed: int = 0
) -> dict[str, Path]:
    """Apply the rule: stem of a cut-out -> background.

    Args:
        base: the folder PhotoMatte85.
        backgrounds: folder of photos without people; default base/background.

    Raises:
        MissingError, InputError: if a folder is missing or empty.
    """
    base = Path(base)
    files = list_photos(backgrounds or base / "background")
    if seed:
        files = [files[i] for i in np.random.default_rng(seed).permutation(len(files))]
    cutouts = list_images(base / "rgba_image")
    return {stem: files[i % len(files)] for i, stem in enumerate(cutouts)}


def store_pairs(base: AnyPath, pairs: Mapping[str, AnyPath]) -> Path:
    """Write base/pairs.csv and return its path.

    Raises:
        InputError: if it is there already.
        OSError: if it can't be written.
    """
    base = Path(base)
    target = base / NAME
    if target.exists():
        raise InputError(f"{target} is there already; remove it to pair anew")
    cutouts = list_images(base / "rgba_image")
    with (
        atomic_path(target) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors=ERRORS) as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows([cutouts[stem].name, _shorten(pairs[stem], base)] for stem in cutouts)
    return target


def read_pairs(base: AnyPath) -> dict[str, Path]:
    """Stem of a cut-out -> background, from base/pairs.csv.

    Raises:
        MissingError, InputError: if the CSV or a folder is wrong or incomplete (named).
    """
    base = Path(base)
    target = base / NAME
    with target.open(newline="", encoding="utf-8-sig", errors=ERRORS) as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != COLUMNS:
            raise InputError(f"{target} has the columns {reader.fieldnames}; expected {COLUMNS}")
        rows = list(reader)
    for number, row in enumerate(rows, start=2):
        if not (row["rgba_image"] and row["background"]):
            raise InputError(f"{target}, line {number}: expected two file names")
    pairs = {Path(row["rgba_image"]).stem: base / row["background"] for row in rows}
    for stem, cutout in list_images(base / "rgba_image").items():
        if stem not in pairs:
            raise InputError(f"{target} names no background for {cutout.name}; remove it")
        if not pairs[stem].is_file():
            raise MissingError(f"{target} names {pairs[stem]}, which is no file")
    return pairs


def read_or_store_pairs(base: AnyPath) -> dict[str, Path]:
    """The stored pairing; where none is, the rule's with seed 0, which is then stored."""
    base = Path(base)
    if (base / NAME).exists():
        return read_pairs(base)
    pairs = pair_backgrounds(base)
    try:
        store_pairs(base, pairs)
    except InputError:
        if not (base / NAME).exists():
            raise
        return read_pairs(base)  # another process has stored it meanwhile
    except OSError as error:  # data may lie where nobody writes; the rule gives the same again
        print(f"the pairing of backgrounds could not be stored: {error}", file=sys.stderr)
    return pairs


def _shorten(path: AnyPath, base: Path) -> str:
    """Relative to `base` where it lies in there, so that the data set can be moved."""
    path, base = Path(os.path.realpath(path)), Path(os.path.realpath(base))
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else str(path)
