import numpy as np
import pytest

from P3MData.data_loader import P3MDataset, main
from utils.errors import InputError, MissingError
from utils.images import write_image

LAYERS = {
    "train": ["blurred_image", "mask", "fg", "bg"],
    "validation/P3M-500-P": ["blurred_image", "mask", "trimap"],
    "validation/P3M-500-NP": ["original_image", "mask", "trimap"],
}


@pytest.fixture
def root(tmp_path):
    for split, layers in LAYERS.items():
        for layer in layers:
            shape = (6, 8) if layer in ("mask", "trimap") else (6, 8, 3)
            kind = ".jpg" if layer.endswith("image") else ".png"
            write_image(
                tmp_path / "P3M-10K" / split / layer / f"a{kind}", np.full(shape, 128, np.uint8)
            )
    return tmp_path


def test_the_papers_layout_is_read(root):
    sample = P3MDataset(root, "train")[0]
    assert sample.name == "a"
    assert sample.foreground is not None
    assert sample.background is not None
    for split in ("P3M-500-P", "P3M-500-NP"):
        assert P3MDataset(root, split)[0].trimap is not None


def test_unsolved_foregrounds_name_the_command(root):
    folder = root / "P3M-10K/train/fg"
    (folder / "a.png").unlink()
    with pytest.raises(InputError, match="fg holds no"):
        P3MDataset(root, "train")
    folder.rmdir()
    with pytest.raises(MissingError, match=r"fg; make it: python -m P3MData\.solve_fg_bg"):
        P3MDataset(root, "train")


def test_what_is_not_there_is_named(root):
    with pytest.raises(InputError, match="no split 'test'"):
        P3MDataset(root, "test")
    with pytest.raises(MissingError, match=r"no folder .*nowhere/P3M-10K"):
        P3MDataset(root / "nowhere", "train")


def check(root, monkeypatch, *flags):
    argv = ["data_loader", "--check", "--num_workers", "1", "--data_root", str(root), *flags]
    monkeypatch.setattr("sys.argv", argv)
    return main()


def test_fewer_than_no_processes_are_refused(root, monkeypatch):
    with pytest.raises(InputError, match="-2 is not a whole number from 0 to"):
        check(root, monkeypatch, "--num_workers", "-2")


@pytest.mark.parametrize("flags", [[], ["--fast"]])
def test_check_covers_all_three_splits_and_the_scenes(root, monkeypatch, capsys, flags):
    for part in ("train", "testval"):
        write_image(root / "BG-20K" / part / "x.jpg", np.zeros((5, 5, 3), np.uint8))
    assert check(root, monkeypatch, *flags) == 0
    said = capsys.readouterr().out
    for title in ("train", "P3M-500-P", "P3M-500-NP"):
        assert f"P3M-10K {title}: 1 image, 1 alpha" in said
    assert "BG-20K testval: 1 background; 1 complete" in said
    (root / "P3M-10K/train/bg/a.png").rename(root / "P3M-10K/train/bg/b.png")
    (root / "BG-20K/train/x.jpg").unlink()
    assert check(root, monkeypatch, *flags) == 1
    said = capsys.readouterr().out
    assert "blurred_image/a.jpg has no partner of that stem in" in said
    assert "bg/b.png has no partner" in said
    assert "BG-20K/train holds no" in said
