"""Samples from folders that hold one file a stem and layer each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from data.sample import Sample
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import pair_by_stem, read_alpha, read_photo, read_rgba
from utils.trimap import Trimap

READERS = {
    "image": read_photo,
    "alpha": read_alpha,
    "trimap": read_alpha,
    "foreground": read_photo,
    "background": read_photo,
    "cutout": read_rgba,
}


class FolderDataset:
    """A sequence of samples; layers are paired by stem and read when asked for.

    Args:
        folders: layer (an attribute of `Sample`) -> folder. All layers must be complete.
        made_by: layer -> the command that makes its folder, named if that is missing.

    Attributes:
        names: the stems, sorted.

    Raises:
        MissingError: if a folder is missing.
        InputError: if a folder is empty, a file, or a file lacks a partner (named).
    """

    def __init__(
        self, folders: Mapping[str, AnyPath], made_by: Mapping[str, str] | None = None
    ) -> None:
        self.paths = pair_by_stem(folders, made_by)
        self.names = list(self.paths)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            InputError: if a file is broken, or its size or values don't fit (named).
        """
        name = self.names[index]
        layers: dict[str, Any] = dict(read_layers(self.paths[name]))
        return Sample(name, **layers)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


def read_layers(paths: Mapping[str, AnyPath]) -> dict[str, np.ndarray]:
    """Read the layers {layer: path} of one sample.

    Raises:
        InputError: if a file is broken, differs from the first in size, or is a wrong trimap.
    """
    layers = {layer: READERS[layer](path) for layer, path in paths.items()}
    check_sizes({layer: array.shape[:2] for layer, array in layers.items()}, paths)
    if "trimap" in layers:
        check_trimap(layers["trimap"], paths["trimap"])
    return layers


def check_sizes(sizes: Mapping[str, tuple[int, ...]], paths: Mapping[str, AnyPath]) -> None:
    """Raise InputError if a layer's size (H, W) is not that of the first."""
    (first, expected), *others = sizes.items()
    for layer, found in others:
        if found != expected:
            raise InputError(
                f"{paths[layer]} is {found[0]}x{found[1]}, "
                f"but {paths[first]} is {expected[0]}x{expected[1]}"
            )


def check_trimap(trimap: np.ndarray, path: AnyPath) -> None:
    """Raise InputError if a trimap that was read from `path` has other values than `Trimap`'s."""
    if strange := set(np.unique(trimap).tolist()) - set(Trimap):
        raise InputError(
            f"{path} has the values {sorted(strange)[:5]}; a trimap has only 0, 128 and 255"
        )
