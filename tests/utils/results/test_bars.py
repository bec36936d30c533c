import math

import numpy as np

from utils.results.bars import COLOURS, SPAN, draw_bars, stack_pictures


def longest_run(picture, colour):
    found = (picture == colour).all(axis=2)
    return found.sum(axis=1).max(), found.sum(axis=1)


def test_bars_are_as_long_as_their_values():
    picture = draw_bars("t", ["a", "b"], {"x": [2.0, 4.0], "y": [1.0, math.nan]}, "ms")
    longest, rows = longest_run(picture, COLOURS[0])
    assert abs(longest - SPAN) <= 1
    assert any(abs(length - SPAN / 2) <= 1 for length in rows)
    assert abs(longest_run(picture, COLOURS[1])[0] - SPAN / 4) <= 1


def test_nothing_measured_still_makes_a_picture():
    assert draw_bars("t", ["a"], {"x": [math.nan]}, "MB").ndim == 3


def test_pictures_are_stacked_on_white():
    stacked = stack_pictures([np.zeros((2, 3, 3), np.uint8), np.zeros((1, 5, 3), np.uint8)])
    assert stacked.shape == (3, 5, 3)
    assert stacked[:2, 3:].min() == 255
