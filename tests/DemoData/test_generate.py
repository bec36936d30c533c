"""The drawn data set: the same bytes for the same seed, whole files only, nobody's folder."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from DemoData.generate import claim_folder, generate, list_tasks, run_task
from utils.errors import InputError

NUMBERS = {"num_train": 3, "num_test": 1, "size": 96, "seed": 5}


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo") / "Datasets"
    generate(root, **NUMBERS, num_workers=1)
    return root


def test_same_bytes_with_two_workers(drawn: Path, tmp_path: Path) -> None:
    generate(tmp_path, **NUMBERS, num_workers=2)
    assert digests(tmp_path) == digests(drawn)


def test_all_portraits_differ(drawn: Path) -> None:
    masks = [d for path, d in digests(drawn).items() if "/mask/" in path or "/matte/" in path]
    assert len(masks) == len(set(masks)) == 3 + 3  # train, P3M-500-P and -NP, PPM-100
    other_seed = [run_seed(drawn.parent / f"seed{seed}", seed) for seed in (5, 6)]
    assert other_seed[0] != other_seed[1]


def run_seed(root: Path, seed: int) -> dict[str, str]:
    run_task(next(iter(list_tasks(1, 0))), root, 96, seed)
    return digests(root)


def test_goes_on_where_it_was_killed(drawn: Path, tmp_path: Path) -> None:
    whole = digests(drawn)
    generate(tmp_path, **NUMBERS, num_workers=1)
    gone = tmp_path / "P3M-10K/train/fg/demo_00001.jpg"
    gone.unlink()  # killed between two layers of one portrait,
    (gone.parent / ".demo_00001-x.jpg").write_bytes(b"half")  # and in the middle of a file
    kept = tmp_path / "P3M-10K/train/fg/demo_00000.jpg"
    before = kept.stat().st_mtime_ns
    assert generate(tmp_path, **NUMBERS, num_workers=1) == 1
    assert kept.stat().st_mtime_ns == before
    after = digests(tmp_path)
    after.pop("P3M-10K/train/fg/.demo_00001-x.jpg")
    assert after == whole


def test_refuses_a_folder_that_is_not_its_own(drawn: Path, tmp_path: Path) -> None:
    arguments = {"train": 3, "test": 1, "size": 96, "seed": 5}
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"holiday\.jpg"):
        claim_folder(tmp_path, arguments)
    with pytest.raises(InputError, match="'size': 128"):
        claim_folder(drawn, arguments | {"size": 128})
    with pytest.raises(InputError, match="is a file"):
        claim_folder(tmp_path / "holiday.jpg", arguments)
    (drawn.parent / "broken").mkdir()
    (drawn.parent / "broken/demo_data.json").write_text("{")
    with pytest.raises(InputError, match="can't be read"):
        claim_folder(drawn.parent / "broken", arguments)


@pytest.mark.parametrize("flag", ["--size", "--train"])
def test_one_sentence_for_a_bad_number(flag: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "DemoData.generate", "--root", str(tmp_path), flag, "-3"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: {flag} must be at least")
    assert result.stderr.count("\n") == 1
