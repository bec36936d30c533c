"""Samples, what every data set hands out, from folders that hold one file a stem and layer each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.augment import mean_grey
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import pair_by_stem, read_alpha, read_photo, read_rgba, refuse_faint
from utils.images.colour import convert_colours
from utils.images.decode import read_plain_png
from utils.images.metadata import read_metadata
from utils.trimap import Trimap


@dataclass(frozen=True)
class Sample:
    """One portrait. All layers have the same height and width; those that aren't known are None."""

    name: str  # file name without its ending; pairs the layers
    image: np.ndarray  # (H, W, 3) uint8 RGB
    alpha: np.ndarray | None = None  # (H, W) uint8
    trimap: np.ndarray | None = None  # (H, W) uint8 0/128/255
    foreground: np.ndarray | None = None  # (H, W, 3) uint8 RGB, the colour of the person alone
    background: np.ndarray | None = None  # (H, W, 3) uint8 RGB, the scene without the person
    source: AnyPath | None = None  # the image's file, in whose colour profile it is; None: sRGB

    def as_srgb(self) -> np.ndarray:
        """The image in sRGB, for pictures that name no profile."""
        profile = read_metadata(self.source).icc if self.source else None
        return convert_colours(self.image, profile, None)


def raw_path(path: AnyPath) -> Path:
    """Where the pixels of a layer of KEPT are kept as they are: fg_raw/NAME.npy."""
    path = Path(path)
    return path.parent.with_name(f"{path.parent.name}_raw") / f"{path.stem}.npy"


def has_raw(path: AnyPath) -> bool:
    """Whether they are, and the picture is that of then: of the same time, be it older or newer."""
    raw, path = raw_path(path), Path(path)
    there = raw.exists() and path.exists()
    return there and raw.stat().st_mtime_ns == path.stat().st_mtime_ns


def read_layer(layer: str, path: AnyPath) -> np.ndarray:
    """One layer's file, or where there are any, its memory-mapped pixels.

    InputError as the readers of `utils.images`, or if the pixels are broken.
    """
    if layer not in KEPT or not has_raw(path):
        plain = read_plain_png(path, grey=layer == "alpha") if layer in KEPT else None
        if plain is None:
            return READERS.get(layer, read_photo)(path)
        if layer == "alpha":
            refuse_faint(plain, path)
        return plain
    raw = raw_path(path)
    try:
        return np.load(raw, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{raw} is broken; remove it") from error


READERS = {"alpha": read_alpha, "trimap": read_alpha, "cutout": read_rgba}  # all others are photos
KEPT = ("foreground", "background", "alpha")


@dataclass(frozen=True)
class StoredSample:
    """A portrait in files, of which each layer is read when it is first asked for."""

    name: str
    paths: Mapping[str, AnyPath]  # layer -> file
    edge_weight: float = 1.0  # how far the alpha's edges are trusted in training; 1 is exact
    read: dict[str, np.ndarray] = field(default_factory=dict)  # the layers that were asked for

    def layer(self, name: str) -> np.ndarray:
        """(H, W[, C]) uint8; those of KEPT may be memory-mapped.

        InputError if the file is broken, differs from the first in size, or is a wrong trimap.
        """
        if name not in self.read:
            array = read_layer(name, self.paths[name])
            check_sizes(
                {n: a.shape[:2] for n, a in (self.read | {name: array}).items()}, self.paths
            )
            if name == "trimap":
                check_trimap(array, self.paths[name])
            self.read[name] = array
        return self.read[name]

    def having(self, *names: str) -> StoredSample:
        """Itself, with these layers in `read`; InputError as `layer`."""
        for name in names:
            self.layer(name)
        return self

    def mean_grey(self) -> float:
        """Nearly the photo's, in 0..255, without reading all of it; InputError if it is broken."""
        return mean_grey(read_photo(self.paths["image"], eighth=True))


class FolderDataset:
    """A sequence of samples; layers are paired by stem and read when asked for.

    Args:
        folders: layer (an attribute of `Sample`) -> folder. All layers must be complete.
        made_by: layer -> the command that makes its folder, named if that is missing.

    Raises:
        MissingError, InputError: if a folder is missing or empty, or a file lacks a partner.
    """

    def __init__(
        self, folders: Mapping[str, AnyPath], made_by: Mapping[str, str] | None = None
    ) -> None:
        self.paths = pair_by_stem(folders, made_by)
        self.names = list(self.paths)  # sorted

    def __len__(self) -> int:
        return len(self.names)

    def stored(self, index: int) -> StoredSample:
        """One sample, not read yet."""
        return StoredSample(self.names[index], self.paths[self.names[index]])

    def __getitem__(self, index: int) -> Sample:
        """Read one sample; InputError names a file that is broken or doesn't fit."""
        name = self.names[index]
        layers: dict[str, Any] = read_layers(self.paths[name])
        return Sample(name, source=self.paths[name].get("image"), **layers)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))


def read_layers(paths: Mapping[str, AnyPath]) -> dict[str, np.ndarray]:
    """Read the layers {layer: path} of one sample; InputError as `StoredSample.layer`."""
    return StoredSample("", paths).having(*paths).read


def check_sizes(sizes: Mapping[str, tuple[int, ...]], paths: Mapping[str, AnyPath]) -> None:
    """Raise InputError if a layer's size (H, W) is not that of the first."""
    for layer, (H, W) in sizes.items():
        first, (h, w) = next(iter(sizes.items()))
        if (h, w) != (H, W):
            raise InputError(f"{paths[layer]} is {H}x{W}, but {paths[first]} is {h}x{w}")


def check_trimap(trimap: np.ndarray, path: AnyPath) -> None:
    """Raise InputError if a trimap that was read from `path` has other values than `Trimap`'s."""
    if strange := set(np.unique(trimap).tolist()) - set(Trimap):
        raise InputError(
            f"{path} has the values {sorted(strange)[:5]}; a trimap has only 0, 128 and 255"
        )
