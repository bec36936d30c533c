"""The files an evaluation writes: one row per image and an average row, and the journal that a
stopped evaluation goes on from.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from utils.errors import InputError, MissingError
from utils.files import AnyPath, atomic_path
from utils.metrics import COLUMNS

AVERAGE = "average"


@dataclass(frozen=True)
class Row:
    """What is known of one image.

    Attributes:
        name: the image's.
        scores: the metrics by name; empty where the image could not be measured.
        error: the reason why it could not be measured, else empty.
        extra: further facts that go into the files beside the CSV.
    """

    name: str
    scores: dict[str, float] = field(default_factory=dict)
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def average(rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> dict[str, float]:
    """The means of these metrics over the images that could be measured; empty if none could."""
    measured = [row.scores for row in rows if row.scores]
    if not measured:
        return {}
    return {key: sum(scores[key] for scores in measured) / len(measured) for key in columns}


def write_results(path: AnyPath, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Write the CSV: img_name and `columns`, a row per image, the average last. Atomic.

    Only if some image could not be measured there is one more column, `error`: its row holds the
    reason and no numbers, and the average row says how many images it is over.
    """
    failed = sum(bool(row.error) for row in rows)
    over = f"{failed} of {len(rows)} images not measured" if failed else ""
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["img_name", *columns, *(["error"] if failed else [])])
        for row in [*rows, Row(AVERAGE, average(rows, columns), over)]:
            values = [row.scores.get(column, "") for column in columns]
            writer.writerow([row.name, *values, *([row.error] if failed else [])])


def read_results(path: AnyPath) -> dict[str, dict[str, float]]:
    """Read such a CSV, whatever its metrics: the scores of each image that was measured, by name.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is no such CSV or holds no measured image.
    """
    if not Path(path).is_file():
        raise MissingError(f"no file {path}; evaluate.py writes such a CSV")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
        columns = [name for name in reader.fieldnames or () if name not in ("img_name", "error")]
        if lines and lines[-1]["img_name"] == AVERAGE:
            lines.pop()  # made anew where it is needed
        scores = {
            line["img_name"]: {column: float(line[column]) for column in columns}
            for line in lines
            if any(line[column] for column in columns)
        }
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no CSV of evaluate.py: expected a column img_name and columns of numbers"
        ) from error
    if not scores:
        raise InputError(f"{path} holds no measured image")
    return scores


class Journal:
    """Rows as they come, one JSON line each, so that a killed evaluation can go on.

    The first line holds the settings that decide the numbers; rows of other settings are refused.
    """

    def __init__(self, path: AnyPath, settings: dict[str, Any]) -> None:
        """Open for adding rows; the file is made with its first line if it is not there."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 (closed by __exit__)
        if self._file.tell() == 0:
            self._write(settings)
        else:
            self._file.write("\n")  # the last line may have been cut short

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, row: Row) -> None:
        self._write(asdict(row))

    def _write(self, value: dict[str, Any]) -> None:
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()


def read_journal(path: AnyPath, settings: dict[str, Any]) -> dict[str, Row]:
    """The measured rows of a journal by name; lines that were cut short are left out.

    Raises:
        InputError: if it was written under other settings; the message names the first.
    """
    lines = []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        with suppress(json.JSONDecodeError):
            lines.append(json.loads(text))
    if not lines:
        return {}
    changed = [key for key in settings if lines[0].get(key) != settings[key]]
    if changed:
        key = changed[0]
        raise InputError(
            f"{path} was begun with {key} {lines[0].get(key)}, not {settings[key]}; give the same "
            "options, or --overwrite to begin again"
        )
    rows = [Row(**line) for line in lines[1:]]
    return {row.name: row for row in rows if row.scores}
