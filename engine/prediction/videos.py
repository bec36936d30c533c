"""Videos and cameras to files: all stages overlap, and memory does not grow with the length."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from threading import Event
from typing import TypeVar

import cv2
import numpy as np
from tqdm import tqdm

from engine.prediction.jobs import CAMERA, Job
from engine.prediction.outputs import LayerMaker
from engine.prediction.photos import Outcome, Predictor, map_ahead
from utils.errors import InputError
from utils.prediction import Prediction
from utils.video.files import open_reader, open_writer
from utils.video.frame import Frame, Reader, Tell
from utils.video.smoothing import TemporalFilter

T = TypeVar("T")
Layers = dict[str, np.ndarray]
CHANNELS = {"alpha": 1, "trimap": 1, "foreground": 3, "composite": 3, "cutout": 4}


def predict_videos(
    jobs: Sequence[Job],
    predictor: Predictor,
    layers: LayerMaker,
    *,
    batch_size: int = 1,
    workers: int = 2,
    smooth: bool = False,
    show: bool = False,
    quiet: bool = False,
) -> Iterator[Outcome]:
    """Matte one video or camera after the other; yields an outcome for each.

    Args:
        jobs, predictor, layers, batch_size, workers, smooth: as `predict_video` has them.
        show: in a window, too; q ends the video there.
        quiet: without a progress bar.

    Raises:
        InputError: `show`, but there is no display.
    """
    if show and not has_display():
        raise InputError("--show finds no display here; leave it out")
    matte = partial(
        predict_video,
        predictor=predictor,
        layers=replace(layers, bits=8),  # video codecs take no more
        batch_size=batch_size,
        workers=workers,
        smooth=smooth,
    )
    for job in jobs:
        notes: list[str] = []
        camera = CAMERA.fullmatch(str(job.source))
        try:
            with (
                open_reader(int(camera[1]) if camera else job.source, tell=notes.append) as reader,
                stop_at_ctrl_c() if camera else nullcontext(Event()) as stop,
                closing(matte(job, reader, stop=stop, tell=notes.append)) as frames,
            ):
                count = reader.count or None
                for made in tqdm(frames, reader.name, count, unit="frame", disable=quiet):
                    if show and show_frame(reader.name, made) == ord("q"):
                        stop.set()
            outcome = Outcome(job)
        except Exception as error:
            outcome = Outcome.failed(job, error)
        yield replace(outcome, notes=tuple(dict.fromkeys(notes)))  # several outputs lose the same


@contextmanager
def stop_at_ctrl_c() -> Iterator[Event]:
    """Hand out an event that Ctrl-C sets, so that what a camera gave so far is finished."""
    stop = Event()
    before = signal.signal(signal.SIGINT, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def has_display() -> bool:
    """Whether windows can be shown. OpenCV's own answer, where they can't, is to abort."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return not sys.platform.startswith("linux") or any(map(os.environ.get, names))


def show_frame(title: str, layers: Layers) -> int:
    """Show the composite, or the first layer there is, in a window; returns the key pressed.

    Raises:
        InputError: this OpenCV was built without windows.
    """
    image = layers["composite"] if "composite" in layers else next(iter(layers.values()))
    try:
        cv2.imshow(title, image if image.ndim == 2 else image[..., 2::-1])
        return cv2.waitKey(1) & 0xFF
    except cv2.error as error:
        raise InputError("--show needs an OpenCV with windows, not opencv-*-headless") from error


def predict_video(
    job: Job,
    reader: Reader,
    predictor: Predictor,
    layers: LayerMaker,
    *,
    batch_size: int = 1,
    workers: int = 2,
    smooth: bool = False,
    stop: Event | None = None,
    tell: Tell = warnings.warn,
) -> Generator[Layers, None, None]:
    """Matte a video frame by frame, write its layers, and hand out those of each frame written.

    The files are there once the last frame was taken; until then, and if anything fails, not.

    Args:
        job: where to write; a camera may have no outputs.
        reader: of the job's source.
        predictor: runs in the caller's thread.
        layers: makes what is written.
        batch_size: frames that the network sees at once.
        workers: threads that make layers; one more decodes, another one encodes.
        smooth: filter the alphas over time.
        stop: once set, no further frame is read and the files are finished with those so far.
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

        def make(item: tuple[Frame, Prediction]) -> tuple[Frame, Layers]:
            frame, matte = item
            return frame, layers(frame.image, matte, job.source.name)

        def write(item: tuple[Frame, Layers]) -> Layers:
            frame, made = item
            for kind, writer in writers.items():
                writer.write(made[kind], frame.time)
            return made

        wanted = itertools.takewhile(lambda _: not (stop and stop.is_set()), reader)
        # Closed before the writers, and before the caller closes the reader.
        frames = stack.enter_context(closing(read_ahead(wanted)))
        matted = matte_frames(frames, predictor, batch_size, smooth, layers.integer_bits)
        yield from map_ahead(write, map_ahead(make, matted, workers), 1)


def matte_frames(
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


def read_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The same items, made in a thread of their own, two ahead."""
    source = iter(items)
    for item in map_ahead(lambda _: next(source, None), itertools.count(), workers=1):
        if item is None:
            return
        yield item
