"""The layers of a drawn portrait are true to each other, and people are of all kinds."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from DemoData.canvas import Box, Canvas
from DemoData.hairstyles import random_hair
from DemoData.people import KINDS, paint_person, random_kind, random_person
from DemoData.portrait import draw_portrait
from DemoData.scenes import BACKDROPS, draw_scene
from DemoData.shapes import random_light
from DemoData.skeleton import place
from DemoData.strands import FINE, paint_strands


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_photo_before_noise_is_the_composite() -> None:
    for seed in range(3):
        clean = draw_portrait(rng(seed), 128, traces=False)
        share = clean.alpha[..., None] / 255
        whole = share * clean.foreground + (1 - share) * clean.background
        assert np.abs(clean.image - whole).max() < 0.51  # rounded once
        photo = draw_portrait(rng(seed), 128)
        np.testing.assert_array_equal(photo.alpha, clean.alpha)
        np.testing.assert_array_equal(photo.foreground, clean.foreground)
        assert np.abs(photo.image.astype(int) - clean.image).mean() < 25


def test_colour_of_the_person_is_exact_wherever_it_shows() -> None:
    generator = rng(1)
    canvas = Canvas((64, 48))
    coverage = generator.random((40, 30)).astype(np.float32) ** 4
    canvas.over(Box(10, 10, 50, 40), coverage, generator.random((3, 40, 30), dtype=np.float32))
    colour = canvas.unpremultiplied()
    assert np.isfinite(colour).all()
    np.testing.assert_allclose(colour * canvas.alpha, canvas.planes[:3], atol=0.5 / 255)
    assert colour[:, 0, 0].min() > 0.05  # far from anything painted: the surroundings' colour


def test_layers_over_each_other() -> None:
    canvas = Canvas((1, 2))
    box, half = Box(0, 0, 1, 2), np.array([[1.0, 0.5]], np.float32)
    canvas.over(box, half, (1.0, 0.0, 0.0))
    canvas.over(box, half * 0.5, (0.0, 1.0, 0.0), shadow=half * 0.2)
    np.testing.assert_allclose(canvas.alpha, [[1.0, 0.625]])
    np.testing.assert_allclose(canvas.planes[0], [[0.5 * 0.8, 0.375 * 0.9]])
    np.testing.assert_allclose(canvas.planes[1], [[0.5, 0.25]])


def test_a_hair_covers_its_share_of_each_pixel() -> None:
    canvas = Canvas((20, 20))
    upright = np.array([[[7.0, 2.0], [7.0, 15.0]]])
    paint_strands(canvas, upright, np.array([1.0]), 1, np.zeros(3), np.array([0.8, 0.4, 0.2]))
    np.testing.assert_allclose(canvas.alpha[5:12, 7], 1 / FINE, atol=1e-2)
    assert canvas.alpha.sum() == pytest.approx(13.25 / FINE, rel=0.02)
    share = canvas.planes[0][5:12, 7] / canvas.alpha[5:12, 7]
    np.testing.assert_allclose(share, 0.8, atol=0.02)
    # A second hair in the same place hides the first and covers no more.
    paint_strands(
        canvas, np.repeat(upright, 2, axis=0), np.array([0, 1.0]), 1, np.zeros(3), np.ones(3)
    )
    assert canvas.alpha.max() < 2 / FINE


def test_strands_outside_the_picture_do_no_harm() -> None:
    canvas = Canvas((16, 16))
    away = np.array([[[-50.0, -50.0], [-40.0, -60.0]]])
    paint_strands(canvas, away, np.array([0.5]), 1, np.zeros(3), np.ones(3))
    paint_strands(canvas, away[:0], np.array([]), 1, np.zeros(3), np.ones(3))
    assert canvas.alpha.max() == 0


def test_hairs_lie_where_they_should() -> None:
    errors = []
    for x in np.arange(6.0, 8.0, 0.09):
        canvas = Canvas((20, 20))
        slanted = np.array([[[x, 1.0], [x + 3, 17.0]]])
        paint_strands(canvas, slanted, np.array([1.0]), 1, np.zeros(3), np.ones(3))
        at = (canvas.alpha * np.arange(20)).sum() / canvas.alpha.sum()
        errors.append(at - (x + 1.5))
    assert abs(np.mean(errors)) < 0.05 and np.abs(errors).max() < 0.2


def single_hairs(style: str) -> int:
    """Pixels that are soft, and not because they lie at the edge of something opaque."""
    count = 0
    for seed in range(3):
        generator = rng(5, seed)
        person = random_person(generator, "bust")
        while (hair := random_hair(generator, person.hair.colour)).style != style:
            pass
        outfit = replace(person.outfit, hat=None)
        person = replace(person, hair=hair, beard=None, outfit=outfit)
        canvas = Canvas((256, 256))
        light = random_light(generator, np.full(3, 0.5))
        paint_person(generator, canvas, light, person, place(person.pose, 80, (128, 90)))
        soft = (canvas.alpha > 0.05) & (canvas.alpha < 0.95)
        solid = cv2.dilate((canvas.alpha >= 0.95).astype(np.uint8), np.ones((9, 9), np.uint8))
        count += int((soft & (solid == 0)).sum())
    return count


def test_hair_is_finer_than_pixels() -> None:
    assert single_hairs("wavy") > 600 + 3 * single_hairs("bald")


def test_soft_share_is_that_of_photos() -> None:
    shares = []
    for seed in range(8):
        alpha = draw_portrait(rng(5, seed), 256).alpha
        shares.append(((alpha > 0) & (alpha < 255)).mean())
    assert min(shares) > 0.005 and max(shares) < 0.35 and np.median(shares) > 0.02


def test_people_of_all_kinds() -> None:
    generator = rng(3)
    kinds = [random_kind(generator) for _ in range(200)]
    assert {kind for kind in kinds if kinds.count(kind) >= 8} == set(KINDS)
    people = [random_person(generator, kind) for kind in kinds[:100]]
    assert any(p.back for p in people) and not all(p.back for p in people)
    assert len({p.hair.style for p in people}) > 8
    assert len({p.build.bottom for p in people} | {p.build.top for p in people}) == 9
    assert any(p.outfit.hat for p in people) and any(p.beard for p in people)
    counts = [len(draw_portrait(rng(4, seed), 64).people) for seed in range(12)]
    assert max(counts) > 1 and counts.count(1) > 4


def test_arms_leave_gaps() -> None:
    holes = 0
    for seed in range(15):
        alpha = draw_portrait(rng(6, seed), 192).alpha
        solid = cv2.dilate((alpha > 128).astype(np.uint8), np.ones((3, 3), np.uint8))
        edges, kin = cv2.findContours(solid, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        inner = kin[0, :, 3] >= 0
        holes += sum(len(edge) > 12 and is_hole for edge, is_hole in zip(edges, inner, strict=True))
    assert holes >= 3


def test_hidden_faces_change_nothing_but_the_face() -> None:
    for seed in range(20):
        plain = draw_portrait(rng(seed), 128, traces=False)
        if plain.people[0].pose.head[2, 2] > 0.8 and plain.people[0].kind == "bust":
            break
    hidden = draw_portrait(rng(seed), 128, "always", traces=False)
    np.testing.assert_array_equal(hidden.alpha, plain.alpha)
    changed = (hidden.foreground != plain.foreground).any(axis=2)
    assert 0.01 < changed.mean() < 0.5


def test_every_kind_of_scene() -> None:
    for backdrop in BACKDROPS:
        image = backdrop(rng(2), 96)
        assert image.shape == (96, 96, 3) and image.dtype == np.uint8
        assert image.std() > 0.5
    for size in (64, 97):
        assert draw_scene(rng(8), size).shape == (size, size, 3)


def test_nobody_can_be_seen_through() -> None:
    """Soft alpha belongs to edges: no large part of a body without hair is half transparent."""
    for seed in range(60):
        generator = rng(12, seed)
        person = random_person(generator, "half")
        outfit = replace(person.outfit, hat=None, scarf=None)
        hair = replace(person.hair, style="bald")
        person = replace(person, hair=hair, beard=None, outfit=outfit)
        canvas = Canvas((160, 160))
        light = random_light(generator, np.full(3, 0.5))
        paint_person(generator, canvas, light, person, place(person.pose, 30, (80, 30)))
        soft = ((canvas.alpha > 0.1) & (canvas.alpha < 0.9)).astype(np.uint8)
        assert cv2.erode(soft, np.ones((4, 4), np.uint8)).sum() == 0, seed


def test_backdrops_can_be_chosen() -> None:
    for seed in range(6):
        red, green, blue = draw_scene(rng(seed), 64, ["screen"], objects=False).mean((0, 1))
        assert max(green, blue) > 1.5 * red
    assert not np.array_equal(draw_scene(rng(0), 64, ["screen"]), draw_scene(rng(0), 64))


def test_alone_there_is_one_person() -> None:
    crowds = [len(draw_portrait(rng(i), 64, alone=True).people) for i in range(12)]
    assert set(crowds) == {1}
    assert max(len(draw_portrait(rng(i), 64).people) for i in range(12)) > 1
