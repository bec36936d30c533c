import itertools
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from engine.prediction import videos as video
from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.videos import predict_video, predict_videos
from tests.stand_ins import fake_predictor
from utils.errors import InputError
from utils.video.frame import PLAIN, Frame
from utils.video.read import open_reader


class FakeReader:
    """Frame n is full of 20 n; counts how many were taken. Breaks at frame `broken`."""

    name, size, rate, count, look = "fake", (8, 10), Fraction(25), 0, PLAIN

    def __init__(self, length, broken=-1):
        self.length, self.broken, self.taken = length, broken, 0

    def __iter__(self):
        for n in itertools.islice(itertools.count(), self.length):
            if n == self.broken:
                raise InputError("fake is broken")
            self.taken += 1
            yield Frame(np.full((*self.size, 3), 20 * n % 256, np.uint8), n / self.rate)


LAYERS = LayerMaker(["alpha"], read_background("green"))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_frame_is_written_in_order(tmp_path, batch_size):
    job = Job(Path("fake"), {"alpha": tmp_path / "alpha.mp4"})
    made = list(predict_video(job, FakeReader(10), fake_predictor, LAYERS, batch_size=batch_size))
    assert len(made) == 10
    with open_reader(tmp_path / "alpha.mp4") as reader:
        frames = list(reader)
    for n, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - 20 * n).max() <= 4
        assert frame.time == Fraction(n, 25)
    assert n == 9


def test_memory_does_not_grow_with_the_length(tmp_path):
    reader = FakeReader(None)  # endless
    frames = predict_video(Job(Path("fake"), {}), reader, fake_predictor, LAYERS, workers=2)
    for done, _ in enumerate(itertools.islice(frames, 300), 1):
        assert reader.taken - done < 16
    frames.close()


def test_a_broken_video_leaves_nothing_and_the_next_goes_on(tmp_path, monkeypatch):
    readers = {"bad.mp4": FakeReader(20, broken=12), "good.mp4": FakeReader(3)}
    monkeypatch.setattr(video, "open_reader", lambda path, tell: nullcontext(readers[path.name]))
    jobs = [Job(Path(name), {"alpha": tmp_path / name}) for name in readers]
    bad, good = predict_videos(jobs, fake_predictor, LAYERS, quiet=True)
    assert "broken" in str(bad.error) and good.error is None
    assert [path.name for path in tmp_path.iterdir()] == ["good.mp4"]


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, AttributeError, MemoryError])
def test_a_bad_video_never_ends_the_run_whatever_it_raises(tmp_path, monkeypatch, kind):
    def read(path, tell):
        tell("a note")
        tell("a note")
        if path.name == "bad.mp4":
            raise kind("of some kind")
        return nullcontext(FakeReader(3))

    monkeypatch.setattr(video, "open_reader", read)
    jobs = [Job(Path(name), {"alpha": tmp_path / name}) for name in ("bad.mp4", "good.mp4")]
    bad, good = predict_videos(jobs, fake_predictor, LAYERS, quiet=True)
    assert isinstance(bad.error, InputError)
    assert "bad.mp4" in str(bad.error) and kind.__name__ in str(bad.error)
    assert good.error is None and bad.notes == good.notes == ("a note",)
