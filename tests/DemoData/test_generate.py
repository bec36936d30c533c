"""The drawn data set: the same bytes for the same seed, whole files only, nobody's folder."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from DemoData.generate import claim_folder, generate, list_tasks, run_task
from P3MData.data_loader import P3MDataset
from PhotoMatteData.data_loader import PhotoMatteDataset
from PPMData.data_loader import PPMDataset
from utils.errors import InputError
from utils.trimap import Trimap

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
    run_task(next(iter(list_tasks(1, 0))), root, 96, seed, {})
    return digests(root)


def test_goes_on_where_it_was_killed(drawn: Path, tmp_path: Path) -> None:
    arguments = ["--train", "3", "--test", "1", "--size", "96", "--seed", "5"]
    command = [sys.executable, "-m", "DemoData.generate", "--root", str(tmp_path), *arguments]
    process = subprocess.Popen([*command, "--num_workers", "1"], stderr=subprocess.DEVNULL)
    while not (first := tmp_path / "P3M-10K/train/bg/demo_00000.jpg").exists():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    (first.parent / ".demo_00001-x.jpg").write_bytes(b"half")  # as if killed while writing
    (tmp_path / "P3M-10K/train/fg/demo_00001.jpg").unlink(missing_ok=True)
    before = first.stat().st_mtime_ns
    assert generate(tmp_path, **NUMBERS, num_workers=1) >= 1
    assert first.stat().st_mtime_ns == before
    after = digests(tmp_path)
    assert {path: d for path, d in after.items() if "/." not in path} == digests(drawn)


def test_loads_as_the_real_data_sets_do(drawn: Path) -> None:
    train = P3MDataset(drawn, "train")
    assert len(train) == 3
    sample = train[1]
    assert sample.foreground is not None and sample.background is not None
    layers = (sample.image, sample.alpha, sample.foreground, sample.background)
    assert {layer.shape[:2] for layer in layers if layer is not None} == {(96, 96)}
    for dataset in (
        P3MDataset(drawn, "P3M-500-P"),
        P3MDataset(drawn, "P3M-500-NP"),
        PPMDataset(drawn),
        PhotoMatteDataset(drawn),
    ):
        sample = dataset[0]
        assert sample.alpha is not None and sample.trimap is not None
        assert set(np.unique(sample.trimap)) <= set(Trimap)
        assert (sample.alpha[sample.trimap == Trimap.FOREGROUND] == 255).all()
        assert (sample.alpha[sample.trimap == Trimap.BACKGROUND] == 0).all()
    assert len(list((drawn / "BG-20K/train").iterdir())) == 1


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


def test_full_disk_is_told_and_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=f"{tmp_path} can't be written .No space left"):
        generate(tmp_path, **NUMBERS, num_workers=1)
    assert digests(tmp_path).keys() == {"demo_data.json"}


def test_a_killed_process_is_told_of(tmp_path: Path) -> None:
    def kill_one() -> None:
        while len(children := multiprocessing.active_children()) < 2:  # all have begun
            time.sleep(0.01)
        children[0].kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    with pytest.raises(InputError, match="a process was killed, most likely for lack of memory"):
        generate(tmp_path, **NUMBERS, num_workers=2)
    killer.join()


@pytest.mark.parametrize("value", ["-3", "1000000000000"])
@pytest.mark.parametrize("flag", ["--size", "--train"])
def test_one_sentence_for_a_bad_number(flag: str, value: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "DemoData.generate", "--root", str(tmp_path), flag, value]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith(f"error: argument {flag}: {value} is not a whole number from")
    assert result.stderr.count("\n") == 1
