import cv2
import numpy as np
import pytest

from PhotoMatteData.data_loader import PhotoMatteDataset, gen_dataset_trimaps
from PhotoMatteData.pairing import pair_backgrounds
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


def pairs(root):
    lines = (root / "PhotoMatte85/pairs.csv").read_text().split()
    assert lines[0] == "rgba_image,background"
    return dict(line.split(",") for line in lines[1:])


def test_samples_are_composed_with_their_backgrounds(root):
    with pytest.raises(MissingError, match=r"make it with python -m PhotoMatteData\.data_loader"):
        PhotoMatteDataset(root)
    assert gen_dataset_trimaps(root, num_workers=1) == 4
    dataset = PhotoMatteDataset(root)
    assert dataset.names == ["c0", "c1", "c2", "c3"]
    sample = dataset[3]
    assert (sample.background == 30).all()
    assert (sample.image[sample.alpha == 255] == 150).all()
    assert (sample.image[sample.alpha == 0] == 30).all()
    assert np.array_equal(sample.trimap, trimap_from_alpha(sample.alpha, 30))


def test_seed_0_is_the_papers_pairing_and_others_shuffle(root):
    base = root / "PhotoMatte85"
    pair_backgrounds(base)
    assert pairs(root) == {f"c{i}.png": f"background/s{i}.png" for i in range(4)}
    (base / "pairs.csv").unlink()
    pair_backgrounds(base, seed=3)
    shuffled = pairs(root)
    assert sorted(shuffled.values()) == [f"background/s{i}.png" for i in range(4)]
    assert list(shuffled.values()) != sorted(shuffled.values())
    with pytest.raises(InputError, match=r"pairs\.csv is there already; remove it"):
        pair_backgrounds(base, seed=4)


def test_a_stored_pairing_outlives_new_backgrounds(root):
    gen_dataset_trimaps(root, num_workers=1)
    before = PhotoMatteDataset(root).backgrounds
    write_image(root / "PhotoMatte85/background/a_first_one.png", np.zeros((9, 9, 3), np.uint8))
    assert PhotoMatteDataset(root).backgrounds == before


def test_few_backgrounds_from_elsewhere_are_used_in_turn(root, tmp_path):
    write_image(tmp_path / "else/x.png", np.full((20, 20, 3), 9, np.uint8))
    gen_dataset_trimaps(root, num_workers=1)
    pair_backgrounds(root / "PhotoMatte85", tmp_path / "else")
    dataset = PhotoMatteDataset(root)
    assert (dataset[2].image[0] == 9).all()
    (tmp_path / "else/x.png").unlink()
    with pytest.raises(MissingError, match=r"pairs\.csv names .*x\.png, which is no file"):
        PhotoMatteDataset(root)


def test_wrong_pairings_are_refused(root):
    gen_dataset_trimaps(root, num_workers=1)
    table = root / "PhotoMatte85/pairs.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"columns \['a', 'b'\]; expected"):
        PhotoMatteDataset(root)
    table.write_text("rgba_image,background\nc0.png,background/s0.png\n")
    with pytest.raises(InputError, match=r"names no background for c1\.png"):
        PhotoMatteDataset(root)


def test_a_cut_out_without_alpha_is_named(root):
    path = root / "PhotoMatte85/rgba_image/c1.png"
    gen_dataset_trimaps(root, num_workers=1)
    write_image(path, np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(InputError, match=r"c1\.png has no alpha channel"):
        PhotoMatteDataset(root)[1]
