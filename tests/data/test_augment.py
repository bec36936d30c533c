import cv2
import numpy as np
import pytest

from data.augment import (
    BEND_POINTS,
    RANGES,
    Warp,
    apply_warp,
    cut_window,
    mean_grey,
    sample_colours,
    sample_warp,
    sample_window,
    source_map,
)

SIZE = (128, 128)


@pytest.fixture
def portrait():
    """Photo, foreground, background and alpha whose composite is exact; smooth, then rounded."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:200, 0:160]
    alpha = np.clip((60 - np.hypot(y - 110, x - 80)) / 9 + 0.5, 0, 1)
    colours = rng.random((2, 200, 160, 3)).astype(np.float32)
    foreground, background = (cv2.GaussianBlur(c, (0, 0), 6) * 500 - 125 for c in colours)
    layers = {"foreground": foreground, "background": background, "alpha": alpha * 255}
    layers = {
        k: np.clip(np.rint(v), 50, 200 if k != "alpha" else 255).astype(np.uint8)
        for k, v in layers.items()
    }
    layers["alpha"][alpha == 0] = 0
    a = layers["alpha"][..., None] / 255
    image = np.rint(a * layers["foreground"] + (1 - a) * layers["background"])
    return layers | {"image": image.astype(np.uint8)}


def matrix(rng, image, **options):
    """What is drawn, for (r, g, b, 1)."""
    return sample_colours(rng, **options) * (1, 1, 1, mean_grey(image))


@pytest.mark.parametrize("version", RANGES)
def test_the_composite_identity_survives(portrait, version):
    for seed in range(6):
        rng = np.random.default_rng(seed)
        warp = sample_warp(rng, version, portrait["alpha"], SIZE)
        colours = matrix(rng, portrait["image"])
        crop = apply_warp(portrait, warp, SIZE)
        for name in ("image", "foreground", "background"):
            crop[name] = cv2.transform(crop[name], colours)
        assert crop["alpha"].shape == SIZE
        a = crop["alpha"][..., None] / 255
        composed = a * crop["foreground"] + (1 - a) * crop["background"]
        unclipped = np.ones(SIZE, bool)
        for name in ("image", "foreground", "background"):
            unclipped &= ((crop[name] > 0) & (crop[name] < 255)).all(2)
        error = np.abs(composed - crop["image"])[unclipped]
        assert unclipped.mean() > 0.5
        assert error.mean() < 0.7
        assert error.max() < 8


def test_no_bend_and_no_scale_cut_out_the_very_pixels(portrait):
    warp = Warp(np.array([[1.0, 0, 11], [0, 1, 23]]))
    crop = apply_warp(portrait, warp, SIZE)
    assert np.array_equal(crop["image"], portrait["image"][23 : 23 + 128, 11 : 11 + 128])


def test_flips_happen_and_mirror_all_layers(portrait):
    flipped = Warp(np.array([[-1.0, 0, 127], [0, 1, 0]]))
    plain = Warp(np.array([[1.0, 0, 0], [0, 1, 0]]))
    mirrored, crop = (apply_warp(portrait, warp, SIZE) for warp in (flipped, plain))
    for name in crop:
        assert np.array_equal(mirrored[name], crop[name][:, ::-1])
    signs = {
        np.sign(sample_warp(np.random.default_rng(s), v, portrait["alpha"], SIZE).matrix[0, 0])
        for s in range(20)
        for v in RANGES
    }
    assert signs == {-1.0, 1.0}


def test_beyond_the_border_the_photo_is_mirrored():
    ramp = np.arange(100, dtype=np.uint8)[None].repeat(100, 0)
    crop = apply_warp({"image": ramp}, Warp(np.array([[1.0, 0, -20], [0, 1, 0]])), SIZE)
    assert crop["image"][5, :23].tolist() == [*range(20, 0, -1), 0, 1, 2]


def test_the_bend_moves_its_control_points_as_told():
    """A thin plate passes through its control points; checked at crop corners and centre."""
    bend = np.random.default_rng(1).normal(0, 0.02, (BEND_POINTS**2, 2))
    side = 256
    identity = np.array([[1.0, 0, 0], [0, 1, 0]])
    moved = source_map(Warp(identity, bend), (side, side)) - source_map(
        Warp(identity), (side, side)
    )
    middle = BEND_POINTS**2 // 2
    assert np.allclose(moved[127:129, 127:129].mean((0, 1)) / side, bend[middle], atol=2e-3)
    assert np.allclose(moved[0, 0] / side, bend[0], atol=2e-3)
    assert np.allclose(moved[-1, -1] / side, bend[-1], atol=2e-3)


def test_hair_does_not_alias_when_a_photo_is_shrunk():
    """Lines one pixel wide, four apart: shrunk fourfold, each crop pixel is a quarter covered."""
    lines = np.zeros((800, 800), np.uint8)
    lines[:, ::4] = 255
    warp = Warp(np.array([[4.0, 0, 140], [0, 4.0, 140]]))
    crop = apply_warp({"alpha": lines}, warp, SIZE)["alpha"]
    assert np.abs(crop.astype(int) - 64).max() <= 2


def test_v1_looks_at_unknown_pixels():
    alpha = np.zeros((1200, 1500), np.uint8)
    alpha[1150, 1450] = 99
    for seed in range(10):
        warp = sample_warp(np.random.default_rng(seed), "V1", alpha, SIZE)
        crop = apply_warp({"alpha": alpha}, warp, SIZE)["alpha"]
        places = source_map(warp, SIZE).reshape(-1, 2)
        assert crop.max() > 0
        assert (places >= -0.5 - 8).all()
        assert (places <= (1499.5 + 8, 1199.5 + 8)).all()


def test_v2_stays_within_its_ranges():
    alpha = np.zeros((1000, 600), np.uint8)
    areas = [
        np.linalg.det(
            sample_warp(np.random.default_rng(seed), "V2", alpha, SIZE).matrix[:, :2]
        ).item()
        for seed in range(300)
    ]
    scales = np.abs(areas) ** -0.5 / (128 / 600)
    assert 0.49 < scales.min() < 0.6
    assert 1.4 < scales.max() < 1.51


def test_strong_changes_reach_farther_and_crop_anywhere():
    alpha = np.zeros((400, 600), np.uint8)
    tilts, centres = {}, []
    for version in ("V2", "strong"):
        warps = [
            sample_warp(np.random.default_rng(seed), version, alpha, SIZE, (1.0, 3.0))
            for seed in range(200)
        ]
        tilts[version] = [
            np.degrees(np.arctan2(w.matrix[1, 0], abs(w.matrix[0, 0]))) for w in warps
        ]
        centres.append([w.matrix @ (63.5, 63.5, 1) for w in warps])
    assert np.abs(tilts["V2"]).max() < 8
    assert 14 < np.abs(tilts["strong"]).max() < 31
    near, far = (np.abs(np.array(c) - (299.5, 199.5)).max(0) for c in centres)
    assert near.max() < 60
    assert far.min() > 100
    skin = np.full((1, 1, 3), (200, 130, 100), np.uint8)
    spread = {}
    for version in ("V2", "strong"):
        draws = [matrix(np.random.default_rng(seed), skin, version=version) for seed in range(99)]
        spread[version] = np.std([cv2.transform(skin, draw) for draw in draws], axis=0).mean()
    assert spread["strong"] > 1.25 * spread["V2"]


def test_backgrounds_fill_the_crop_from_within():
    for seed in range(30):
        rows, columns, _ = sample_window(np.random.default_rng(seed), (90, 400), SIZE)
        assert 0 <= rows.start < rows.stop <= 91
        assert 0 <= columns.start < columns.stop <= 401
        assert 59 <= rows.stop - rows.start <= 90
        assert abs(rows.stop - rows.start - (columns.stop - columns.start)) <= 1


def test_a_window_of_a_background_is_that_part_of_it_mirrored_or_not():
    ramp = np.arange(180, dtype=np.uint8)[None, :, None].repeat(160, 0).repeat(3, 2)
    for mirrored in (False, True):
        cut = cut_window(ramp, (slice(10, 138), slice(20, 148), mirrored), SIZE)
        assert cut.shape == (*SIZE, 3)
        assert cut[5, :: -1 if mirrored else 1, 0].tolist() == list(range(20, 148))
    lines = np.zeros((512, 512, 3), np.uint8)
    lines[:, ::4] = 255
    assert np.ptp(cut_window(lines, (slice(0, 512), slice(0, 512), False), SIZE)) <= 2


def test_the_border_mirrors_as_if_looked_up_pixel_by_pixel(portrait):
    """Also where the crop is far wider than the photo, and where nobody is beyond it."""
    for seed in range(6):
        corner = np.random.default_rng(seed).uniform(-500, 500, (2, 1))
        warp = Warp(np.hstack([[[1.2, 0.1], [-0.1, -1.3]], corner]))  # nothing is shrunk
        maps = cv2.convertMaps(source_map(warp, SIZE), np.empty(0, np.float32), cv2.CV_16SC2)
        for alone in (False, True):
            crop = apply_warp(portrait, warp, SIZE, alone=alone)
            for name, layer in portrait.items():
                empty = alone and name == "alpha"
                border = cv2.BORDER_CONSTANT if empty else cv2.BORDER_REFLECT_101
                expected = cv2.remap(layer, *maps, cv2.INTER_LINEAR, borderMode=border)
                assert np.array_equal(crop[name], expected)


def test_grey_stays_grey_and_the_jitter_is_bounded(portrait):
    grey = np.full((1, 1, 3), 128, np.uint8)
    for seed in range(50):
        jittered = cv2.transform(grey, matrix(np.random.default_rng(seed), grey))
        assert np.ptp(jittered) <= 2
        assert 0.79 * 128 < jittered.mean() < 1.21 * 128
