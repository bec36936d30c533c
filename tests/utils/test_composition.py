import numpy as np
import pytest

from utils.composition import composite, fit_background


def test_composite_is_the_rounded_mixture():
    rng = np.random.default_rng(0)
    alpha = rng.integers(0, 256, (30, 40)).astype(np.uint8)
    foreground, background = rng.integers(0, 256, (2, 30, 40, 3)).astype(np.uint8)
    a = alpha[..., None] / 255
    expected = a * foreground.astype(float) + (1 - a) * background
    assert np.abs(composite(foreground, background, alpha) - expected).max() < 0.501


@pytest.mark.parametrize("size", [(20, 30), (40, 30), (7, 90), (200, 100), (1, 1)])
def test_a_background_covers_any_size(size):
    rows = np.repeat(np.linspace(0, 255, 40).astype(np.uint8), 60).reshape(40, 60)
    fitted = fit_background(np.stack([rows] * 3, 2), size)
    assert fitted.shape == (*size, 3)
    assert fitted.flags.c_contiguous
    assert abs(float(fitted.mean()) - 127.5) < 8  # the centre was kept


def test_a_background_of_the_right_size_is_kept():
    background = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(np.uint8)
    assert np.array_equal(fit_background(background, (9, 8)), background)
