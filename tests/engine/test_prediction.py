import threading
import time
from dataclasses import dataclass

import numpy as np
import pytest

from engine.jobs import Formats, Job, find_sources, plan_jobs
from engine.layers import LayerMaker, read_background
from engine.prediction import Outcome, batches_by_size, map_ahead, predict_photos
from utils.errors import InputError
from utils.images import read_alpha, write_image


@dataclass
class FakeMatte:
    alpha: np.ndarray
    trimap: np.ndarray


def fake_predictor(photos):
    """The red channel is the alpha."""
    return [
        FakeMatte(p[..., 0] / np.float32(255), np.full(p.shape[:2], 128, np.uint8)) for p in photos
    ]


def run(folder, output, predictor=fake_predictor, **options):
    jobs, _ = plan_jobs(find_sources(str(folder)), output, ["alpha"], Formats())
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


def test_photos_too_large_for_the_device_are_reported(photos, tmp_path):
    def predictor(photos):
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
