import threading
import time

import numpy as np
import pytest
from PIL import Image

from engine.prediction.jobs import KINDS, Job, find_sources, plan_jobs
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.photos import Outcome, batches_by_size, map_ahead, predict_photos
from tests.stand_ins import FakeMatte, fake_predictor
from tests.utils.profiles import PROFILES, shown
from utils.errors import InputError
from utils.images import read_alpha, read_photo, write_image


def run(folder, output, predictor=fake_predictor, **options):
    jobs, _ = plan_jobs(find_sources(str(folder)), output, ["alpha"])
    layers = LayerMaker(["alpha"], read_background("green"))
    return {o.job.source.name: o.error for o in predict_photos(jobs, predictor, layers, **options)}


@pytest.fixture
def photos(tmp_path):
    for i in range(7):
        photo = np.full((10 + i % 2, 12, 3), 30 * i, np.uint8)
        write_image(tmp_path / "photos" / f"{i}.png", photo)
    return tmp_path / "photos"


@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_photo_gets_its_own_alpha(photos, tmp_path, batch_size):
    outcomes = run(photos, tmp_path / "o", batch_size=batch_size)
    assert set(outcomes.values()) == {None} and len(outcomes) == 7
    for i in range(7):
        assert (read_alpha(tmp_path / f"o/alpha/{i}.png") == 30 * i).all()


def test_one_bad_file_does_not_stop_the_rest(photos, tmp_path):
    (photos / "3.png").write_bytes((photos / "3.png").read_bytes()[:50])
    (tmp_path / "o" / "alpha" / "5.png").mkdir(parents=True)  # can't be written
    outcomes = run(photos, tmp_path / "o", batch_size=2)
    bad = {name: error for name, error in outcomes.items() if error}
    assert set(bad) == {"3.png", "5.png"} and "3.png" in str(bad["3.png"])
    assert len(list((tmp_path / "o" / "alpha").iterdir())) == 6  # nothing half-written


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError, MemoryError])
def test_one_bad_file_does_not_stop_the_rest_whatever_it_raises(
    photos, tmp_path, monkeypatch, kind
):
    def read(path):
        if path.name == "3.png":
            raise kind("of some kind")
        return read_photo(path)

    monkeypatch.setattr("engine.prediction.photos.read_photo", read)
    outcomes = run(photos, tmp_path / "o")
    bad = {name: error for name, error in outcomes.items() if error}
    assert set(bad) == {"3.png"} and isinstance(bad["3.png"], InputError)
    assert "3.png" in str(bad["3.png"]) and kind.__name__ in str(bad["3.png"])


def test_photos_too_large_for_the_device_are_reported(photos, tmp_path):
    def predictor(photos, bits=None):
        if photos[0].shape[0] == 11:
            raise InputError("no memory")
        return fake_predictor(photos)

    outcomes = run(photos, tmp_path / "o", predictor)
    assert [name for name, error in outcomes.items() if error] == ["1.png", "3.png", "5.png"]


def test_map_ahead_keeps_order_and_stays_bounded():
    taken = []

    def items():
        for i in range(40):
            taken.append(i)
            yield i

    results = map_ahead(lambda i: (time.sleep(0.001 * (i % 3)), i)[1], items(), workers=3)
    for i, result in enumerate(results):
        assert result == i
        assert len(taken) - i <= 6


def test_map_ahead_leaves_no_thread_behind_when_dropped():
    before = threading.active_count()
    results = map_ahead(lambda i: i, range(1000), workers=3)
    next(results)
    results.close()
    assert threading.active_count() == before


def test_batches_hold_equal_sizes_and_lose_nothing():
    rng = np.random.default_rng(0)
    outcomes = [
        Outcome(Job(i, {}), photo=np.zeros((rng.integers(1, 400), 2, 3)) if i % 5 else None)
        for i in range(50)
    ]
    batches = list(batches_by_size(outcomes, 4))
    assert sorted(o.job.source for batch in batches for o in batch) == list(range(50))
    for batch in batches:
        assert len(batch) <= 4
        heights = {None if o.photo is None else (o.photo.shape[0] + 127) // 128 for o in batch}
        assert len(heights) == 1


def write_kinds(photo, output, background="green"):
    """Matte one photo, all of it background on the left; returns the pictures by kind."""
    jobs, _ = plan_jobs(find_sources(str(photo)), output, KINDS)
    layers = LayerMaker(KINDS, read_background(str(background)), solve=False)

    def predictor(photos, bits=None):
        alphas = [np.zeros(photo.shape[:2], np.float32) for photo in photos]
        for alpha in alphas:
            alpha[:, alpha.shape[1] // 2 :] = 1
        return [FakeMatte(alpha, np.full(alpha.shape, 128, np.uint8)) for alpha in alphas]

    (outcome,) = predict_photos(jobs, predictor, layers)
    assert outcome.error is None
    return {kind: Image.open(path) for kind, path in jobs[0].outputs.items()}


def patches(path, mode="RGB", icc=None):
    """Four colours that any profile has, in (16, 16) squares, as if they were in that profile."""
    colours = np.array([(220, 40, 40), (40, 160, 90), (60, 60, 200), (240, 240, 240)], np.uint8)
    picture = Image.fromarray(colours.reshape(2, 2, 3).repeat(16, 0).repeat(16, 1)).convert(mode)
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    picture.save(path, icc_profile=icc, **options)
    return path


PORTRAITS = [
    ("a.png", "RGB", None),
    ("a.png", "RGB", "sRGB"),
    ("a.jpg", "RGB", "P3"),
    ("a.png", "L", "grey"),
    ("a.png", "L", "P3"),
    ("a.jpg", "CMYK", "CMYK"),
    ("a.png", "RGB", "one way"),
    ("a.png", "RGB", "broken"),
]


@pytest.mark.parametrize(("name", "mode", "kind"), PORTRAITS)
def test_a_background_shows_in_its_own_colours_under_any_photo(tmp_path, name, mode, kind):
    icc = {**PROFILES, "broken": b"broken", None: None}
    photo = patches(tmp_path / name, mode, icc[kind])
    (tmp_path / "many").mkdir()
    backgrounds = {
        "#dc2828": np.full((32, 32, 3), (220, 40, 40)),
        patches(tmp_path / "plain.png"): shown(Image.open(tmp_path / "plain.png")),
        patches(tmp_path / "wide.png", icc=PROFILES["P3"]): None,
        patches(tmp_path / "grey.png", "L", PROFILES["grey"]): None,
        patches(tmp_path / "inks.jpg", "CMYK", PROFILES["CMYK"]): None,
        patches(tmp_path / "many" / "one way.png", icc=PROFILES["one way"]).parent: None,
    }
    for i, (background, wanted) in enumerate(backgrounds.items()):
        if wanted is None:
            file = background if background.is_file() else background / "one way.png"
            wanted = shown(Image.open(file))
        composite = write_kinds(photo, tmp_path / f"o{i}", background)["composite"]
        scene = np.abs(shown(composite) - wanted)[:, :16]
        assert scene.max() <= (30 if "wide" in str(background) and kind != "P3" else 5), background
        person = np.abs(shown(composite) - shown_portrait(photo, kind))[:, 16:]
        assert person.max() <= 5, background


def shown_portrait(photo, kind):
    picture = Image.open(photo)
    if kind == "broken":
        del picture.info["icc_profile"]
    return shown(picture)


def test_a_video_frame_is_srgb_and_so_becomes_its_background(tmp_path):
    wide = patches(tmp_path / "wide.png", icc=PROFILES["P3"])
    frame, alpha = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.float32)
    layers = LayerMaker(["composite"], read_background(str(wide)), solve=False)
    composite = layers(frame, FakeMatte(alpha, np.zeros((32, 32), np.uint8)))["composite"]
    assert np.abs(composite - shown(Image.open(wide))).max() <= 2


def test_each_kind_inherits_what_is_true_of_it(tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    exif.get_ifd(0x1)[0x201] = 99  # a thumbnail
    options = {"exif": exif, "icc_profile": PROFILES["P3"]}
    Image.new("RGB", (30, 20), (200, 30, 30)).save(tmp_path / "a.jpg", **options)
    for kind, picture in write_kinds(tmp_path / "a.jpg", tmp_path / "o").items():
        said, coloured = picture.getexif(), kind not in ("alpha", "trimap")
        assert picture.size == (20, 30) and 0x0112 not in said and not said.get_ifd(0x1), kind
        assert ("icc_profile" in picture.info) == (said.get(0x010F) == "maker") == coloured, kind
        assert not said.get_ifd(0x8825), kind
