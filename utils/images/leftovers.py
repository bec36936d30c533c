"""What a folder holds beside the files that are read, told in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from utils.files import AnyPath
from utils.images.decode import KINDS

SHOWN_ENDINGS = 10


def tell_passed_over(folder: AnyPath, endings: Sequence[str] = tuple(KINDS)) -> None:
    """Print how many files of a folder have none of `endings`, by ending, if there are any.

    Hidden files and folders in it don't count; what is no folder has none.
    """
    files = Path(folder).iterdir() if Path(folder).is_dir() else ()
    others = (file for file in files if file.suffix.lower() not in endings)
    print_counts(folder, (file for file in others if file.is_file()))


def print_counts(place: AnyPath, files: Iterable[AnyPath]) -> None:
    """Print one line, "passed over in PLACE: 3 .txt, 1 .pdf", if there are files.

    Hidden ones, whose names begin with a dot, don't count.
    """
    shown = (file for file in map(Path, files) if file.name[:1] != ".")
    counts = Counter(file.suffix.lower() or "without an ending" for file in shown)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} {ending}" for ending, count in ordered[:SHOWN_ENDINGS]]
    if more := sum(count for _, count in ordered[SHOWN_ENDINGS:]):
        parts.append(f"{more} of other endings")
    if parts:
        print(f"passed over in {place}: {', '.join(parts)}", flush=True)
