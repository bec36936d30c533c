import numpy as np
import pytest

from data.check import inspect_folders, report
from utils.images import write_image


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for stem in "abcdef":
        write_image(tmp_path / f"image/{stem}.jpg", rng.integers(0, 256, (20, 30, 3), np.uint8))
        write_image(tmp_path / f"mask/{stem}.png", rng.integers(0, 256, (20, 30), np.uint8))
        write_image(tmp_path / f"trimap/{stem}.png", np.full((20, 30), 128, np.uint8))
    return {"image": tmp_path / "image", "alpha": tmp_path / "mask", "trimap": tmp_path / "trimap"}


def spoil(folders):
    image, mask, trimap = folders.values()
    (image / "a.jpg").unlink()
    (mask / "b.png").write_bytes(b"")
    (image / "c.jpg").write_bytes((image / "c.jpg").read_bytes()[:-300])
    write_image(mask / "d.png", np.zeros((30, 20), np.uint8))
    write_image(mask / "e.png", np.full((20, 30), 255, np.uint8))
    write_image(trimap / "f.png", np.full((20, 30), 7, np.uint8))


@pytest.mark.parametrize("fast", [False, True])
def test_whole_folders_have_no_fault(folders, capsys, fast):
    faults = inspect_folders("Set", folders, fast=fast, num_workers=1)
    said = capsys.readouterr().out
    assert faults == []
    assert "Set: 6 image, 6 alpha, 6 trimap; 6 complete" in said
    assert report(faults) == 0


def test_what_is_passed_over_is_counted(folders, capsys):
    for name in ("a.psd", "b.psd", ".hidden", "list"):
        (folders["image"] / name).touch()
    assert inspect_folders("Set", folders, fast=True) == []
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"passed over in {folders['image']}: 2 .psd, 1 without an ending"
    assert len(lines) == 2


def test_every_fault_is_named(folders, capsys):
    spoil(folders)
    faults = "\n".join(inspect_folders("Set", folders, num_workers=1))
    for sentence in (
        "mask/a.png has no partner of that stem in",
        "mask/b.png is empty",
        "image/c.jpg can't be read",
        "mask/d.png is 30x20, but",
        "mask/d.png: the alpha is not soft",
        "mask/e.png: the alpha is not soft",
        "trimap/f.png has the values [7]",
    ):
        assert sentence in faults
    assert faults.count("\n") == 6
    assert report(faults.split("\n")) == 1
    assert capsys.readouterr().out.endswith("7 faults found\n")


def test_headers_alone_name_what_headers_tell(folders):
    spoil(folders)
    faults = "\n".join(inspect_folders("Set", folders, fast=True))
    assert "mask/a.png has no partner" in faults
    assert "mask/b.png is empty" in faults
    assert "mask/d.png is 30x20, but" in faults
    assert faults.count("\n") == 2


def test_missing_and_empty_folders_are_faults_among_others(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    (folders["image"] / "a.jpg").write_bytes(b"")
    faults = inspect_folders(
        "Set",
        {**folders, "trimap": tmp_path / "empty", "background": tmp_path / "no"},
        fast=True,
    )
    assert len(faults) == 3
    assert any("empty holds no" in fault for fault in faults)
    assert any("no folder" in fault for fault in faults)
    assert any("a.jpg is empty" in fault for fault in faults)
