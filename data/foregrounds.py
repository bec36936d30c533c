"""Estimating portraits' foregrounds and backgrounds, and keeping them as files."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.folders import READERS, check_sizes, raw_path, read_layers
from utils.errors import InputError
from utils.files import AnyPath, atomic_path, tell_stale
from utils.foreground import solve_fg_bg
from utils.images import list_images, read_size
from utils.images.encode import encode_quickly_read
from utils.parallel import map_files

SOLVED = ("foreground", "background")
Portraits = dict[str, dict[str, Path]]  # name -> layer -> file


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
    portraits: Iterable[Mapping[str, AnyPath]], method: str = "ml", num_workers: int | None = None
) -> list[str]:
    """Write the foregrounds and backgrounds that are not there yet, in several processes.

    Args:
        portraits: {layer: path} of each, as `with_solved` gives them.

    Returns:
        One sentence for each portrait that can't be read, or whose layers differ in size.

    Raises:
        InputError: if what was solved earlier can't be read or differs from its photo in size.
        OSError: if the disk is full; nothing half-written is left.
    """
    portraits = list(portraits)
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
    """Write the pixels of a (layer, path) as they are, to be memory-mapped in training. Atomic.

    Raises:
        InputError: if the picture can't be read.
    """
    layer, path = picture
    stated = Path(path).stat()  # of before it is read
    array = io.BytesIO()
    np.save(array, READERS[layer](path))
    with atomic_path(raw_path(path)) as temporary:
        temporary.write_bytes(array.getbuffer())  # numpy.save doesn't say that the disk is full
        os.utime(temporary, ns=(stated.st_atime_ns, stated.st_mtime_ns))  # see has_raw
