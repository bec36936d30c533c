"""Photos as networks take them, and back."""

import numpy as np
import pytest

from utils.images.area import enlarge_alpha
from utils.prediction import Prediction, fit_photo

SIZES = ((1, 1), (31, 65), (64, 96))


def draw(size):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize("fit", ["pad", "resize"])
@pytest.mark.parametrize("max_area", [None, 900])
@pytest.mark.parametrize("size", SIZES)
def test_sides_are_multiples_and_maps_come_back_at_the_photos_size(size, max_area, fit):
    image, back = fit_photo(draw(size), 32, fit=fit, max_area=max_area)
    H, W = image.shape[:2]
    assert H % 32 == W % 32 == 0 < H * W
    alpha = np.full((H, W), 0.5, np.float32)
    classes = np.ones((H // 8, W // 8), np.uint8)
    answer = back.prediction(alpha, classes, alpha[::8, ::8])
    assert answer.alpha.shape == answer.trimap.shape == answer.coarse_alpha.shape == size
    assert (answer.trimap == 128).all()
    assert np.abs(answer.alpha - 0.5).max() < 1e-6 > np.abs(answer.coarse_alpha - 0.5).max()


@pytest.mark.parametrize("size", SIZES)
def test_padding_keeps_the_photo_and_undoing_it_is_exact(size):
    photo = draw(size)
    image, back = fit_photo(photo, 32)
    assert (image[: size[0], : size[1]] == photo).all()
    values = image[..., 0] / np.float32(255)
    assert (back.undo(values, enlarge_alpha) == photo[..., 0] / np.float32(255)).all()


def test_a_photo_that_fits_is_not_copied():
    photo = draw((64, 96))
    assert fit_photo(photo, 32)[0] is photo


def test_each_cell_of_the_trimap_is_a_region():
    _, back = fit_photo(draw((20, 27)), 32)
    classes = np.arange(16, dtype=np.uint8).reshape(4, 4) % 3
    trimap = Prediction(np.zeros((20, 27), np.float32), classes, back).trimap
    wanted = np.array([0, 128, 255])[classes].repeat(8, 0).repeat(8, 1)
    assert (trimap == wanted[:20, :27]).all()
