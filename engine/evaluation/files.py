"""Where an evaluation's files lie, and beginning, going on with and finishing them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from glob import escape
from pathlib import Path
from typing import Any

from utils.errors import InputError
from utils.files import AnyPath, atomic_path, keep_existing
from utils.metrics import COLUMNS
from utils.results.page import write_report
from utils.results.rows import Row, read_journal, score_table, write_results
from utils.results.statistics import SUMMARY, summarise
from utils.results.tables import write_csv

FACTS = ("size", "network_size", "truth_sha256")  # what the JSON keeps of each image


@dataclass(frozen=True)
class EvaluationFiles:
    """The files of one evaluation: in `folder`, named after it, with these metrics as columns."""

    folder: AnyPath
    name: str
    columns: Sequence[str] = COLUMNS

    def path(self, ending: str) -> Path:
        """The file of this ending; without one the folder that holds the alphas."""
        return Path(self.folder, self.name + ending)

    def journals(self) -> list[Path]:
        """What a stopped run leaves."""
        return sorted(Path(self.folder).glob(f"{escape(self.name)}.part*.jsonl"))

    def drop_journals(self) -> None:
        for path in self.journals():
            path.unlink()

    def begin(self, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> dict[str, Row]:
        """The rows that a stopped run with the same settings measured, with every metric of this.

        Raises:
            InputError: if results are there and neither --resume nor --overwrite was given, or
                the settings are not those of the run to go on with.
        """
        if overwrite:
            return {}
        journals = self.journals()
        if journals and not resume:
            raise InputError(
                f"{journals[0]} is left of a run that was stopped; --resume goes on with it, "
                "--overwrite begins again"
            )
        if not journals:
            keep_existing(self.path(".csv"), overwrite)
        rows = {name: row for p in journals for name, row in read_journal(p, settings).items()}
        return {name: row for name, row in rows.items() if {*self.columns} <= row.scores.keys()}

    def write(self, rows: Sequence[Row], settings: dict[str, Any]) -> None:
        """Write the CSV, the summary, the JSON of what decided the numbers, and the report."""
        if settings["report"]:
            write_report(self.path("_report.html"), self.name, rows, settings, self.columns)
        if settings.get("with_coarse"):
            write_results(self.path("_coarse.csv"), coarse_rows(rows), self.columns)
        images = {
            row.name: {"error": row.error}
            if row.error
            else {key: row.extra[key] for key in FACTS if key in row.extra}
            for row in rows
        }
        with atomic_path(self.path(".json")) as temporary:
            temporary.write_text(json.dumps({**settings, "images": images}, indent=2) + "\n")
        summary = summarise(score_table(rows, self.columns))
        write_csv(self.path("_summary.csv"), summary, SUMMARY)
        write_results(self.path(".csv"), rows, self.columns)  # last: now all is there


def coarse_rows(rows: Iterable[Row]) -> list[Row]:
    """The same with the scores of the coarse alpha, where it was measured."""
    return [replace(row, scores=row.extra.get("coarse", {})) for row in rows]
