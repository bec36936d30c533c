import cv2
import numpy as np
import pytest

from data import degrade
from data.degrade import degrade_photo


@pytest.fixture
def photo():
    noise = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 30, 220, 32).astype(np.uint8)


def shares(monkeypatch, blur, noise, jpeg):
    for name, share in [("BLUR", blur), ("NOISE", noise), ("JPEG", jpeg)]:
        monkeypatch.setattr(degrade, f"{name}_SHARE", share)


@pytest.mark.parametrize("only", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_a_degraded_photo_is_another_yet_alike(photo, monkeypatch, only):
    shares(monkeypatch, *only)
    before = photo.copy()
    for seed in range(8):
        degraded = degrade_photo(np.random.default_rng(seed), photo)
        assert degraded.shape == photo.shape
        assert degraded.dtype == np.uint8
        difference = np.abs(degraded.astype(int) - photo)
        assert 0 < difference.mean() < 25
        assert np.abs(degraded.mean((0, 1)) - photo.mean((0, 1))).max() < 2  # no channel swapped
        assert np.array_equal(degraded, degrade_photo(np.random.default_rng(seed), photo))
    assert np.array_equal(photo, before)


def test_blur_smooths_and_noise_roughens(photo, monkeypatch):
    def roughness(image):
        return np.abs(np.diff(image.astype(int), axis=1)).mean()

    shares(monkeypatch, 1, 0, 0)
    assert all(
        roughness(degrade_photo(np.random.default_rng(s), photo)) < roughness(photo)
        for s in range(8)
    )
    shares(monkeypatch, 0, 1, 0)
    assert all(
        roughness(degrade_photo(np.random.default_rng(s), photo)) > roughness(photo)
        for s in range(8)
    )


def test_some_photos_stay_as_they_are(photo):
    same = [
        np.array_equal(degrade_photo(np.random.default_rng(s), photo), photo) for s in range(60)
    ]
    assert 8 < sum(same) < 35
