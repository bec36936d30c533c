"""Where each layer of a drawn portrait goes, in the layouts of the real data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DemoData.portrait import Portrait
from utils.files import AnyPath
from utils.images import write_image
from utils.trimap import trimap_from_alpha

TRIMAP_SIZE = 30  # px of the ellipse, at full size: PPM-100 and PhotoMatte85 (the papers' protocol)
# P3M's own trimaps were drawn by its authors on photos of about 1080 px; here the same 30 px, in
# proportion to the size of the picture.
P3M_TRIMAP_SHARE = 30 / 1080

Layer = Callable[[Portrait], np.ndarray]


def _photo(portrait: Portrait) -> np.ndarray:
    return portrait.image


def _alpha(portrait: Portrait) -> np.ndarray:
    return portrait.alpha


def _foreground(portrait: Portrait) -> np.ndarray:
    return portrait.foreground


def _background(portrait: Portrait) -> np.ndarray:
    return portrait.background


def _rgba(portrait: Portrait) -> np.ndarray:
    return np.dstack([portrait.foreground, portrait.alpha])


def _trimap(portrait: Portrait) -> np.ndarray:
    return trimap_from_alpha(portrait.alpha, TRIMAP_SIZE)


def _p3m_trimap(portrait: Portrait) -> np.ndarray:
    size = max(3, round(P3M_TRIMAP_SHARE * min(portrait.alpha.shape)))
    return trimap_from_alpha(portrait.alpha, size)


@dataclass(frozen=True)
class Layout:
    """One set of portraits on disk.

    Attributes:
        number: enters the seed, so that no two sets show the same people; never changes.
        folder: the set's folder, below the root of all data sets.
        layers: folder below `folder`, file ending and what is written there.
        hide_face: whether faces are blurred: "never", "always", or "some" of them.
    """

    number: int
    folder: str
    layers: tuple[tuple[str, str, Layer], ...]
    hide_face: str = "never"

    def write(self, root: AnyPath, name: str, portrait: Portrait) -> None:
        """Write every layer of a portrait, each whole or not at all."""
        for path, (_, _, layer) in zip(self.paths(root, name), self.layers, strict=True):
            write_image(path, layer(portrait))

    def paths(self, root: AnyPath, name: str) -> list[Path]:
        """The files of one portrait, in the order of `layers`."""
        return [Path(root, self.folder, folder, f"{name}{end}") for folder, end, _ in self.layers]


TRAIN = Layout(
    1,
    "P3M-10K/train",
    (
        ("blurred_image", ".jpg", _photo),
        ("mask", ".png", _alpha),
        ("fg", ".jpg", _foreground),
        ("bg", ".jpg", _background),
    ),
    hide_face="some",  # so that the network learns faces too; P3M's own are all blurred
)
TESTS = (
    Layout(
        2,
        "P3M-10K/validation/P3M-500-P",
        (
            ("blurred_image", ".jpg", _photo),
            ("mask", ".png", _alpha),
            ("trimap", ".png", _p3m_trimap),
        ),
        hide_face="always",
    ),
    Layout(
        3,
        "P3M-10K/validation/P3M-500-NP",
        (
            ("original_image", ".jpg", _photo),
            ("mask", ".png", _alpha),
            ("trimap", ".png", _p3m_trimap),
        ),
    ),
    Layout(
        4,
        "PPM-100",
        (("image", ".jpg", _photo), ("matte", ".png", _alpha), ("trimap", ".png", _trimap)),
    ),
    Layout(
        5,
        "PhotoMatte85",
        (
            ("rgba_image", ".png", _rgba),
            ("background", ".jpg", _background),
            ("trimap", ".png", _trimap),
        ),
    ),
)
# Scenes without people: number for the seed, and folder.
SCENES = ((6, "BG-20K/train"), (7, "BG-20K/testval"))
