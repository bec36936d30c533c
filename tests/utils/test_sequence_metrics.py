"""Steadiness over time: what stays or moves along costs nothing, what flickers does."""

import cv2
import numpy as np
import pytest

from utils.errors import InputError
from utils.sequence_metrics import change_error, estimate_flow, measure_sequence, motion_error

RNG = np.random.default_rng(0)


def video(count, step=0, size=(40, 60)):
    """Frames of a smooth texture that moves `step` pixels to the right."""
    texture = cv2.GaussianBlur(RNG.integers(0, 256, (size[0], 200, 3), np.uint8), (0, 0), 2)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    return [texture[:, 100 - step * t : 100 - step * t + size[1]] for t in range(count)]


def test_perfect_alpha_scores_zero():
    alphas = RNG.integers(0, 256, (4, 40, 60), np.uint8)
    assert measure_sequence(alphas, alphas, video(4, 2)) == {"dtSSD": 0, "MESSDdt": 0}


def test_steady_error_costs_nothing_and_flicker_does():
    true = np.zeros((3, 40, 60))
    pred = np.full((3, 40, 60), 0.25)
    frames = video(1) * 3
    assert measure_sequence(pred, true, frames) == pytest.approx({"dtSSD": 0, "MESSDdt": 0})
    pred[1] = 0.75
    scores = measure_sequence(iter(pred), iter(true), iter(frames))
    assert scores["dtSSD"] == pytest.approx(0.5 * np.sqrt(40 * 60))
    assert scores["MESSDdt"] == pytest.approx((0.75**2 - 0.25**2) * 40 * 60, rel=0.05)


def test_error_that_moves_along_costs_no_messddt():
    true = np.zeros((2, 20, 30))
    pred = true.copy()
    pred[0, 5:9, 5:9] = pred[1, 7:11, 8:12] = 0.5  # moves by (y, x) = (2, 3)
    flow = np.full((20, 30, 2), (3, 2), np.float32)
    assert motion_error(*pred, *true, flow) == pytest.approx(0)
    assert motion_error(*pred, *true, flow * 0) == pytest.approx(0.25 * 2 * (16 - 2))
    assert change_error(*pred, *true) == pytest.approx(0.5 * np.sqrt(2 * (16 - 2)))


def test_pixels_that_leave_the_picture_are_left_out():
    pred, true = np.full((2, 20, 30), 0.5), np.zeros((2, 20, 30))
    pred[0, :, -3:] = 1  # these three columns leave
    flow = np.full((20, 30, 2), (3, 0), np.float32)
    assert motion_error(*pred, *true, flow) == pytest.approx(0)


def test_flow_finds_the_motion():
    flow = estimate_flow(*video(2, 3, (80, 90)))
    assert np.abs(np.median(flow, axis=(0, 1)) - (3, 0)).max() < 0.3
    assert estimate_flow(*video(2, 3, (9, 60))).shape == (9, 60, 2)


@pytest.mark.parametrize(
    ("pred", "true", "frames", "message"),
    [
        (np.zeros((1, 4, 5)), np.zeros((1, 4, 5)), np.zeros((1, 4, 5, 3)), "fewer than two"),
        (np.zeros((2, 4, 5)), np.zeros((3, 4, 5)), np.zeros((2, 4, 5, 3)), "differ in number"),
        (np.zeros((2, 4, 6)), np.zeros((2, 4, 5)), np.zeros((2, 4, 5, 3)), "frame 0: 4x6"),
        (np.full((2, 4, 5), np.nan), np.zeros((2, 4, 5)), np.zeros((2, 4, 5, 3)), "prediction 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(pred, true, frames, message):
    with pytest.raises(InputError, match=message):
        measure_sequence(pred, true, frames)
