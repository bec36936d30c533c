"""An evaluation's files: a row per image and an average, and the journal it goes on from."""

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils.errors import InputError, MissingError
from utils.files import AnyPath, full_disk_told, keep_existing
from utils.metrics import COLUMNS
from utils.results.tables import write_csv

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


def score_table(rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """A row per image that could be measured, named by it, and these columns."""
    measured = [row for row in rows if row.scores]
    scores = np.array([[row.scores[column] for column in columns] for row in measured], float)
    # Kept image after image, over which sums run in that order: their last digit depends on it.
    names = [row.name for row in measured]
    return pd.DataFrame(scores.reshape(-1, len(columns)), names, list(columns), copy=False)


def average(rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> dict[str, float]:
    """The means of these metrics over the images that could be measured; empty if none could."""
    return score_table(rows, columns).mean().dropna().to_dict()


def write_results(path: AnyPath, rows: Sequence[Row], columns: Sequence[str] = COLUMNS) -> None:
    """Write the CSV: img_name and `columns`, a row per image, the average last. Atomic.

    Only if some image could not be measured there is one more column, `error`: its row holds the
    reason and no numbers, and the average row says how many images it is over.
    """
    failed = sum(bool(row.error) for row in rows)
    over = f"{failed} of {len(rows)} images not measured" if failed else ""
    lines = [*rows, Row(AVERAGE, average(rows, columns), over)]
    cells = [{"img_name": row.name, **row.scores, "error": row.error} for row in lines]
    header = ["img_name", *columns, *(["error"] if failed else [])]
    write_csv(path, cells, header)


def read_results(path: AnyPath) -> pd.DataFrame:
    """Read such a CSV, whatever its metrics: a row per image that was measured, named by it.

    Raises:
        MissingError: if there is no such file.
        InputError: if it is no such CSV, holds no measured image, or one twice.
    """
    if not Path(path).is_file():
        raise MissingError(f"no file {path}; evaluate.py writes such a CSV")
    try:
        how: Any = {"dtype": str, "keep_default_na": False, "encoding_errors": "surrogateescape"}
        table = pd.read_csv(path, index_col="img_name", **how)
        if AVERAGE in table.index[-1:]:
            table = table[:-1]  # made anew where it is needed
        scores = table.drop(columns="error", errors="ignore").replace("", math.nan).astype(float)
        scores = scores.dropna(how="all")
        if scores.isna().any(axis=None):
            raise ValueError("an image lacks a number")
    except (KeyError, ValueError, TypeError) as error:  # KeyError: more cells than columns
        raise InputError(
            f"{path} is no CSV of evaluate.py: expected a column img_name and columns of numbers"
        ) from error
    if scores.empty:
        raise InputError(f"{path} holds no measured image")
    if scores.index.has_duplicates:
        raise InputError(f"{path} holds {scores.index[scores.index.duplicated()][0]} twice")
    return scores


def add_to_journal(path: AnyPath, row: Row, settings: dict[str, Any]) -> None:
    """Add a row as a line of JSON, so that a killed evaluation can go on; make the file for it.

    The first line holds the settings that decide the numbers; rows of other settings are refused.
    """
    keep_existing(path, overwrite=True)
    with full_disk_told(path), open(path, "a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(json.dumps(settings))
        file.write("\n" + json.dumps(asdict(row)))  # the line before may have been cut short


def read_journal(path: AnyPath, settings: dict[str, Any]) -> dict[str, Row]:
    """The measured rows of a journal by name; lines that are cut short or damaged are left out.

    Raises:
        InputError: if it was written under other settings; the message names the first.
    """
    parsed = []
    for text in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(json.JSONDecodeError):
            parsed.append(json.loads(text))
    begun, *lines = [line for line in parsed if isinstance(line, dict)] or [settings]
    for key, value in settings.items():
        if begun.get(key) != value:
            raise InputError(
                f"{path} was begun with {key} {begun.get(key)}, not {value}; give the same "
                "options and files, or --overwrite to begin again"
            )
    rows = [Row(**line) for line in lines if _is_row(line)]
    return {row.name: row for row in rows if row.scores}


def _is_row(line: dict[str, Any]) -> bool:
    wanted = {"name": str, "scores": dict, "error": str, "extra": dict}
    return {key: type(value) for key, value in line.items()} == wanted and all(
        isinstance(number, (int, float)) for number in line["scores"].values()
    )
