"""Second people, other light, poor cameras: what is set together stays a composite."""

import cv2
import numpy as np
import pytest

from data import variety
from data.variety import LIGHT, degrade_photo, join_people, light_people, write_on_scene
from utils.composition import composite


def disc(side, radius, colour):
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(y - 0.6 * side, x - side / 2)
    alpha = (np.clip((radius - distance) / 8 + 0.5, 0, 1) * 255).astype(np.uint8)
    return {"foreground": np.full((side, side, 3), colour, np.uint8), "alpha": alpha}


def test_two_people_are_a_union_and_keep_the_size_of_the_first():
    first, second = disc(160, 40, (200, 10, 10)), disc(320, 80, (10, 10, 200))
    seen = set()
    for seed in range(12):
        both = join_people(np.random.default_rng(seed), first, second)
        assert both["alpha"].shape == (160, 160)
        assert both["foreground"].shape == (160, 160, 3)
        assert (both["alpha"].astype(int) >= first["alpha"].astype(int) - 1).all()
        seen.add(bool((both["alpha"] > first["alpha"]).sum() > 400))
        solid = both["alpha"] == 255
        assert both["foreground"][solid][:, 1].max() <= 10  # no third colour comes in
    assert True in seen


def test_joined_layers_compose_to_what_the_eye_would_see():
    """The front one over (the back one over the scene) equals the joined layers over the scene."""
    first, second = disc(160, 50, (200, 20, 20)), disc(160, 50, (20, 20, 200))
    scene = np.full((160, 160, 3), 120, np.uint8)
    nobody = {**second, "alpha": np.zeros_like(second["alpha"])}
    alone = join_people(np.random.default_rng(0), first, nobody)
    assert np.abs(alone["alpha"].astype(int) - first["alpha"]).max() == 0
    pictures = [composite(p["foreground"], scene, p["alpha"]).astype(int) for p in (alone, first)]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_light_darkens_some_people_to_silhouettes_and_leaves_others():
    grey = np.full((8, 8, 3), 150, np.uint8)
    means = [light_people(np.random.default_rng(seed), grey).mean() for seed in range(200)]
    assert sum(mean == 150 for mean in means) > 80
    assert min(means) < 150 * LIGHT[0] * 2
    assert max(means) > 150


def test_some_scenes_are_written_on_and_the_scene_itself_stays():
    scene = np.full((120, 90, 3), 100, np.uint8)
    shares = []
    for seed in range(60):
        written = write_on_scene(np.random.default_rng(seed), scene)
        assert written.shape == scene.shape and written.dtype == np.uint8
        shares.append((written != scene).any(axis=2).mean())
    assert (scene == 100).all()
    assert 4 < np.count_nonzero(shares) < 30
    assert max(shares) > 0.1


@pytest.fixture
def photo():
    noise = np.random.default_rng(0).random((96, 128, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 30, 220, 32).astype(np.uint8)


def shares(monkeypatch, blur, noise, jpeg):
    for name, share in [("BLUR", blur), ("NOISE", noise), ("JPEG", jpeg)]:
        monkeypatch.setattr(variety, f"{name}_SHARE", share)


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
