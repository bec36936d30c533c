"""Videos to files: all stages overlap, and memory does not grow with the length."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from tqdm import tqdm

from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker
from engine.prediction.photos import Outcome, Predictor, map_ahead
from utils.prediction import Prediction
from utils.video.frame import Frame, Reader, Tell
from utils.video.read import open_reader
from utils.video.smoothing import TemporalFilter
from utils.video.write import open_writer

T = TypeVar("T")
CHANNELS = {"alpha": 1, "trimap": 1, "foreground": 3, "composite": 3, "cutout": 4}


def predict_videos(
    jobs: Sequence[Job],
    predictor: Predictor,
    layers: LayerMaker,
    *,
    quiet: bool = False,
    **options: Any,
) -> Iterator[Outcome]:
    """Matte one video after the other; yields an outcome for each.

    Args:
        jobs, predictor, layers, options: as `predict_video` has them.
        quiet: without a progress bar.
    """
    layers = replace(layers, bits=8)  # video codecs take no more
    for job in jobs:
        notes: list[str] = []
        options["tell"] = notes.append
        try:
            with (
                open_reader(job.source, tell=notes.append) as reader,
                closing(predict_video(job, reader, predictor, layers, **options)) as done,
            ):
                for _ in tqdm(done, reader.name, reader.count or None, unit="frame", disable=quiet):
                    pass
            outcome = Outcome(job)
        except Exception as error:
            outcome = Outcome.failed(job, error)
        yield replace(outcome, notes=tuple(dict.fromkeys(notes)))  # several outputs lose the same


def predict_video(
    job: Job,
    reader: Reader,
    predictor: Predictor,
    layers: LayerMaker,
    *,
    batch_size: int = 1,
    workers: int = 2,
    smooth: bool = False,
    tell: Tell = warnings.warn,
) -> Generator[None, None, None]:
    """Matte a video frame by frame and write its layers; yields after each frame written.

    The files are there once the last frame was taken; until then, and if anything fails, not.

    Args:
        job: where to write.
        reader: of the job's source.
        predictor: runs in the caller's thread.
        layers: makes what is written.
        batch_size: frames that the network sees at once.
        workers: threads that make layers; one more decodes, another one encodes.
        smooth: filter the alphas over time.
        tell: hears, in a sentence each, what could not be kept.

    Raises:
        InputError: the video changes its size, or an output can't be written.
    """
    sound = job.source if job.source.is_file() else None
    with ExitStack() as stack:
        open_file = partial(open_writer, rate=reader.rate, sound=sound, look=reader.look, tell=tell)
        writers = {
            kind: stack.enter_context(open_file(path, reader.size, CHANNELS[kind]))
            for kind, path in job.outputs.items()
        }

        def make(item: tuple[Frame, Prediction]) -> tuple[Frame, dict[str, np.ndarray]]:
            frame, matte = item
            return frame, layers(frame.image, matte, job.source.name)

        def write(item: tuple[Frame, dict[str, np.ndarray]]) -> None:
            frame, made = item
            for kind, writer in writers.items():
                writer.write(made[kind], frame.time)

        # Closed before the writers, and before the caller closes the reader.
        frames = stack.enter_context(closing(_read_ahead(reader)))
        matted = _matte_frames(frames, predictor, batch_size, smooth, layers.integer_bits)
        yield from map_ahead(write, map_ahead(make, matted, workers), 1)


def _matte_frames(
    frames: Iterable[Frame], predictor: Predictor, batch_size: int, smooth: bool, bits: int | None
) -> Iterator[tuple[Frame, Prediction]]:
    """Yield every frame with its matte; the alpha smoothed, in float32, or as `bits` says."""
    steady = TemporalFilter() if smooth else None
    source = iter(frames)
    while batch := list(itertools.islice(source, batch_size)):
        mattes = predictor([frame.image for frame in batch], bits=None if smooth else bits)
        for frame, matte in zip(batch, mattes, strict=True):
            if steady:
                matte = replace(matte, alpha=steady(frame.image, matte.alpha))
            yield frame, matte


def _read_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, made in a thread of their own, two ahead."""
    source = iter(items)
    for item in map_ahead(lambda _: next(source, None), itertools.count(), workers=1):
        if item is None:
            return
        yield item
