import numpy as np
import pytest
from scipy import ndimage

from utils.errors import InputError
from utils.images.area import (
    AREAS,
    enlarge_alpha,
    enlarge_trimap,
    fit_area,
    pad_to_multiple,
    parse_area,
    resize_antialiased,
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


@pytest.mark.parametrize("shape", [(1, 1, 3), (128, 129, 3), (5, 7)])
def test_padding_repeats_the_border(shape):
    image = np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)
    H, W = shape[:2]
    width = [(0, -H % 128), (0, -W % 128)] + [(0, 0)] * (len(shape) - 2)
    assert np.array_equal(pad_to_multiple(image, 128), np.pad(image, width, mode="edge"))


@pytest.mark.parametrize(
    ("old", "new"),
    [((40, 30), (13, 17)), ((11, 9), (23, 31)), ((8, 40), (20, 7)), ((1, 9), (3, 4))],
)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_resizing_agrees_with_the_reference(old, new, channels):
    """scikit-image's resize, spelt out with SciPy as its source has it."""
    image = np.random.default_rng(0).random(old + channels)
    sigma = [max(0, (o / n - 1) / 2) for o, n in zip(old, new, strict=True)] + [0] * len(channels)
    smooth = ndimage.gaussian_filter(image, sigma, mode="mirror")
    factors = [n / o for o, n in zip(old, new, strict=True)] + [1] * len(channels)
    expected = ndimage.zoom(smooth, factors, order=1, mode="mirror", grid_mode=True)
    assert np.allclose(resize_antialiased(image, new), expected, atol=1e-9)
    single = resize_antialiased(image.astype(np.float32), new)
    assert single.dtype == np.float32
    assert np.allclose(single, expected, atol=1e-5)
