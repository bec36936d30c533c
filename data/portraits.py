"""One's own portraits: <folder>/image/NAME.jpg and <folder>/alpha/NAME.png, of several folders.

Instead of alpha/ there may be matte/, as in PPM-100.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.folders import FolderDataset
from data.foregrounds import Portraits, solve_portraits, with_solved
from data.sample import Sample
from utils.errors import InputError, MissingError, listing, say_once
from utils.files import AnyPath
from utils.images import pair_by_stem
from utils.trimap import TEST_ELLIPSE, trimap_from_alpha


@dataclass(frozen=True)
class Split:
    """Which portraits a table gives to one part of the data.

    A folder of which the table names no portrait is taken whole.

    Attributes:
        part: a value of the table's column `split`, such as "train".
        parts: the table, name -> part.
    """

    part: str
    parts: Mapping[str, str]

    @classmethod
    def read(cls, text: str) -> Split:
        """Read FILE.csv:PART, a table with the columns `name` and `split`.

        Raises:
            MissingError: the file is not there.
            InputError: the text is of another form, or the table has no such columns or part.
        """
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

    The colours of the two layers are estimated (`solve`) and kept beside the photos, in
    <folder>/fg and <folder>/bg.

    Args:
        folder: holds image/ and alpha/.
        split: takes a part of them.

    Raises:
        MissingError, InputError: as `FolderDataset`.
    """

    def __init__(self, folder: AnyPath, split: Split | None = None) -> None:
        folder = Path(folder)
        solved = {"foreground": folder / "fg", "background": folder / "bg"}
        self.paths = with_solved(_pair(folder, split), solved)
        self.names = list(self.paths)

    def solve(self) -> None:
        """Estimate the foregrounds and backgrounds that are not there yet, in several processes.

        Raises:
            InputError: if photos or alphas can't be read, or sizes differ.
        """
        if faults := solve_portraits(self.paths.values()):
            raise InputError(listing(faults))


class TestPortraits(FolderDataset):
    """Samples with image, alpha and a trimap made from the alpha as for PPM-100, for measuring.

    Args:
        folders: each holds image/ and alpha/.
        split: takes a part of them.

    Raises:
        MissingError, InputError: as `FolderDataset`; or two folders hold portraits of one name.
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
