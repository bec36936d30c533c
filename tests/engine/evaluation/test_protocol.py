"""Sizes of the paper's protocol, and answers at the photo's own size."""

import numpy as np
import pytest

from engine.evaluation.protocol import paper_size, predict_at
from models import CONFIGS, build_model, predict_alpha, prepare
from utils.images.area import AREAS, fit_area
from utils.prediction import fit_photo

HD = AREAS["HD"]


@pytest.mark.parametrize(
    ("size", "max_area", "expected"),
    [
        ((1080, 1440), None, (1024, 1408)),
        ((1, 127), None, (128, 128)),
        ((128, 256), None, (128, 256)),
        ((1080, 1920), HD, (1024, 1920)),  # 1152x1920 is above the limit, 1024x2048 is, too
        ((4000, 3000), HD, (1536, 1280)),  # fitted 1662x1247; 1664x1280 is above the limit
        ((300, 300), HD, (384, 384)),  # one step up per side, also where that enlarges
        ((100, 100), 20_000, (128, 128)),
        ((100, 100), 9_000, (128, 128)),  # nothing is within so small a limit
        ((2160, 3840), AREAS["4K"], (2048, 3968)),
    ],
)
def test_paper_size(size, max_area, expected):
    assert paper_size(size, max_area) == expected


@pytest.mark.parametrize("seed", range(20))
def test_paper_size_is_the_best_of_four(seed):
    rng = np.random.default_rng(seed)
    size = tuple(int(side) for side in rng.integers(200, 6000, 2))
    height, width = paper_size(size, HD)
    fitted = fit_area(size, HD)
    assert height % 128 == width % 128 == 0
    assert height * width <= HD
    lower = [side // 128 * 128 for side in fitted]
    areas = [(lower[0] + i) * (lower[1] + j) for i in (0, 128) for j in (0, 128)]
    assert height * width == max(area for area in areas if area <= HD)


def test_pad_goes_up_to_multiples():
    def padded(height, width, stride, max_area=None):
        photo = np.zeros((height, width, 3), np.uint8)
        return fit_photo(photo, stride, max_area=max_area)[0].shape[:2]

    assert padded(1080, 1440, 128) == (1152, 1536)
    assert padded(1080, 1441, 32) == (1088, 1472)
    assert paper_size((1080, 1440), None) == (1024, 1408)
    assert padded(2160, 2880, 128, 1080 * 1440) == (1152, 1536)


@pytest.mark.parametrize(("protocol", "size"), [("paper", (128, 256)), ("pad", (256, 384))])
def test_an_answer_knows_at_which_size_the_network_saw_the_photo(model, protocol, size):
    photo = np.zeros((200, 300, 3), np.uint8)
    assert predict_at(model, photo, protocol=protocol, max_area=None).network_size == size


@pytest.fixture(scope="module")
def model():
    return prepare(build_model(CONFIGS["demo"]), "fp32")


def test_without_limit_it_is_predict_alpha(model):
    photo = np.random.default_rng(0).integers(0, 256, (150, 170, 3), np.uint8)
    for protocol, fit in (("paper", "resize"), ("pad", "pad")):
        answer = predict_at(model, photo, protocol=protocol, max_area=None)
        expected = predict_alpha(model, photo, fit=fit)
        np.testing.assert_array_equal(answer.alpha, expected)


@pytest.mark.parametrize("protocol", ["paper", "pad"])
def test_answer_has_the_photos_size(model, protocol):
    photo = np.random.default_rng(0).integers(0, 256, (301, 205, 3), np.uint8)
    answer = predict_at(model, photo, protocol=protocol, max_area=20_000)
    for alpha in (answer.alpha, answer.coarse_alpha):
        assert alpha.shape == (301, 205)
        assert alpha.dtype == np.float32
        assert 0 <= alpha.min() <= alpha.max() <= 1
