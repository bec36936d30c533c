import numpy as np
import pytest

from data.folders import FolderDataset
from utils.errors import InputError, MissingError
from utils.images import write_image


@pytest.fixture
def folders(tmp_path):
    rng = np.random.default_rng(0)
    for stem in ("b", "a"):
        write_image(tmp_path / f"image/{stem}.png", rng.integers(0, 256, (6, 8, 3), np.uint8))
        write_image(tmp_path / f"mask/{stem}.png", rng.integers(0, 256, (6, 8), np.uint8))
        trimap = rng.choice(np.array([0, 128, 255], np.uint8), (6, 8))
        write_image(tmp_path / f"trimap/{stem}.png", trimap)
    return {"image": tmp_path / "image", "alpha": tmp_path / "mask", "trimap": tmp_path / "trimap"}


def test_samples_come_sorted_and_whole(folders):
    dataset = FolderDataset(folders)
    assert dataset.names == ["a", "b"]
    assert len(dataset) == 2
    for name, sample in zip(dataset.names, dataset, strict=True):
        assert sample.name == name
        assert sample.image.shape == (6, 8, 3)
        assert sample.alpha.shape == sample.trimap.shape == (6, 8)
        assert sample.foreground is None


def test_a_mask_of_0_and_1_is_named(folders):
    write_image(folders["alpha"] / "b.png", np.eye(6, 8, dtype=np.uint8))
    with pytest.raises(InputError, match=r"mask/b\.png has no value above 1 of 255; multiply"):
        FolderDataset(folders)[1]


def test_a_mask_of_another_size_is_named(folders):
    write_image(folders["alpha"] / "b.png", np.zeros((8, 6), np.uint8))
    with pytest.raises(InputError, match=r"mask/b\.png is 8x6, but .*image/b\.png is 6x8"):
        FolderDataset(folders)[1]


def test_a_trimap_with_other_values_is_named(folders):
    write_image(folders["trimap"] / "a.png", np.full((6, 8), 127, np.uint8))
    with pytest.raises(InputError, match=r"trimap/a\.png has the values \[127\]"):
        FolderDataset(folders)[0]


def test_missing_folders_and_partners_are_named(folders):
    (folders["alpha"] / "b.png").unlink()
    with pytest.raises(InputError, match=r"b\.png has no partner of that stem in .*mask"):
        FolderDataset(folders)
    with pytest.raises(MissingError, match=r"no folder .*nowhere"):
        FolderDataset({**folders, "alpha": folders["alpha"] / "nowhere"})
