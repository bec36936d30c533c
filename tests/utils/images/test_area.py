import numpy as np
import pytest

from utils.errors import InputError
from utils.images.area import (
    AREAS,
    enlarge_alpha,
    enlarge_trimap,
    fit_area,
    parse_area,
    shrink_photo,
)

HD = AREAS["HD"]


def test_fit_area_keeps_small_photos_and_aspect():
    assert fit_area((500, 700), HD) == (500, 700)
    assert fit_area((5000, 1), None) == (5000, 1)
    height, width = fit_area((6000, 4000), HD)
    assert HD * 0.998 < height * width <= HD
    assert height / width == pytest.approx(1.5, rel=1e-3)
    assert fit_area((10_000, 1), 10) == (316, 1)


def test_parse_area():
    assert parse_area("none") is None
    assert parse_area("HD") == HD
    assert parse_area("17000") == 17000
    for text in ("0", "-5", "8K", "1.5"):
        with pytest.raises(InputError, match="max_area"):
            parse_area(text)


def test_small_photos_pass_untouched_and_large_ones_come_back_in_their_size():
    photo = np.random.default_rng(0).integers(0, 256, (90, 121, 3), np.uint8)
    assert shrink_photo(photo, None) is photo
    assert shrink_photo(photo, 90 * 121) is photo
    small = shrink_photo(photo, 3000)
    assert small.dtype == np.uint8
    assert small.shape[:2] == fit_area((90, 121), 3000)
    assert abs(small.mean() - photo.mean()) < 2
    alpha = np.linspace(0, 1, small.shape[0] * small.shape[1], dtype=np.float32)
    alpha = alpha.reshape(small.shape[:2])
    large = enlarge_alpha(alpha, (90, 121))
    assert large.shape == (90, 121)
    assert large.dtype == np.float32
    assert 0 <= large.min() <= large.max() <= 1
    trimap = np.where(alpha < 0.3, 0, np.where(alpha > 0.6, 255, 128)).astype(np.uint8)
    assert set(np.unique(enlarge_trimap(trimap, (90, 121)))) == {0, 128, 255}
    assert enlarge_trimap(trimap, trimap.shape) is trimap
