import cv2
import numpy as np
import pytest

from utils import foreground as module
from utils.foreground import MARGIN, solve_fg_bg, unknown_box


@pytest.fixture
def portrait():
    """A smooth person before a smooth scene: photo, alpha, true colours."""
    y, x = np.mgrid[0:90, 0:120].astype(np.float32)
    alpha = np.clip((26 - np.hypot(y - 45, x - 60)) / 8 + 0.5, 0, 1)
    foreground = np.stack([0.6 + x / 600, 0.3 + y / 600, np.full_like(x, 0.2)], 2)
    background = np.stack([np.full_like(x, 0.1), 0.5 + x / 600, 0.7 - y / 600], 2)
    a = alpha[..., None]
    return a * foreground + (1 - a) * background, alpha, foreground, background


@pytest.mark.parametrize("method", ["ml", "cf"])
def test_colours_come_out_and_compose_to_the_photo(portrait, method):
    image, alpha, true_foreground, true_background = portrait
    foreground, background = solve_fg_bg(image, alpha, method)
    a = alpha[..., None]
    assert np.abs(a * foreground + (1 - a) * background - image).mean() < 0.1 / 255
    assert np.abs(foreground - true_foreground)[alpha > 0.2].mean() < 0.02
    assert np.abs(background - true_background)[alpha < 0.8].mean() < 0.02
    for colours in (foreground, background):
        assert colours.dtype == np.float32
        assert colours.min() >= 0
        assert colours.max() <= 1


def test_the_photo_is_copied_outside_the_unknown_box(portrait):
    image, alpha, _, _ = portrait
    outside = np.ones(alpha.shape, bool)
    outside[unknown_box(alpha)] = False
    assert outside.any()
    for colours in solve_fg_bg(image, alpha):
        assert np.array_equal(colours[outside], image[outside])


def test_the_box_holds_all_soft_pixels_and_hard_edges(portrait):
    alpha = portrait[1]
    rows, columns = unknown_box(alpha)
    y, x = np.nonzero((alpha > 0) & (alpha < 1))
    assert (rows.start, columns.start) == (
        y.min() - 1 - MARGIN if y.min() > MARGIN else 0,
        x.min() - 1 - MARGIN,
    )
    hard = np.zeros((100, 100))
    hard[50:, 60:] = 1
    rows, columns = unknown_box(hard)
    assert rows.start <= 49 - MARGIN + 1
    assert columns.start <= 59 - MARGIN + 1
    assert unknown_box(np.zeros((9, 9))) is None
    assert unknown_box(np.ones((9, 9))) is None


@pytest.mark.parametrize("method", ["ml", "cf"])
def test_too_large_a_box_is_solved_smaller_and_still_composes(portrait, method, monkeypatch):
    image, alpha, true_foreground, _ = portrait
    monkeypatch.setitem(module.MAX_SOLVED_PIXELS, method, 1500)
    foreground, background = solve_fg_bg(image, alpha, method)
    a = alpha[..., None]
    assert np.abs(a * foreground + (1 - a) * background - image).mean() < 0.1 / 255
    assert np.abs(foreground - true_foreground)[alpha > 0.2].mean() < 0.03


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2)])
def test_tiny_photos_work(shape):
    image = np.full((*shape, 3), 0.4, np.float32)
    for colours in solve_fg_bg(image, np.full(shape, 0.5, np.float32)):
        assert np.allclose(colours, 0.4, atol=0.01)


def test_what_does_not_fit_is_refused(portrait):
    image, alpha, _, _ = portrait
    with pytest.raises(ValueError, match="one H and W"):
        solve_fg_bg(image, cv2.resize(alpha, (9, 9)))
    with pytest.raises(ValueError, match="'knn'; expected one of"):
        solve_fg_bg(image, alpha, "knn")
