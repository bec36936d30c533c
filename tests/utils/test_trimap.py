import os

import cv2
import numpy as np
import pytest

from utils.errors import InputError
from utils.images import list_images, read_alpha, write_image
from utils.trimap import Trimap, trimap_from_alpha, write_trimaps


@pytest.mark.parametrize("size", [1, 7, 30])
def test_trimap_is_opencvs_dilation_and_erosion(size):
    noise = np.random.default_rng(0).normal(size=(180, 240))
    alpha = np.clip(cv2.GaussianBlur(noise, (0, 0), 25) * 9000 + 128, 0, 255).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    dilated = cv2.dilate((alpha > 0).astype(np.uint8), ellipse)
    eroded = cv2.erode((alpha == 255).astype(np.uint8), ellipse)
    expected = np.where(eroded == 1, 255, np.where(dilated == 0, 0, 128))
    trimap = trimap_from_alpha(alpha, size)
    assert trimap.dtype == np.uint8
    assert np.array_equal(trimap, expected)
    assert set(np.unique(trimap)) == set(Trimap)


def test_every_soft_pixel_is_unknown():
    alpha = np.random.default_rng(0).integers(0, 256, (50, 60)).astype(np.uint8)
    trimap = trimap_from_alpha(alpha, 3)
    assert (trimap[(alpha > 0) & (alpha < 255)] == Trimap.UNKNOWN).all()


def test_wrong_types_are_refused():
    with pytest.raises(ValueError, match="float32"):
        trimap_from_alpha(np.zeros((4, 4), np.float32), 7)
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        trimap_from_alpha(np.zeros((4, 4, 3), np.uint8), 7)


@pytest.fixture
def masks(tmp_path):
    for i in range(3):
        alpha = np.zeros((40, 50), np.uint8)
        cv2.circle(alpha, (25, 20), 9 + i, 255, -1, cv2.LINE_AA)
        write_image(tmp_path / f"matte/{i}.png", alpha)
    return list_images(tmp_path / "matte")


@pytest.mark.parametrize("num_workers", [1, 2])
def test_written_trimaps_are_those_of_the_alphas(tmp_path, masks, num_workers):
    assert write_trimaps(masks, tmp_path / "trimap", num_workers=num_workers) == 3
    for stem, path in masks.items():
        stored = read_alpha(tmp_path / f"trimap/{stem}.png")
        assert np.array_equal(stored, trimap_from_alpha(read_alpha(path), 30))


def test_writing_trimaps_goes_on_where_it_was(tmp_path, masks):
    write_trimaps(masks, tmp_path / "trimap", num_workers=1)
    (tmp_path / "trimap/1.png").unlink()
    kept = np.full((40, 50), Trimap.UNKNOWN, np.uint8)
    write_image(tmp_path / "trimap/0.png", kept)
    assert write_trimaps(masks, tmp_path / "trimap", num_workers=1) == 1
    assert np.array_equal(read_alpha(tmp_path / "trimap/0.png"), kept)
    assert len(list_images(tmp_path / "trimap")) == 3


def test_a_trimap_older_than_its_alpha_is_told_of_and_kept(tmp_path, masks, capsys):
    write_trimaps(masks, tmp_path / "trimap", num_workers=1)
    os.utime(masks["2"], (0, 2**32))
    assert write_trimaps(masks, tmp_path / "trimap", num_workers=1) == 0
    made = tmp_path / "trimap/2.png"
    assert f"1 files are older than what they were made from, such as {made}" in (
        capsys.readouterr().out
    )


def test_a_trimap_of_another_size_is_neither_kept_nor_overwritten(tmp_path, masks):
    write_image(tmp_path / "trimap/0.png", np.zeros((4, 5), np.uint8))
    with pytest.raises(InputError, match=r"trimap/0\.png is 4x5, but .*matte/0\.png is 40x50"):
        write_trimaps(masks, tmp_path / "trimap", num_workers=1)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_a_broken_alpha_stops_with_its_name(tmp_path, masks, num_workers):
    masks["1"].write_bytes(masks["1"].read_bytes()[:40])
    with pytest.raises(InputError, match=r"matte/1\.png can't be read"):
        write_trimaps(masks, tmp_path / "trimap", num_workers=num_workers)
