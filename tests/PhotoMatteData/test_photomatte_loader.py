import cv2
import numpy as np
import pytest

from PhotoMatteData.data_loader import PhotoMatteDataset, gen_dataset_trimaps, main
from utils.errors import InputError, MissingError
from utils.images import write_image
from utils.trimap import trimap_from_alpha


@pytest.fixture
def root(tmp_path):
    alpha = np.zeros((60, 80), np.uint8)
    cv2.circle(alpha, (40, 30), 20, 255, -1, cv2.LINE_AA)
    for i in range(4):
        cutout = np.dstack([np.full((60, 80, 3), 50 * i, np.uint8), alpha])
        write_image(tmp_path / f"PhotoMatte85/rgba_image/c{i}.png", cutout)
        scene = np.full((60, 80, 3), 10 * i, np.uint8)
        write_image(tmp_path / f"PhotoMatte85/background/s{i}.png", scene)
    return tmp_path


def test_samples_are_composed_with_their_backgrounds(root):
    with pytest.raises(MissingError, match=r"make it: python -m PhotoMatteData\.data_loader"):
        PhotoMatteDataset(root)
    assert gen_dataset_trimaps(root, num_workers=1) == 4
    dataset = PhotoMatteDataset(root)
    assert dataset.names == ["c0", "c1", "c2", "c3"]
    sample = dataset[3]
    assert (sample.background == 30).all()
    assert (sample.image[sample.alpha == 255] == 150).all()
    assert (sample.image[sample.alpha == 0] == 30).all()
    assert np.array_equal(sample.trimap, trimap_from_alpha(sample.alpha, 30))


def test_a_cut_out_without_alpha_is_named(root):
    path = root / "PhotoMatte85/rgba_image/c1.png"
    gen_dataset_trimaps(root, num_workers=1)
    write_image(path, np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(InputError, match=r"c1\.png has no alpha channel"):
        PhotoMatteDataset(root)[1]


def check(root, monkeypatch, *flags):
    argv = ["data_loader", "--check", "--num_workers", "1", "--data_root", str(root), *flags]
    monkeypatch.setattr("sys.argv", argv)
    return main()


def test_check_passes_and_names_what_is_wrong(root, monkeypatch, capsys):
    assert check(root, monkeypatch, "--gen_trimaps") == 0
    said = capsys.readouterr().out
    assert "4 cutout, 4 trimap; 4 complete" in said
    assert "backgrounds: 4 background; 4 complete" in said
    base = root / "PhotoMatte85"
    write_image(base / "rgba_image/c1.png", np.full((60, 80, 4), 255, np.uint8))
    write_image(base / "rgba_image/c2.png", np.zeros((60, 80, 3), np.uint8))
    (base / "background/s3.png").write_bytes(b"")
    assert check(root, monkeypatch) == 1
    said = capsys.readouterr().out
    assert "c1.png: the alpha is not soft" in said
    assert "c2.png has no alpha channel" in said
    assert "s3.png is empty" in said
    assert said.endswith("3 faults found\n")


def test_few_backgrounds_are_used_in_turn(root):
    gen_dataset_trimaps(root, num_workers=1)
    for name in ("s2", "s3"):
        (root / f"PhotoMatte85/background/{name}.png").unlink()
    dataset = PhotoMatteDataset(root)
    assert [dataset[i].background.max() for i in range(4)] == [0, 10, 0, 10]
    for path in (root / "PhotoMatte85/background").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="background holds no"):
        PhotoMatteDataset(root)


def test_nothing_to_do_is_told(monkeypatch):
    monkeypatch.setattr("sys.argv", ["data_loader"])
    with pytest.raises(InputError, match="nothing to do: give --gen_trimaps"):
        main()
