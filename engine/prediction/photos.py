"""Photos to files: decoding, network and encoding overlap, and one bad file doesn't stop the rest.

Knows neither torch nor ONNX: the network is whatever `Predictor` it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from tqdm import tqdm

from engine.prediction.jobs import Job
from engine.prediction.outputs import LayerMaker
from utils.errors import InputError
from utils.images import read_photo, write_image
from utils.images.metadata import read_metadata
from utils.prediction import Prediction

PADDING = 32  # pixels; photos of one size once padded to this can be a batch of any network

T = TypeVar("T")
R = TypeVar("R")


class Predictor(Protocol):
    """A network that is ready to run. Not called by two threads at once."""

    def __call__(
        self, photos: list[np.ndarray], *, bits: int | None = None
    ) -> Sequence[Prediction]:
        """Matte photos, each (H, W, 3) uint8 RGB; alphas of 8 or 16 bits, or None: float32."""


@dataclass(frozen=True)
class Outcome:
    """A job on its way through the stages; at the end, what became of it.

    Attributes:
        notes: what of the source could not be kept, a sentence each.
    """

    job: Job
    photo: np.ndarray | None = None
    matte: Prediction | None = None
    error: Exception | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def failed(cls, job: Job, error: Exception) -> Outcome:
        """What became of a job that raised: whatever it is, one bad file never ends the run."""
        if not isinstance(error, (InputError, OSError)):
            error = InputError(f"{job.source} can't be matted, {type(error).__name__}: {error}")
        return cls(job, error=error)


def predict_photos(
    jobs: Sequence[Job],
    predictor: Predictor,
    layers: LayerMaker,
    *,
    batch_size: int = 1,
    workers: int = 2,
    quiet: bool = False,
) -> Iterator[Outcome]:
    """Matte every photo and write its layers; yields an outcome for each, in any order.

    At most a few photos a worker are in memory, however many the jobs are.

    Args:
        jobs: what to read and where to write.
        predictor: runs in the caller's thread.
        layers: makes what is written.
        batch_size: photos of equal padded size that the network sees at once.
        workers: threads that decode, and as many that encode.
        quiet: without a progress bar.
    """

    def decode(job: Job) -> Outcome:
        try:
            return Outcome(job, photo=read_photo(job.source))
        except Exception as error:
            return Outcome.failed(job, error)

    def matted() -> Iterator[Outcome]:
        for batch in batches_by_size(map_ahead(decode, jobs, workers), batch_size):
            photos = [outcome.photo for outcome in batch if outcome.photo is not None]
            try:
                mattes = predictor(photos, bits=layers.integer_bits) if photos else [None]
            except InputError as error:  # the photos are too large for the device
                yield from (Outcome(outcome.job, error=error) for outcome in batch)
            else:
                for outcome, matte in zip(batch, mattes, strict=True):
                    yield replace(outcome, matte=matte)

    done = map_ahead(partial(_write_layers, layers), matted(), workers)
    yield from tqdm(done, "photos", len(jobs), unit="photo", disable=quiet or not jobs)


def _write_layers(layers: LayerMaker, outcome: Outcome) -> Outcome:
    job = outcome.job
    if outcome.photo is None or outcome.matte is None:
        return outcome
    try:
        metadata = read_metadata(job.source)
        made = layers(outcome.photo, outcome.matte, job.source.name, metadata.icc)
        for kind, path in job.outputs.items():
            write_image(path, made[kind], metadata=metadata)
    except Exception as error:
        return Outcome.failed(job, error)
    return Outcome(job)


def map_ahead(
    function: Callable[[T], R], items: Iterable[T], workers: int
) -> Generator[R, None, None]:
    """`map` in threads, in order; at most twice as many items as workers are under way."""
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def batches_by_size(outcomes: Iterable[Outcome], batch_size: int) -> Iterator[list[Outcome]]:
    """Gather photos of equal padded size, up to `batch_size`; a failed one passes alone.

    Never holds back more than four batches: of many different sizes the largest group goes first.
    """
    groups: dict[tuple[int, ...], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.photo is None:
            yield [outcome]
            continue
        size = tuple(-(-side // PADDING) for side in outcome.photo.shape[:2])
        groups.setdefault(size, []).append(outcome)
        if sum(map(len, groups.values())) >= 4 * batch_size:
            size = max(groups, key=lambda size: len(groups[size]))
        elif len(groups[size]) < batch_size:
            continue
        yield groups.pop(size)
    yield from groups.values()
