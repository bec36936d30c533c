"""Tables of systems: means, paired differences, the paper's rows, three formats."""

import numpy as np
import pytest

from utils.errors import InputError
from utils.metrics import COLUMNS
from utils.report import PAPER, PAPER_METRICS, PAPER_SETS, main
from utils.results.rows import Row, write_results
from utils.results.tables import FORMATS, render


@pytest.fixture
def csvs(tmp_path):
    """Two systems on the same 30 images; the second is 2 better everywhere, give or take 0.1."""
    rng = np.random.default_rng(0)
    difficulty = rng.gamma(2, 20, 30) + 5
    paths = tmp_path / "old_one.csv", tmp_path / "new.csv"
    for path, values in zip(
        paths, (difficulty, difficulty - 2 + rng.normal(0, 0.1, 30)), strict=True
    ):
        rows = [Row(f"image{i}", dict.fromkeys(COLUMNS, float(v))) for i, v in enumerate(values)]
        write_results(path, rows)
    return paths


def compare(*arguments):
    return main(["compare", *map(str, arguments)])


def test_difference_is_paired(csvs, capsys):
    """Images differ by tens, systems by two: only pairing shows that."""
    assert compare(*csvs, "--metrics", "SAD") == 0
    *_, line = capsys.readouterr().out.splitlines()
    name, mean, low, high = line.replace("[", "").replace("]", "").replace(",", "").split()
    assert name == "new"
    assert -2.1 < float(low) < float(mean) < float(high) < -1.9


def test_required_gain(csvs, capsys):
    assert compare(*csvs, "--metrics", "SAD", "--require_gain", 1) == 0
    assert compare(*csvs, "--metrics", "SAD", "--require_gain", 50) == 1
    assert compare(*reversed(csvs), "--metrics", "SAD", "--require_gain", 0) == 1
    assert "% below that of new" in capsys.readouterr().out


def test_csvs_with_other_metrics_are_compared_where_they_agree(csvs, tmp_path, capsys):
    """Last year's CSVs beside new ones; of IoU the larger is the better."""
    wide = [tmp_path / "wide.csv", tmp_path / "wider.csv"]
    columns = [*COLUMNS, "IoU", "new"]
    for path, value in zip(wide, (0.5, 0.75), strict=True):
        rows = [Row(f"image{i}", dict.fromkeys(columns, value)) for i in range(30)]
        write_results(path, rows, columns)
    assert compare(csvs[0], wide[0]) == 0
    assert "IoU" not in capsys.readouterr().out
    assert compare(*wide) == 0
    assert "IoU" in capsys.readouterr().out
    assert compare(*wide, "--metrics", "IoU", "new", "--require_gain", 50) == 0
    assert "IoU of wider is 50.0 % above that of wide" in capsys.readouterr().out
    assert compare(*wide, "--metrics", "IoU", "--require_gain", 51) == 1
    with pytest.raises(InputError, match="old_one has no column new; it has SAD, MSE"):
        compare(wide[0], csvs[0], "--metrics", "SAD", "new")
    lone = tmp_path / "lone.csv"
    write_results(lone, [Row("image0", {"new": 1.0})], ["new"])
    with pytest.raises(InputError, match="none of the usual metrics; name some with --metrics"):
        compare(lone)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_systems_and_paper(csvs, capsys, form):
    assert compare(*csvs, "--format", form, "--paper", "P3M-500-NP") == 0
    text = capsys.readouterr().out
    assert "LPM (published)" in text
    assert "10.60" in text
    assert ("old\\_one" if form == "latex" else "old_one") in text


def test_table_formats():
    table = "Title", ["system", "a"], [["x_1", "1.00"], ["y|z", "12.00"]]
    assert render(*table, "text") == "Title\nsystem      a\nx_1      1.00\ny|z     12.00"
    assert render(*table, "markdown").splitlines()[2:] == [
        "| system | a |",
        "| :-- | --: |",
        "| x_1 | 1.00 |",
        "| y\\|z | 12.00 |",
    ]
    assert r"x\_1 & 1.00 \\" in render(*table, "latex")


def test_paper_rows_are_complete():
    for values in PAPER.values():
        assert [len(row) for row in values] == [len(PAPER_METRICS)] * len(PAPER_SETS)


def test_names_and_images_must_fit(csvs, tmp_path, capsys):
    with pytest.raises(InputError, match="2 CSVs have the names a, b, c; give each its own"):
        compare(*csvs, "--names", "a", "b", "c")
    with pytest.raises(InputError, match="2 CSVs have the names a, a; give each its own"):
        compare(*csvs, "--names", "a", "a")
    fewer = tmp_path / "fewer.csv"
    write_results(fewer, [Row("image3", dict.fromkeys(COLUMNS, 1.0))])
    assert compare(*csvs, fewer) == 0
    assert "Means over 1 images of 30, those that all CSVs have" in capsys.readouterr().out
    write_results(fewer, [Row("other", dict.fromkeys(COLUMNS, 1.0))])
    with pytest.raises(InputError, match="no image in common"):
        compare(*csvs, fewer)
