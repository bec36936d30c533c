"""One's own portraits: what is estimated of them, and what is left as it is."""

import numpy as np
import pytest

from P3MData.portraits import PortraitDataset
from utils.errors import InputError
from utils.images import read_photo, write_image


@pytest.fixture
def folder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
    alpha = np.zeros((48, 40), np.uint8)
    alpha[10:, 10:30], alpha[10:, 30:33] = 255, 128
    write_image(tmp_path / "image/me.png", image)
    write_image(tmp_path / "alpha/me.png", alpha)
    return tmp_path


def test_both_layers_are_estimated_once(folder):
    PortraitDataset(folder).solve()
    [sample] = PortraitDataset(folder)
    a = sample.alpha[..., None] / 255
    composed = a * sample.foreground + (1 - a) * sample.background
    assert np.abs(composed - sample.image).mean() < 2
    before = (folder / "fg/me.png").stat().st_mtime_ns
    PortraitDataset(folder).solve()
    assert (folder / "fg/me.png").stat().st_mtime_ns == before


def test_a_foreground_that_is_there_is_not_replaced(folder):
    own = np.full((48, 40, 3), 77, np.uint8)
    write_image(folder / "fg/me.png", own)
    PortraitDataset(folder).solve()
    assert np.array_equal(read_photo(folder / "fg/me.png"), own)
    assert (folder / "bg/me.png").exists()


def test_layers_of_another_size_are_refused_at_the_start(folder):
    write_image(folder / "fg/me.png", np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"fg/me\.png is 40x40, but .*image/me\.png is 48x40"):
        PortraitDataset(folder).solve()
