"""One's own portraits, and estimating the foregrounds and backgrounds that training needs.

<folder>/image/NAME.jpg and <folder>/alpha/NAME.png, of several folders. Instead of alpha/ there may
be matte/, as in PPM-100.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.folders import FolderDataset, Sample, check_sizes, raw_path, read_layer, read_layers
from utils.errors import InputError, MissingError, listing, say_once
from utils.files import AnyPath, atomic_path, tell_stale
from utils.foreground import solve_fg_bg
from utils.images import list_images, pair_by_stem, read_size
from utils.images.encode import encode_quickly_read
from utils.parallel import map_files
from utils.trimap import TEST_ELLIPSE, trimap_from_alpha

SOLVED = ("foreground", "background")
Portraits = dict[str, dict[str, Path]]  # name -> layer -> file


@dataclass(frozen=True)
class Split:
    """Which portraits a table gives to one part of the data; a folder it doesn't name is whole."""

    part: str  # a value of the table's column `split`, such as "train"
    parts: Mapping[str, str]  # the table, name -> part

    @classmethod
    def read(cls, text: str) -> Split:
        """Read FILE.csv:PART, a table with the columns `name` and `split`, or raise InputError."""
        file, colon, part = text.rpartition(":")
        if not (file and colon and part):
            raise InputError(f"{text} is no FILE.csv:PART, as manifest.csv:train")
        if not Path(file).is_file():
            raise MissingError(f"{file} is not there; name a table with the columns name and split")
        try:  # pandas makes it no shorter, and takes a second to import
            with open(file, newline="", encoding="utf-8-sig") as stream:  # Excel begins with a BOM
                parts = {row["name"]: row["split"] or "" for row in csv.DictReader(stream)}
        except (KeyError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{file} is no CSV with the columns name and split") from error
        if part not in parts.values():
            known = ", ".join(sorted(set(parts.values()))) or "nothing"
            raise InputError(f"{file} has no {part} in its column split, only {known}")
        return cls(part, parts)


def _pair(folder: Path, split: Split | None) -> Portraits:
    alpha = "matte" if (folder / "matte").is_dir() and not (folder / "alpha").is_dir() else "alpha"
    paths = pair_by_stem({"image": folder / "image", "alpha": folder / alpha})
    if split is None:
        return paths
    if not paths.keys() & split.parts.keys():
        say_once(f"note: the table names no portrait of {folder}, which is taken whole")
        return paths
    return {name: files for name, files in paths.items() if split.parts.get(name) == split.part}


class PortraitDataset(FolderDataset):
    """Samples with image, alpha, foreground and background, for training.

    `folder` holds image/ and alpha/, of which `split` takes a part. The colours of the other two
    layers are estimated (`solve`) and kept beside them, in fg/ and bg/. Errors: as `FolderDataset`.
    """

    def __init__(self, folder: AnyPath, split: Split | None = None) -> None:
        folder = Path(folder)
        solved = {"foreground": folder / "fg", "background": folder / "bg"}
        self.paths = with_solved(_pair(folder, split), solved)
        self.names = list(self.paths)

    def solve(self) -> None:
        """As `solve_portraits`; InputError names all that can't be read or differ in size."""
        if faults := solve_portraits(list(self.paths.values())):
            raise InputError(listing(faults))


class TestPortraits(FolderDataset):
    """Samples with image, alpha and a trimap made from the alpha as for PPM-100, for measuring.

    Each of `folders` holds image/ and alpha/, of which `split` takes a part. Errors: as
    `FolderDataset`, or two folders hold portraits of one name.
    """

    __test__ = False  # no test of pytest's

    def __init__(self, folders: Sequence[AnyPath], split: Split | None = None) -> None:
        self.paths: Portraits = {}
        for folder in folders:
            paths = _pair(Path(folder), split)
            if twice := sorted(paths.keys() & self.paths.keys()):
                raise InputError(f"{folder} holds {twice[0]}, as another folder does; rename it")
            self.paths |= paths
        self.names = list(self.paths)
        if split and not self.names:
            raise InputError(f"the table's part {split.part} names no portrait of {folders[0]}")

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        assert sample.alpha is not None
        return replace(sample, trimap=trimap_from_alpha(sample.alpha, TEST_ELLIPSE))


def with_solved(portraits: Portraits, folders: Mapping[str, AnyPath]) -> Portraits:
    """The same, with the places of the layers of SOLVED in `folders`, whether there or not yet."""
    there = {layer: list_images(folders[layer], empty=True) for layer in SOLVED}
    return {
        name: paths
        | {layer: there[layer].get(name, Path(folders[layer], f"{name}.png")) for layer in SOLVED}
        for name, paths in portraits.items()
    }


def is_solved(paths: Mapping[str, AnyPath]) -> bool:
    """Whether both layers of a portrait {layer: path} are there."""
    return all(Path(paths[layer]).exists() for layer in SOLVED)


def solve_portraits(
    portraits: Sequence[Mapping[str, AnyPath]], method: str = "ml", num_workers: int | None = None
) -> list[str]:
    """Write the foregrounds and backgrounds that are not there yet, in several processes.

    Args:
        portraits: {layer: path} of each, as `with_solved` gives them.

    Returns:
        One sentence for each portrait that can't be read, or whose layers differ in size.

    Raises:
        InputError: if one that was solved earlier is such. OSError: if the disk is full.
    """
    done = [paths for paths in portraits if is_solved(paths)]
    for paths in done:
        check_sizes({layer: read_size(path) for layer, path in paths.items()}, paths)
    tell_stale({paths[s]: [paths["image"], paths["alpha"]] for paths in done for s in SOLVED})
    missing = [paths for paths in portraits if not is_solved(paths)]
    return try_all(partial(_solve, method=method), missing, num_workers, f"foregrounds ({method})")


def try_all(
    work: Callable[[Any], None], items: Sequence[Any], num_workers: int | None, title: str
) -> list[str]:
    """Do the work of each item in several processes; a sentence for each that can't be read."""
    faults = map_files(partial(_try, work), items, num_workers=num_workers, title=title)
    return sorted(fault for fault in faults if fault)


def _try(work: Callable[[Any], None], item: Any) -> str | None:
    try:
        work(item)
    except InputError as error:
        return str(error)
    return None


def _solve(paths: Mapping[str, AnyPath], method: str) -> None:
    import numba  # after utils.foreground, which says with how many threads

    numba.set_num_threads(1)  # the processes share the cores
    missing = [layer for layer in SOLVED if not Path(paths[layer]).exists()]  # else the user's own
    layers = read_layers({layer: path for layer, path in paths.items() if layer not in missing})
    unit = np.float32(1 / 255)
    colours = solve_fg_bg(layers["image"] * unit, layers["alpha"] * unit, method)
    for layer, colour in zip(SOLVED, colours, strict=True):
        if layer in missing:
            write_colours(paths[layer], np.rint(colour * 255).astype(np.uint8))


def write_colours(path: AnyPath, image: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG. Atomic."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(encode_quickly_read(image))


def keep_raw(picture: tuple[str, AnyPath]) -> None:
    """Write the pixels of a (layer, path) as they are, to be memory-mapped in training. Atomic."""
    layer, path = picture
    stated = Path(path).stat()  # of before it is read
    array = io.BytesIO()
    np.save(array, read_layer(layer, path))
    with atomic_path(raw_path(path)) as temporary:
        temporary.write_bytes(array.getbuffer())  # numpy.save doesn't say that the disk is full
        os.utime(temporary, ns=(stated.st_atime_ns, stated.st_mtime_ns))  # see has_raw
