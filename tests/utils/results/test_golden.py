"""The files and tables of an evaluation have the bytes that they had before pandas wrote them.

golden/old.json and new.json hold rows drawn from a fixed seed, with names that upset CSVs; the
other files there were written by the code that had its own CSVs, averages and LaTeX.
"""

import json
from pathlib import Path

import pandas as pd
import pytest

from engine.evaluation.files import EvaluationFiles
from utils.metrics import METRICS
from utils.report import main
from utils.results.rows import Row, read_results
from utils.results.tables import FORMATS

GOLDEN = Path(__file__).parent / "golden"
ARGUMENTS = {
    "paper": ["--paper", "P3M-500-P"],
    "plain": ["--metrics", "SAD", "MSE", "IoU", "--require_gain", "3"],
}


@pytest.mark.parametrize("name", ["old", "new"])
def test_results_keep_their_bytes(tmp_path, name):
    lines = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    files = EvaluationFiles(tmp_path, name, list(METRICS))
    files.write([Row(**line) for line in lines], {"report": False})
    assert files.path(".csv").read_bytes() == (GOLDEN / f"{name}.csv").read_bytes()
    measured = {line["name"]: line["scores"] for line in lines if "scores" in line}
    assert read_results(files.path(".csv")).to_dict("index") == measured  # "001" and "NA" are names
    if name == "new":  # its last digits are those of one processor's matrix product
        summaries = [
            pd.read_csv(path) for path in (files.path("_summary.csv"), GOLDEN / "new_summary.csv")
        ]
        pd.testing.assert_frame_equal(*summaries, rtol=1e-9)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", ARGUMENTS)
def test_comparisons_keep_their_bytes(capsys, table, form):
    csvs = [str(GOLDEN / f"{name}.csv") for name in ("old", "new")]
    names = ["--names", "old_one", "new & shiny|50%"]
    assert main(["compare", *csvs, *names, "--format", form, *ARGUMENTS[table]]) == int(
        table == "plain"  # which asks for a gain that is not there
    )
    assert capsys.readouterr().out == (GOLDEN / f"{table}.{form}").read_text(encoding="utf-8")
