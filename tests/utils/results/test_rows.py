"""CSV and journal keep what was measured, and say what was not."""

import csv
from pathlib import Path

import pytest

from utils.errors import InputError, MissingError
from utils.metrics import COLUMNS
from utils.results.rows import Row, add_to_journal, read_journal, read_results, write_results


def scores(start):
    return {column: start + index / 3 for index, column in enumerate(COLUMNS)}


def lines_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file))


def test_csv_has_the_papers_columns_and_an_average_row(tmp_path):
    path = tmp_path / "new" / "a.csv"
    write_results(path, [Row("b", scores(1.0)), Row("a", scores(2.0))])
    header, first, second, last = lines_of(path)
    assert header == [
        "img_name", "SAD", "MSE", "MAD", "SAD_TRIMAP", "MSE_TRIMAP", "MAD_TRIMAP",
        "SAD_FG", "SAD_BG", "CONN", "GRAD",
    ]  # fmt: skip
    assert (first[0], second[0], last[0]) == ("b", "a", "average")
    assert [float(value) for value in last[1:]] == pytest.approx(list(scores(1.5).values()))
    read = read_results(path).to_dict("index")
    assert read == {"b": scores(1.0), "a": scores(2.0)}  # to the last digit


def test_failed_image_is_a_row_with_its_reason_and_no_number(tmp_path):
    path = tmp_path / "a.csv"
    write_results(path, [Row("a", error="too, small"), Row("b", scores(1.0))])
    header, failed, measured, last = lines_of(path)
    assert header[-1] == "error"
    assert failed == ["a", *[""] * len(COLUMNS), "too, small"]
    assert measured[-1] == ""
    assert last[-1] == "1 of 2 images not measured"
    assert last[1:-1] == measured[1:-1]
    assert list(read_results(path).index) == ["b"]


def test_a_csv_with_other_metrics_is_read(tmp_path):
    rows = [Row("a", {"SAD": 1.5, "mine": 2.0}), Row("b", error="broken")]
    write_results(tmp_path / "a.csv", rows, ["mine", "SAD"])
    assert lines_of(tmp_path / "a.csv")[0] == ["img_name", "mine", "SAD", "error"]
    assert read_results(tmp_path / "a.csv").to_dict("index") == {"a": {"mine": 2.0, "SAD": 1.5}}


def test_names_of_images_need_not_be_utf_8(tmp_path):
    write_results(tmp_path / "a.csv", [Row("caf\udce9", scores(1.0))])
    assert list(read_results(tmp_path / "a.csv").index) == ["caf\udce9"]


def test_nothing_measured_has_no_average(tmp_path):
    write_results(tmp_path / "a.csv", [Row("a", error="broken")])
    assert lines_of(tmp_path / "a.csv")[-1][1:-1] == [""] * len(COLUMNS)
    with pytest.raises(InputError, match="no measured image"):
        read_results(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n3,4\n",
        "img_name,SAD\nx,one\n",
        "img_name\nx\n",
        "img_name,SAD,MAD\nx,1\n",
        "img_name,SAD\nx,1,2\n",
        "\0\1\2",
    ],
)
def test_other_csv_is_refused(tmp_path, text):
    path = tmp_path / "other.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=r"other\.csv"):
        read_results(path)
    with pytest.raises(MissingError, match="no file"):
        read_results(tmp_path / "absent.csv")


def test_an_image_that_stands_there_twice_is_refused(tmp_path):
    write_results(tmp_path / "a.csv", [Row("b", scores(1.0)), Row("b", scores(2.0))])
    with pytest.raises(InputError, match=r"a\.csv holds b twice"):
        read_results(tmp_path / "a.csv")


def test_journal_goes_on_after_a_torn_line(tmp_path):
    path, settings = tmp_path / "a.jsonl", {"protocol": "pad"}
    add_to_journal(path, Row("a", scores(1.0), extra={"size": "4x5"}), settings)
    add_to_journal(path, Row("b", error="broken"), settings)
    add_to_journal(path, Row("c", scores(0.0)), settings)
    path.write_text(path.read_text()[:-40])  # killed here
    add_to_journal(path, Row("d", scores(2.0)), settings)
    rows = read_journal(path, settings)
    assert list(rows) == ["a", "d"]  # what failed is tried again
    assert rows["a"] == Row("a", scores(1.0), extra={"size": "4x5"})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has it")
def test_a_full_disk_is_told_with_the_journals_name():
    with pytest.raises(OSError, match="make room: '/dev/full'"):
        add_to_journal("/dev/full", Row("a", error="broken"), {})


@pytest.mark.parametrize(
    "damage",
    [
        b"7",
        b"[1, 2]",
        b'{"name": "b"}',
        b'{"name": "b", "scores": {"SAD": "x"}, "error": "", "extra": {}}',
        b'{"name": "b", "scores": [1], "error": "", "extra": {}}',
        b'{"name": "b", "scores": {}, "error": "", "extra": {}, "more": 1}',
        b'{"name": ["b"], "scores": {"SAD": 1}, "error": "", "extra": {}}',
        b"\xff\xfe{",
        b"\0\0\0",
    ],
)
def test_damaged_lines_of_a_journal_are_left_out(tmp_path, damage):
    path = tmp_path / "a.jsonl"
    add_to_journal(path, Row("a", scores(1.0)), {})
    path.write_bytes(path.read_bytes() + b"\n" + damage)
    add_to_journal(path, Row("c", scores(2.0)), {})
    assert list(read_journal(path, {})) == ["a", "c"]


def test_journal_of_other_settings_is_refused(tmp_path):
    add_to_journal(tmp_path / "a.jsonl", Row("a"), {"protocol": "pad"})
    with pytest.raises(InputError, match="begun with protocol pad, not paper"):
        read_journal(tmp_path / "a.jsonl", {"protocol": "paper"})
