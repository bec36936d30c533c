import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from data import portraits as module
from data.folders import has_raw, raw_path
from data.portraits import write_colours
from P3MData.data_loader import P3MDataset
from P3MData.solve_fg_bg import cache_dataset, main, solve_dataset
from utils.errors import InputError, MissingError
from utils.images import list_images, read_photo, write_image


@pytest.fixture
def root(tmp_path):
    y, x = np.mgrid[0:70, 0:90]
    for i in range(4):
        alpha = np.clip((18 + i - np.hypot(y - 35, x - 45)) / 6 + 0.5, 0, 1)
        person, scene = np.full((2, 70, 90, 3), 0.0) + np.array([200.0, 60]).reshape(2, 1, 1, 1)
        photo = scene + alpha[..., None] * (person + x[..., None] / 4 - scene)
        train = tmp_path / "P3M-10K/train"
        write_image(train / f"blurred_image/{i}.jpg", np.rint(photo).astype(np.uint8))
        write_image(train / f"mask/{i}.png", np.rint(alpha * 255).astype(np.uint8))
    return tmp_path


def results(root):
    folder = root / "P3M-10K/train"
    paths = [*sorted((folder / "fg").iterdir()), *sorted((folder / "bg").iterdir())]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_solved_layers_load_and_compose_to_the_photo(root):
    assert solve_dataset(root, num_workers=1) == []
    for sample in P3MDataset(root, "train"):
        a = sample.alpha[..., None] / 255
        composed = a * sample.foreground + (1 - a) * sample.background
        assert np.abs(composed - sample.image).mean() < 1
        pure = sample.alpha == 255
        assert np.array_equal(sample.foreground[pure], sample.image[pure])


def test_processes_write_the_same_files(root):
    solve_dataset(root, num_workers=2)
    parallel = results(root)
    for path in (root / "P3M-10K/train/fg", root / "P3M-10K/train/bg"):
        for file in path.iterdir():
            file.unlink()
    solve_dataset(root, num_workers=1)
    assert results(root) == parallel


@pytest.mark.parametrize("writes", [0, 1, 2, 5])
def test_a_run_stopped_anywhere_goes_on_with_resume(root, monkeypatch, writes):
    calls = []

    def stopping(path, array):
        if len(calls) == writes:
            raise KeyboardInterrupt
        calls.append(path)
        write_colours(path, array)

    monkeypatch.setattr(module, "write_colours", stopping)
    with pytest.raises(KeyboardInterrupt):
        solve_dataset(root, num_workers=1)
    monkeypatch.setattr(module, "write_colours", write_colours)
    if writes:
        with pytest.raises(InputError, match=r"fg holds \d images; --resume keeps them"):
            solve_dataset(root, num_workers=1)
    solve_dataset(root, num_workers=1, resume=True)
    assert len(results(root)) == 8
    assert len(P3MDataset(root, "train")) == 4


def test_resume_keeps_what_is_there(root, monkeypatch):
    solve_dataset(root, num_workers=1)
    before = results(root)
    monkeypatch.setattr(module, "solve_fg_bg", None)  # calling it would raise
    assert solve_dataset(root, num_workers=1, resume=True) == []
    assert results(root) == before


def test_a_full_disk_leaves_nothing_that_counts_as_done(root, monkeypatch):
    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:9])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_bytes", full)
        with pytest.raises(OSError, match="No space"):
            solve_dataset(root, num_workers=1)
    assert list_images(root / "P3M-10K/train/fg", empty=True) == {}
    assert solve_dataset(root, num_workers=1) == []


def test_broken_photos_are_named_and_the_rest_is_solved(root, monkeypatch, capsys):
    path = root / "P3M-10K/train/blurred_image/2.jpg"
    path.write_bytes(path.read_bytes()[:200])
    mask = root / "P3M-10K/train/mask/0.png"
    write_image(mask, cv2.resize(read_photo(mask)[..., 0], (9, 9)))
    argv = ["solve_fg_bg", "--data_root", str(root), "--num_workers", "1"]
    monkeypatch.setattr("sys.argv", argv)
    assert main() == 1
    said = capsys.readouterr().out
    assert "blurred_image/2.jpg can't be read" in said
    assert "mask/0.png is 9x9, but" in said
    assert sorted(list_images(root / "P3M-10K/train/fg")) == ["1", "3"]


def test_results_that_do_not_fit_are_named(root):
    solve_dataset(root, num_workers=1)
    write_image(root / "P3M-10K/train/fg/1.png", np.zeros((9, 9, 3), np.uint8))
    with pytest.raises(InputError, match=r"fg/1\.png is 9x9, but .*1\.jpg is 70x90"):
        solve_dataset(root, num_workers=1, resume=True)


def test_no_data_is_a_sentence(tmp_path):
    with pytest.raises(MissingError, match=r"no folder .*blurred_image"):
        solve_dataset(tmp_path)


def test_unpacked_layers_are_the_same_pixels_and_follow_new_pictures(root, monkeypatch, capsys):
    with pytest.raises(MissingError, match=r"fg; make it: python -m P3MData\.solve_fg_bg"):
        cache_dataset(root)
    solve_dataset(root, num_workers=1)
    layers = [(i, layer) for i in range(4) for layer in ("alpha", "foreground", "background")]
    packed = {key: P3MDataset(root, "train").stored(key[0]).layer(key[1]) for key in layers}
    monkeypatch.setattr("sys.argv", ["solve_fg_bg", "--cache", "--data_root", str(root)])
    assert main() == 0
    assert "12 of 12 pictures are to be unpacked: 0.0 GB" in capsys.readouterr().out
    dataset = P3MDataset(root, "train")
    for (i, layer), pixels in packed.items():
        mapped = dataset.stored(i).layer(layer)
        assert isinstance(mapped, np.memmap)
        assert np.array_equal(mapped, pixels)
    picture = root / "P3M-10K/train/fg/1.png"
    raw_path(root / "P3M-10K/train/bg/2.png").unlink()
    for age in (9, -9999):  # a picture from elsewhere may be older
        os.utime(picture, (picture.stat().st_atime, time.time() - age))
        assert not has_raw(picture)
    assert not isinstance(dataset.stored(1).layer("foreground"), np.memmap)
    cache_dataset(root, 1)
    assert "2 of 12 pictures" in capsys.readouterr().out


def test_results_older_than_their_sources_are_told_of_and_kept(root, capsys):
    solve_dataset(root, num_workers=1)
    solve_dataset(root, num_workers=1, resume=True)
    assert "older" not in capsys.readouterr().out
    alpha, solved = root / "P3M-10K/train/mask/1.png", root / "P3M-10K/train/fg/1.png"
    os.utime(alpha, (0, time.time() + 9))
    before = solved.read_bytes()
    solve_dataset(root, num_workers=1, resume=True)
    assert f"2 files are older than what they were made from, such as {solved};" in (
        capsys.readouterr().out
    )
    assert solved.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_while_unpacking_is_told_with_the_files_name(tmp_path):
    write_image(tmp_path / "fg" / "a.png", np.zeros((200, 200, 3), np.uint8))
    script = (
        "import resource, signal, sys\nfrom data.portraits import keep_raw\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "keep_raw(('foreground', sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "fg" / "a.png")],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert re.search(r"File too large, make room: '.*fg_raw/a\.npy'", done.stderr)
    assert not list((tmp_path / "fg_raw").iterdir())


def test_half_an_unpacked_file_is_never_used(root, monkeypatch):
    solve_dataset(root, num_workers=1)

    def stopped(path, content):
        with path.open("wb") as file:
            file.write(content[:9])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("pathlib.Path.write_bytes", stopped)
        cache_dataset(root, 1)
    assert not list(root.glob("P3M-10K/train/*_raw/*"))
    cache_dataset(root, 1)
    raw = raw_path(root / "P3M-10K/train/fg/0.png")
    times = raw.stat().st_atime_ns, raw.stat().st_mtime_ns
    raw.write_bytes(raw.read_bytes()[:200])
    os.utime(raw, ns=times)
    with pytest.raises(InputError, match=r"fg_raw/0\.npy is broken; remove it"):
        P3MDataset(root, "train")[0]


def test_too_little_room_to_unpack_is_said_before_it_begins(root, monkeypatch):
    solve_dataset(root, num_workers=1)
    usage = shutil.disk_usage(root)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(InputError, match=r"needs 0\.0 GB beside .*fg, where 0\.0 GB are free"):
        cache_dataset(root, 1)
    assert not (root / "P3M-10K/train/fg_raw").exists()
