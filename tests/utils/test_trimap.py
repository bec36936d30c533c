import cv2
import numpy as np
import pytest

from utils.trimap import Trimap, trimap_from_alpha


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
