"""Samples from folders that hold one file a stem and layer each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from utils.errors import InputError
from utils.images import pair_by_stem, read_alpha, read_photo
from utils.sample import Sample
from utils.trimap import Trimap

PHOTOS = ("image", "foreground", "background")


class FolderDataset:
    """A sequence of samples; layers are paired by stem and read when asked for.

    Args:
        folders: layer (an attribute of `Sample`) -> folder. All layers must be complete.

    Attributes:
        names: the stems, sorted.

    Raises:
        MissingError: if a folder is missing.
        InputError: if a folder is empty, a file, or a file lacks a partner (named).
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self.paths = pair_by_stem(folders)
        self.names = list(self.paths)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        """Read one sample.

        Raises:
            InputError: if a file is broken, or its size or values don't fit (named).
        """
        name = self.names[index]
        return read_sample(name, self.paths[name])

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


def read_sample(name: str, paths: Mapping[str, Path]) -> Sample:
    """Read the layers {layer: path} of one sample; all must have the first one's size."""
    layers = {
        layer: read_photo(path) if layer in PHOTOS else read_alpha(path)
        for layer, path in paths.items()
    }
    (first, reference), *others = layers.items()
    for layer, array in others:
        if array.shape[:2] != reference.shape[:2]:
            found, expected = (f"{a.shape[0]}x{a.shape[1]}" for a in (array, reference))
            raise InputError(f"{paths[layer]} is {found}, but {paths[first]} is {expected}")
    if "trimap" in layers:
        check_trimap(layers["trimap"], paths["trimap"])
    return Sample(name, **layers)


def check_trimap(trimap: np.ndarray, path: Path) -> None:
    """Raise InputError if a trimap that was read from `path` has other values than `Trimap`'s."""
    if strange := set(np.unique(trimap).tolist()) - set(Trimap):
        raise InputError(
            f"{path} has the values {sorted(strange)[:5]}; a trimap has only 0, 128 and 255"
        )
