"""Where the alphas that are measured come from: a network, or another program's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from data.predictions import ENDINGS, list_predictions, read_prediction
from data.sample import Sample
from engine.evaluation.protocol import choose_area, predict_at
from engine.evaluation.provenance import device_name, file_hash
from models import MattingModel, load_model, prepare
from models.inference import resolve_precision
from utils.errors import InputError, listing
from utils.files import AnyPath
from utils.images import resize_antialiased, tell_passed_over
from utils.metrics import size_text, to_unit


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
    with_coarse: bool = False

    def __call__(self, sample: Sample) -> Answer:
        prediction = predict_at(
            self.model, sample.image, protocol=self.protocol, max_area=self.max_area
        )
        return Answer(
            prediction.alpha,
            prediction.coarse_alpha if self.with_coarse else None,
            prediction.network_size,
        )


@dataclass(frozen=True)
class FolderSource:
    """Answers that another program wrote.

    Attributes:
        folder: that holds them; for messages.
        paths: stem -> file, from list_predictions.
        resize: whether an alpha of another size is brought to the photo's; else it is refused.
    """

    folder: AnyPath
    paths: Mapping[str, AnyPath]
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


def open_network(
    checkpoint: AnyPath,
    device: torch.device,
    *,
    num_threads: int,
    protocol: str,
    max_area: str | None,
    paper_area: int | None,
    precision: str,
    with_coarse: bool,
) -> tuple[dict[str, Any], Source]:
    """What decides a network's numbers, and the network as a source of answers.

    Args:
        num_threads: of the network on a CPU.
        max_area, paper_area: as for choose_area.
        precision: as for models.prepare; the others are as for NetworkSource.

    Raises:
        MissingError, InputError: as load_model and choose_area.
    """
    # The bits depend on the number of threads, of which torchrun sets its own, and on a GPU on the
    # algorithm that cuDNN picks.
    if device.type == "cpu":
        torch.set_num_threads(num_threads)
    torch.backends.cudnn.deterministic = True
    model = prepare(load_model(checkpoint, device=device), precision)
    area = choose_area(max_area, protocol, paper_area, model.max_area)
    settings = {
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": file_hash(checkpoint),
        "protocol": protocol,
        "max_area": area,
        "precision": resolve_precision(precision, device),
        "device": device_name(device),
        "num_threads": num_threads if device.type == "cpu" else None,
        "with_coarse": with_coarse,
    }
    return settings, NetworkSource(model, protocol, area, with_coarse)


def open_folder(folder: AnyPath, *, resize: bool) -> tuple[dict[str, Any], Source]:
    """What decides the numbers of alphas that another program wrote, and their source.

    Raises:
        MissingError, InputError: the folder is absent, empty, or two files share a stem.
    """
    paths = list_predictions(folder)
    digest = sha256()
    for stem, path in paths.items():
        digest.update(f"{stem} {file_hash(path)}\n".encode())
    settings = {
        "predictions": str(folder),
        "predictions_sha256": digest.hexdigest(),
        "resize_predictions": resize,
    }
    return settings, FolderSource(folder, paths, resize)


def tell_unused(folder: AnyPath, title: str, names: Iterable[str]) -> None:
    """Print what a folder of predictions holds beside the alphas of a test set's photos."""
    tell_passed_over(folder, ENDINGS)
    if others := sorted(list_predictions(folder).keys() - set(names)):
        what = f"alphas of no photo of {title}, {listing(others, ', ', 3)}"
        print(f"passed over in {folder}: {len(others)} {what}")
