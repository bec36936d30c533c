"""profile_model.py: the files it writes, and what it refuses."""

import csv

import pytest

import profile_model
from engine.profiling.measuring import Timing
from models import CONFIGS, build_model
from models.checkpoint import save_checkpoint
from utils.errors import InputError


def profile(monkeypatch, *arguments):
    fixed = ["profile_model.py", "--model_version", "demo", "--num_threads", "1"]
    monkeypatch.setattr("sys.argv", [*fixed, *map(str, arguments)])
    profile_model.main()


def test_a_profile_is_printed_written_and_not_overwritten(monkeypatch, tmp_path, capsys):
    size = ["--input_size", 200, 120, "--unknown", 0, 50, "--precision", "fp32", "bf16"]
    arguments = [*size, "--seconds", 0, "--output", tmp_path, "--gpus"]
    profile(monkeypatch, *arguments)
    assert "cross region attention" in capsys.readouterr().out
    with open(tmp_path / "profile.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    found = [(row["regions"], row["precision"]) for row in rows]  # of 16 x 32 cells
    assert found == [("0", "fp32"), ("256", "fp32"), ("0", "bf16"), ("256", "bf16")]
    assert all(float(row["network_ms_median"]) > 0 for row in rows)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"parts.csv", "profile.csv"}
    with pytest.raises(InputError, match=r"parts\.csv is there already.*--overwrite"):
        profile(monkeypatch, *arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--unknown", "7", "101"], "--unknown 101"),
        (["--input_size", "0", "5"], "0 is not a whole number"),
        (["--gpus", "97"], "--gpus 97"),
    ],
)
def test_mistakes_are_named(monkeypatch, tmp_path, arguments, words):
    with pytest.raises(InputError, match=words):
        profile(monkeypatch, "--output", tmp_path / "new", *arguments)
    assert not (tmp_path / "new").exists()


def test_a_checkpoint_that_asks_for_small_photos_is_measured_at_the_size_asked(
    monkeypatch, tmp_path
):
    model = build_model(CONFIGS["demo"])
    model.max_area = 128 * 128
    save_checkpoint(tmp_path / "small.pth", model)
    size = ["--input_size", 200, 300, "--unknown", 50, "--seconds", 0, "--gpus"]
    words = ["profile_model.py", "--checkpoint", tmp_path / "small.pth", *size]
    monkeypatch.setattr("sys.argv", [str(word) for word in words])
    profile_model.main()
    with open(tmp_path / "profile/profile.csv", newline="") as file:
        [row] = csv.DictReader(file)
    assert row["regions"] == str(32 * 48 // 2)


@pytest.mark.parametrize("note", ["", "unsteady: spread 2.0"])
def test_times_in_doubt_are_noted_beside_every_figure(monkeypatch, tmp_path, capsys, note):
    timing = Timing(3, 1.0, 1.5, 2.0 if note else 1.5)
    monkeypatch.setattr("engine.profiling.profile.measure_time", lambda *_: timing)
    size = ["--input_size", 200, 120, "--unknown", 50, "--precision", "fp32"]
    profile(monkeypatch, *size, "--output", tmp_path, "--gpus")
    with open(tmp_path / "profile.csv", newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == [note]
    assert ("unsteady: spread 2.0" in capsys.readouterr().out) == bool(note)
