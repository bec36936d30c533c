"""From a data set and a source of alphas to metric rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from engine.protocol import network_size, predict_at
from models.matting import MattingModel
from P3MData.data_loader import P3MDataset
from PhotoMatteData.data_loader import PhotoMatteDataset
from PPMData.data_loader import PPMDataset
from utils.errors import InputError
from utils.images import resize_antialiased, write_image
from utils.metrics import measure, size_text, to_unit
from utils.predictions import read_prediction
from utils.results import Row
from utils.sample import Sample
from utils.thumbnails import make_thumbnails

DATASETS = ("P3M", "PPM", "PhotoMatte")


class TestSet(Protocol):
    """What every validation data set is: samples with alpha and trimap, in the order of `names`."""

    @property
    def names(self) -> Sequence[str]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def open_test_set(dataset: str, data_root: Path, *, privacy_data: bool) -> tuple[str, TestSet]:
    """A test set and the name that its results bear.

    Args:
        dataset: one of DATASETS.
        data_root: the folder that holds P3M-10K, PPM-100 and PhotoMatte85.
        privacy_data: of P3M, the portraits with blurred faces (P3M-500-P) or without (P3M-500-NP).

    Raises:
        MissingError, InputError: what the data set says of its folders.
    """
    if dataset == "P3M":
        split = "P3M-500-P" if privacy_data else "P3M-500-NP"
        return split, P3MDataset(data_root, split)
    if dataset == "PPM":
        return "PPM-100", PPMDataset(data_root)
    return "PhotoMatte85", PhotoMatteDataset(data_root)


@dataclass(frozen=True)
class Answer:
    """A system's answer for one photo.

    Attributes:
        alpha: (H, W) what is measured, uint8, uint16 or float in [0, 1].
        coarse_alpha: (H, W) float in [0, 1], what the coarse network alone says, or None.
        network_size: (height, width) at which the network saw the photo, or None.
    """

    alpha: np.ndarray
    coarse_alpha: np.ndarray | None = None
    network_size: tuple[int, int] | None = None


Source = Callable[[Sample], Answer]


@dataclass(frozen=True)
class NetworkSource:
    """Answers from a network; see predict_at for the settings."""

    model: MattingModel
    protocol: str
    max_area: int | None
    precision: str
    with_coarse: bool = False

    def __call__(self, sample: Sample) -> Answer:
        prediction = predict_at(
            self.model,
            sample.image,
            protocol=self.protocol,
            max_area=self.max_area,
            precision=self.precision,
        )
        return Answer(
            prediction.alpha,
            prediction.coarse_alpha if self.with_coarse else None,
            network_size(sample.image.shape[:2], self.protocol, self.max_area),
        )


@dataclass(frozen=True)
class FolderSource:
    """Answers that another program wrote.

    Attributes:
        folder: that holds them; for messages.
        paths: stem -> file, from list_predictions.
        resize: whether an alpha of another size is brought to the photo's; else it is refused.
    """

    folder: Path
    paths: Mapping[str, Path]
    resize: bool = False

    def __call__(self, sample: Sample) -> Answer:
        path = self.paths.get(sample.name)
        if path is None:
            raise InputError(f"{self.folder} holds no prediction {sample.name}.png or the like")
        alpha, size = read_prediction(path), sample.image.shape[:2]
        if alpha.shape == size:
            return Answer(alpha)
        if not self.resize:
            raise InputError(
                f"{path} is {size_text(alpha)} but the photo is {size_text(sample.image)}; "
                "--resize_predictions resizes it"
            )
        return Answer(resize_antialiased(to_unit(alpha, str(path)), size).clip(0, 1))


@dataclass(frozen=True)
class Scorer:
    """Measures one answer; what the worker processes run.

    Attributes:
        image_dir: where the alphas are saved as 8-bit PNGs, or None.
        thumbnails: whether the rows carry pictures for the report.
    """

    image_dir: Path | None = None
    thumbnails: bool = False

    def __call__(self, sample: Sample, answer: Answer) -> Row:
        assert sample.alpha is not None and sample.trimap is not None
        extra: dict[str, Any] = {
            "size": size_text(sample.image),
            "truth_sha256": sha256(sample.alpha.tobytes() + sample.trimap.tobytes()).hexdigest(),
        }
        try:
            scores = measure(answer.alpha, sample.alpha, sample.trimap)
            if answer.network_size is not None:
                extra["network_size"] = "x".join(map(str, answer.network_size))
            if answer.coarse_alpha is not None:
                extra["coarse"] = measure(answer.coarse_alpha, sample.alpha, sample.trimap)
            if self.thumbnails:
                extra["thumbnails"] = make_thumbnails(
                    sample.image, sample.alpha, to_8_bits(answer.alpha)
                )
            if self.image_dir is not None:
                write_image(self.image_dir / f"{sample.name}.png", to_8_bits(answer.alpha))
        except (InputError, OSError) as error:
            return Row(sample.name, error=str(error))
        return Row(sample.name, scores, extra=extra)


def to_8_bits(alpha: np.ndarray) -> np.ndarray:
    """An alpha as it is written to a file: (H, W) uint8."""
    if alpha.dtype == np.uint8:
        return alpha
    scale = 1 / 257 if alpha.dtype == np.uint16 else 255
    return np.rint(alpha * scale).astype(np.uint8)


def evaluate(
    test_set: TestSet,
    indices: Iterable[int],
    source: Source,
    scorer: Scorer,
    pool: Executor,
    max_waiting: int,
) -> Iterator[Row]:
    """Measure some images of a test set, in the order of `indices`.

    This process reads the images and asks `source`; meanwhile the pool measures. An image that
    can't be read, matted or measured gives a row with the reason.

    Args:
        max_waiting: how many answers may wait for the pool, which bounds the memory.
    """
    waiting: deque[Future[Row] | Row] = deque()
    for index in indices:
        name = test_set.names[index]
        try:
            sample = test_set[index]
            waiting.append(pool.submit(scorer, sample, source(sample)))
        except (InputError, OSError) as error:
            waiting.append(Row(name, error=str(error)))
        except torch.OutOfMemoryError:
            waiting.append(Row(name, error="too large for the GPU's memory; lower --max_area"))
        while len(waiting) > max_waiting:
            yield _row(waiting.popleft())
    yield from map(_row, waiting)


def _row(result: Future[Row] | Row) -> Row:
    return result if isinstance(result, Row) else result.result()
