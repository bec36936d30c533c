"""Videos to files: all stages overlap, and memory does not grow with the length."""

import itertools
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial

import numpy as np
from tqdm import tqdm

from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker
from engine.prediction.photos import Outcome, Predictor, map_ahead
from utils.prediction import Prediction
from utils.video.frame import Frame, Tell
from utils.video.read import VideoReader, open_reader
from utils.video.smoothing import TemporalFilter
from utils.video.write import VideoWriter, open_writer

CHANNELS = {"alpha": 1, "trimap": 1, "foreground": 3, "composite": 3, "cutout": 4}


def predict_videos(
    jobs: Sequence[Job],
    predictor: Predictor,
    layers: LayerMaker,
    *,
    batch_size: int = 1,
    workers: int = 2,
    smooth: bool = False,
    quiet: bool = False,
) -> Iterator[Outcome]:
    """Matte one video after the other and write its layers; yields an outcome for each.

    A video's files are there once its last frame is written; until then or if it fails, not.

    Args:
        jobs: what to read and where to write.
        predictor: runs in the caller's thread.
        layers: makes what is written.
        batch_size: frames that the network sees at once.
        workers: threads that make layers; one more decodes, another one encodes.
        smooth: filter the alphas over time.
        quiet: without a progress bar.
    """
    layers = replace(layers, bits=8)  # video codecs take no more
    for job in jobs:
        notes: list[str] = []
        try:
            with (
                open_reader(job.source, tell=notes.append) as reader,
                _open_writers(job, reader, notes.append) as writers,
                closing(_read_ahead(reader)) as frames,
            ):
                matted = _matte_frames(frames, predictor, batch_size, smooth, layers.integer_bits)
                made = map_ahead(partial(_make, layers, job.source.name), matted, workers)
                count = reader.count or None
                with closing(map_ahead(partial(_write, writers), made, workers=1)) as done:
                    for _ in tqdm(done, reader.name, count, unit="frame", disable=quiet):
                        pass
            outcome = Outcome(job)
        except Exception as error:
            outcome = Outcome.failed(job, error)
        yield replace(outcome, notes=tuple(dict.fromkeys(notes)))  # several outputs lose the same


@contextmanager
def _open_writers(job: Job, reader: VideoReader, tell: Tell) -> Iterator[dict[str, VideoWriter]]:
    """What writes each of the outputs, by kind."""
    with ExitStack() as stack:
        open_file = partial(open_writer, rate=reader.rate, look=reader.look, tell=tell)
        yield {
            kind: stack.enter_context(
                open_file(path, reader.size, CHANNELS[kind], sound=job.source)
            )
            for kind, path in job.outputs.items()
        }


def _read_ahead(reader: Iterable[Frame]) -> Generator[Frame, None, None]:
    """The same frames, read in a thread of their own, two ahead."""
    source = iter(reader)
    for frame in map_ahead(lambda _: next(source, None), itertools.count(), workers=1):
        if frame is None:
            return
        yield frame


def _matte_frames(
    frames: Iterable[Frame], predictor: Predictor, batch_size: int, smooth: bool, bits: int | None
) -> Iterator[tuple[Frame, Prediction]]:
    """Every frame with its matte; the alpha smoothed, in float32, or as `bits` says."""
    steady = TemporalFilter() if smooth else None
    source = iter(frames)
    while batch := list(itertools.islice(source, batch_size)):
        mattes = predictor([frame.image for frame in batch], bits=None if smooth else bits)
        for frame, matte in zip(batch, mattes, strict=True):
            if steady:
                matte = replace(matte, alpha=steady(frame.image, matte.alpha))
            yield frame, matte


def _make(
    layers: LayerMaker, name: str, matted: tuple[Frame, Prediction]
) -> tuple[Frame, dict[str, np.ndarray]]:
    frame, matte = matted
    return frame, layers(frame.image, matte, name)


def _write(writers: Mapping[str, VideoWriter], made: tuple[Frame, dict[str, np.ndarray]]) -> None:
    frame, layers = made
    for kind, writer in writers.items():
        writer.write(layers[kind], frame.time)
