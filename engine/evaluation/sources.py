"""Where the alphas that are measured come from: a network, or another program's files."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import torch

from data.folders import Sample
from data.predictions import ENDINGS, read_prediction
from engine.evaluation.protocol import predict_at
from engine.evaluation.provenance import device_name, file_hash
from models import MattingModel, load_model, prepare
from models.inference import resolve_precision
from utils.errors import InputError, listing
from utils.files import AnyPath
from utils.images import list_images, tell_passed_over
from utils.images.area import parse_area
from utils.metrics import size_text


@dataclass(frozen=True)
class Answer:
    """A system's answer for one photo."""

    alpha: np.ndarray  # (H, W) what is measured, uint8, uint16 or float in [0, 1]
    coarse_alpha: np.ndarray | None = None  # (H, W) float in [0, 1], the coarse network's
    network_size: tuple[int, int] | None = None  # (height, width) at which it saw the photo


Source = Callable[[Sample], Answer]


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

    `num_threads` is for a CPU. `max_area` is HD, 4K, none or pixels; None is `paper_area` in the
    paper's protocol, and in the other what the checkpoint asks for.

    Raises:
        MissingError, InputError: as load_model, prepare and parse_area.
    """
    # The bits depend on the number of threads, of which torchrun sets its own, and on a GPU on the
    # algorithm that cuDNN picks.
    if device.type == "cpu":
        torch.set_num_threads(num_threads)
    torch.backends.cudnn.deterministic = True
    model = prepare(load_model(checkpoint, device=device), precision)
    area = paper_area if protocol == "paper" else model.max_area
    area = parse_area(max_area) if max_area else area
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
    return settings, partial(_ask_network, model, protocol, area, with_coarse)


def _ask_network(
    model: MattingModel, protocol: str, max_area: int | None, with_coarse: bool, sample: Sample
) -> Answer:
    found = predict_at(model, sample.image, protocol=protocol, max_area=max_area)
    return Answer(found.alpha, found.coarse_alpha if with_coarse else None, found.network_size)


def open_folder(folder: AnyPath) -> tuple[dict[str, Any], Source]:
    """What decides the numbers of alphas that another program wrote, and their source.

    Raises:
        MissingError, InputError: the folder is absent, empty, or two files share a stem.
    """
    paths = list_images(folder, ENDINGS)
    hashes = "".join(f"{stem} {file_hash(path)}\n" for stem, path in paths.items())
    digest = sha256(hashes.encode(errors="surrogateescape")).hexdigest()
    settings = {"predictions": str(folder), "predictions_sha256": digest}
    return settings, partial(_read_answer, folder, paths)


def _read_answer(folder: AnyPath, paths: Mapping[str, AnyPath], sample: Sample) -> Answer:
    path = paths.get(sample.name)
    if path is None:
        raise InputError(f"{folder} holds no prediction {sample.name}.png or the like")
    alpha = read_prediction(path)
    if alpha.shape != sample.image.shape[:2]:
        raise InputError(
            f"{path} is {size_text(alpha)} but the photo is {size_text(sample.image)}; resize it"
        )
    return Answer(alpha)


def tell_unused(folder: AnyPath, title: str, names: Iterable[str]) -> None:
    """Print what a folder of predictions holds beside the alphas of a test set's photos."""
    tell_passed_over(folder, ENDINGS)
    if others := sorted(list_images(folder, ENDINGS).keys() - set(names)):
        what = f"alphas of no photo of {title}, {listing(others, ', ', 3)}"
        print(f"passed over in {folder}: {len(others)} {what}")
