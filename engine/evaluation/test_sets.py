"""The test sets that evaluate.py knows: how each is opened, and how the paper measures it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.folders import FolderDataset
from data.portraits import Split, TestPortraits
from P3MData.data_loader import P3MDataset
from PhotoMatteData.data_loader import PhotoMatteDataset
from PPMData.data_loader import PPMDataset
from utils.errors import InputError
from utils.files import AnyPath
from utils.images.area import AREAS
from utils.metrics import COLUMNS, METRICS


@dataclass(frozen=True)
class Place:
    """Where a test set lies, and which part of it is meant; a constructor takes what it needs."""

    data_root: AnyPath = "Datasets"  # holds P3M-10K, PPM-100 and PhotoMatte85
    privacy_data: bool = True  # P3M-500-P, with blurred faces, or P3M-500-NP
    portraits: Sequence[AnyPath] = ()  # folders with image/ and alpha/
    split: str | None = None  # FILE.csv:PART, of these


@dataclass(frozen=True)
class Entry:
    """A test set's line in TEST_SETS.

    `open` gives the name that the results bear, and the test set, and raises MissingError or
    InputError if its files are not there or don't fit.
    """

    open: Callable[[Place], tuple[str, FolderDataset]]
    area: int | None = None  # pixels to which the paper's protocol shrinks its photos
    protocol: str = "paper"  # unless another is asked for
    columns: Sequence[str] = COLUMNS  # the metrics of its results


def _open_p3m(place: Place) -> tuple[str, FolderDataset]:
    split = "P3M-500-P" if place.privacy_data else "P3M-500-NP"
    return split, P3MDataset(place.data_root, split)


def _open_portraits(place: Place) -> tuple[str, FolderDataset]:
    if not place.portraits:
        raise InputError("--dataset Portraits needs --portraits FOLDER [FOLDER ...]")
    split = Split.read(place.split) if place.split else None
    first, *others = (Path(folder).resolve().name for folder in place.portraits)
    name = first + (f"+{len(others)}" if others else "") + (f"_{split.part}" if split else "")
    return name, TestPortraits(place.portraits, split)


# All test sets; a new one is a function and an entry. docs/extending.md shows how.
TEST_SETS = {
    "P3M": Entry(_open_p3m),
    "PPM": Entry(lambda place: ("PPM-100", PPMDataset(place.data_root)), AREAS["HD"]),
    "PhotoMatte": Entry(
        lambda place: ("PhotoMatte85", PhotoMatteDataset(place.data_root)), AREAS["HD"]
    ),
    # One's own photos may be smaller than 128 pixels, and are seen as predict.py sees them.
    "Portraits": Entry(_open_portraits, protocol="pad", columns=tuple(METRICS)),
}
