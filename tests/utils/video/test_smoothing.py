import cv2
import numpy as np
import pytest

from utils.video.smoothing import TemporalFilter


def drawn_clip(speed, frames=24, size=(96, 128)):
    """Yield photo, true alpha and a flickering alpha of a soft disc that swings to and fro."""
    rng = np.random.default_rng(0)
    H, W = size
    y, x = np.mgrid[:H, :W].astype(np.float32)
    scene = np.dstack([120 + 60 * np.sin(x / 9), 90 + 50 * np.cos(y / 7), 60 + x]).clip(0, 255)
    for t in range(frames):
        centre = W / 2 + speed * 10 * np.sin(t / 6)
        alpha = np.clip((30 - np.hypot(y - H / 2, x - centre)) / 10 + 0.5, 0, 1)
        person = np.dstack([180 + 50 * np.sin((x - centre) / 5), 140 + 0 * x, 120 + 40 * np.cos(y)])
        photo = person * alpha[..., None] + scene * (1 - alpha[..., None])
        photo = np.clip(np.rint(photo + rng.normal(0, 2, photo.shape)), 0, 255).astype(np.uint8)
        fault = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 3)
        edge = (alpha > 0.02) & (alpha < 0.98)
        yield photo, alpha, np.clip(alpha + 1.5 * fault * edge, 0, 1).astype(np.float32)


def mad(preds, trues):
    return np.mean([np.abs(pred - true).mean() for pred, true in zip(preds, trues, strict=True)])


def dtssd(preds, trues):
    """How much more than the truth the prediction changes from frame to frame."""
    change = np.diff(preds, axis=0) - np.diff(trues, axis=0)
    return np.sqrt((change**2).mean(axis=(1, 2))).mean()


@pytest.mark.parametrize("speed", [0, 0.3, 1])
def test_flicker_falls_and_the_error_does_not_rise(speed):
    photos, trues, preds = zip(*drawn_clip(speed), strict=True)
    steady = TemporalFilter()
    smooth = [steady(photo, pred) for photo, pred in zip(photos, preds, strict=True)]
    assert dtssd(smooth, trues) < 0.75 * dtssd(preds, trues)
    assert mad(smooth, trues) < mad(preds, trues)


def test_a_perfect_alpha_stays_nearly_perfect():
    photos, trues, _ = zip(*drawn_clip(1), strict=True)
    steady = TemporalFilter()
    smooth = [steady(p, t.astype(np.float32)) for p, t in zip(photos, trues, strict=True)]
    assert mad(smooth, trues) < 0.003


def test_a_cut_starts_anew():
    (photo, _, alpha), *_ = drawn_clip(0)
    steady = TemporalFilter()
    steady(255 - photo, 1 - alpha)
    assert np.abs(steady(photo, alpha) - alpha).mean() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (700, 2)])
def test_any_size(size):
    steady = TemporalFilter()
    for value in (0.2, 0.4):
        alpha = steady(np.full((*size, 3), 99, np.uint8), np.full(size, value, np.float32))
    assert alpha.shape == size and alpha.dtype == np.float32
    assert 0.2 < alpha.min() <= alpha.max() < 0.4
