from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from engine.prediction import videos as video
from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.videos import predict_videos
from tests.stand_ins import fake_predictor
from utils.errors import InputError
from utils.video.frame import PLAIN, Frame
from utils.video.read import open_reader
from utils.video.write import open_writer


class FakeReader:
    """Frame n is full of 20 n; counts how many were taken. Breaks at frame `broken`."""

    name, size, rate, count, look = "fake", (8, 10), Fraction(25), 0, PLAIN

    def __init__(self, length, broken=-1):
        self.length, self.broken, self.taken = length, broken, 0

    def __iter__(self):
        for n in range(self.length):
            if n == self.broken:
                raise InputError("fake is broken")
            self.taken += 1
            yield Frame(np.full((*self.size, 3), 20 * n % 256, np.uint8), n / self.rate)


LAYERS = LayerMaker(["alpha"], read_background("green"))


def matte(readers, folder, monkeypatch, **options):
    """Matte videos that these readers stand for, by name; they have no sound."""

    def silent(*arguments, sound, **more):
        return open_writer(*arguments, sound=None, **more)

    def opened(path, tell):
        return nullcontext(readers[path.name])

    monkeypatch.setattr(video, "open_reader", options.pop("open_reader", opened))
    monkeypatch.setattr(video, "open_writer", options.pop("open_writer", silent))
    jobs = [Job(Path(name), {"alpha": folder / name}) for name in readers]
    return list(predict_videos(jobs, fake_predictor, LAYERS, quiet=True, **options))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_frame_is_written_in_order(tmp_path, monkeypatch, batch_size):
    matte({"a.mp4": FakeReader(10)}, tmp_path, monkeypatch, batch_size=batch_size)
    with open_reader(tmp_path / "a.mp4") as reader:
        frames = list(reader)
    for n, frame in enumerate(frames):
        assert np.abs(frame.image.astype(int) - 20 * n).max() <= 4
        assert frame.time == Fraction(n, 25)
    assert n == 9


def test_memory_does_not_grow_with_the_length(tmp_path, monkeypatch):
    reader, under_way = FakeReader(300), []

    class Writer:
        def write(self, image, time):
            under_way.append(reader.taken - len(under_way))

    @contextmanager
    def writer(*_, **__):
        yield Writer()

    matte({"a.mp4": reader}, tmp_path, monkeypatch, open_writer=writer, workers=2)
    assert len(under_way) == 300 and max(under_way) < 16


def test_a_broken_video_leaves_nothing_and_the_next_goes_on(tmp_path, monkeypatch):
    readers = {"bad.mp4": FakeReader(20, broken=12), "good.mp4": FakeReader(3)}
    bad, good = matte(readers, tmp_path, monkeypatch)
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

    names = dict.fromkeys(("bad.mp4", "good.mp4"))
    bad, good = matte(names, tmp_path, monkeypatch, open_reader=read)
    assert isinstance(bad.error, InputError)
    assert "bad.mp4" in str(bad.error) and kind.__name__ in str(bad.error)
    assert good.error is None and bad.notes == good.notes == ("a note",)
