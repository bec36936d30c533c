"""Estimating a portrait's foreground and background, and keeping them as files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from data.folders import READERS, raw_path, read_layers
from utils.files import AnyPath, atomic_path
from utils.foreground import solve_fg_bg
from utils.images.encode import encode_quickly_read

SOLVED = ("foreground", "background")


def solve_portrait(paths: Mapping[str, AnyPath], method: str = "ml") -> None:
    """Read a portrait's image and alpha; write its foreground and background where not there.

    Args:
        paths: by layer.

    Raises:
        InputError: if the photo or the alpha can't be read, or their sizes differ.
    """
    import numba  # after utils.foreground, which says with how many threads

    numba.set_num_threads(1)  # the processes share the cores
    layers = read_layers({layer: paths[layer] for layer in ("image", "alpha")})
    unit = np.float32(1 / 255)
    colours = solve_fg_bg(layers["image"] * unit, layers["alpha"] * unit, method)
    for layer, colour in zip(SOLVED, colours, strict=True):
        if not Path(paths[layer]).exists():  # one of the two may be the user's own
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
    pixels = READERS[layer](path)
    with atomic_path(raw_path(path)) as temporary:
        with temporary.open("wb") as file:  # numpy.save doesn't say that the disk is full
            header = np.lib.format.header_data_from_array_1_0(pixels)
            np.lib.format.write_array_header_1_0(file, header)
            file.write(pixels.data)
        os.utime(temporary, ns=(stated.st_atime_ns, stated.st_mtime_ns))  # see has_raw
