"""What the network costs: parameters, multiply-adds, time and memory."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle

from engine.profiling.measuring import Timing, measure_peak, measure_time, write_trace
from models import MattingConfig, MattingModel, build_model, prepare
from models.inference import predict
from models.refinement import REGION
from utils.files import AnyPath
from utils.images import pad_to_multiple, read_photo, write_image

MAX_SPREAD = 1.5  # of times that can be relied on: the 90th percentile over the 10th
SURE = 20.0  # logit of what a forced coarse output is certain of


@dataclass(frozen=True)
class Part:
    """A part of the network, and what it costs."""

    name: str
    parameters: int
    multiply_adds: float  # of matrix products and convolutions
    per: str  # what these are spent on, "photo" or "region"


def count_parts(config: MattingConfig, size: tuple[int, int]) -> list[Part]:
    """Parameters and multiply-adds of each part, by torch.utils.flop_counter.

    Half its figure: that counter gives two operations for a multiply-add of a matrix product or a
    convolution, and none for anything else. Counted before inference folds batch norms away, for a
    photo of `size` (height, width).
    """
    model = build_model(config).eval()
    refinement = model.refinement_network
    parts: list[Part] = []
    if refinement is not None:
        side = 32
        cells = torch.ones(1, side, side).nonzero()
        image, alpha = torch.rand(1, 3, side * REGION, side * REGION), torch.rand(1, 1, side, side)
        encoder, features = _multiply_adds(lambda: refinement.encode(image, alpha, cells))
        decoder, _ = _multiply_adds(lambda: refinement.decode(features))
        whole, _ = _multiply_adds(lambda: refinement(image, alpha, cells))
        for name, modules, count in (
            ("region encoder", [refinement.encoder], encoder),
            ("cross region attention", [refinement.attention], whole - encoder - decoder),
            ("region decoder", [refinement.decoder, refinement.head], decoder),
        ):
            parts.append(Part(name, _parameters(*modules), count / len(cells), "region"))
    coarse = model.coarse_network.to("meta")  # shapes only: nothing is computed
    photo = torch.empty(1, 3, *(side + -side % model.stride for side in size), device="meta")
    backbone, _ = _multiply_adds(lambda: coarse.backbone(photo))
    whole, _ = _multiply_adds(lambda: coarse(photo))
    own = _parameters(coarse.backbone)
    return [
        Part("backbone", own, backbone, "photo"),
        Part("decoder and heads", _parameters(coarse) - own, whole - backbone, "photo"),
        *parts,
    ]


def _multiply_adds(run: Callable[[], Any]) -> tuple[float, Any]:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        result = run()
    return counter.get_total_flops() / 2, result


def _parameters(*modules: torch.nn.Module | None) -> int:
    return sum(tensor.numel() for module in modules if module for tensor in module.parameters())


def portrait_maps(shape: tuple[int, int], unknown: float) -> tuple[np.ndarray, np.ndarray]:
    """A person's head and shoulders and the band along their outline.

    `shape` is (h, w) in cells, of which the band has `unknown` percent, exactly but for rounding.
    Returns (h, w) bool inside the person and (h, w) bool in the band.
    """
    h, w = shape
    inside = np.zeros(shape, np.uint8)
    cv2.ellipse(inside, (w // 2, int(0.35 * h)), (int(0.15 * w), int(0.22 * h)), 0, 0, 360, 1, -1)
    cv2.ellipse(inside, (w // 2, h), (int(0.35 * w), int(0.45 * h)), 0, 0, 360, 1, -1)
    padded = np.pad(inside, 1, mode="edge")  # so that a map has both kinds of cells next to it
    depth = [cv2.distanceTransform(side, cv2.DIST_L2, 5) for side in (padded, 1 - padded)]
    distance = np.maximum(*depth)[1:-1, 1:-1]
    band = np.zeros(h * w, bool)
    band[np.argsort(distance, axis=None, kind="stable")[: round(unknown / 100 * h * w)]] = True
    return inside.astype(bool), band.reshape(shape)


def forced_cells(network: MattingModel, inside: np.ndarray, unknown: np.ndarray) -> RemovableHandle:
    """A context in which what the coarse network says is overwritten, after it has been computed.

    Args:
        network: the copy that inference runs (models.prepare).
        inside, unknown: (h, w) bool, where the coarse alpha becomes 1, elsewhere 0; what to refine.
    """
    weight = next(network.parameters())
    person = torch.from_numpy(inside).to(weight.device)
    classes = [~person, torch.from_numpy(unknown).to(weight.device) * 2, person]
    trimap = torch.stack([plane.to(weight.dtype) for plane in classes])[None]  # (1, 3, h, w)
    alpha = ((person.float() * 2 - 1) * SURE)[None, None]  # float32, as the network gives it

    def overwrite(_module: Any, _inputs: Any, output: Any) -> Any:
        return output._replace(
            alpha_logits=[*output.alpha_logits[:-1], alpha],
            trimap_logits=[*output.trimap_logits[:-1], trimap],
        )

    return network.coarse_network.register_forward_hook(overwrite)


def measure_case(
    model: MattingModel,
    size: tuple[int, int],
    unknown_percent: float,
    precision: str,
    *,
    parts: list[Part],
    seconds: float,
    trace: AnyPath | None = None,
) -> dict[str, Any]:
    """A row of profile.csv: time and memory of one case, on the model's device.

    "network" is coarse network, selection, neighbour search, refinement and paste; "end to end"
    goes from a JPEG file to a PNG file. Memory is above the weights, with the photo; None where the
    system doesn't tell.

    Args:
        size: (height, width) of the photo.
        parts: from count_parts, for the same size.
        seconds: how long each of the two timings goes on, at least three runs.
        trace: a file to write a Chrome trace of one run to, or None.
    """
    photo = draw_photo(size)
    fitted = torch.from_numpy(pad_to_multiple(photo, model.stride))
    shape = (fitted.shape[0] // REGION, fitted.shape[1] // REGION)
    inside, unknown = portrait_maps(shape, unknown_percent)
    unknown &= model.refinement_network is not None
    regions = int(unknown.sum())
    work = sum(part.multiply_adds * (regions if part.per == "region" else 1) for part in parts)
    network = prepare(model, precision)  # anew: with the graphs of this size alone
    with forced_cells(network, inside, unknown), torch.inference_mode():
        measured = _measure(network, photo, fitted, seconds, trace)
    return {
        "height": size[0],
        "width": size[1],
        "unknown_percent": f"{unknown_percent:g}",
        "precision": precision,
        "regions": regions,
        "multiply_adds": round(work),
        **measured,
    }


def _measure(
    network: MattingModel,
    photo: np.ndarray,
    fitted: Tensor,
    seconds: float,
    trace: AnyPath | None,
) -> dict[str, Any]:
    """The columns of time and memory, for a photo and what becomes of it for the network."""
    device = next(network.parameters()).device

    def to_image() -> Tensor:
        image = fitted.to(device).permute(2, 0, 1)[None]  # (1, 3, H, W), channels last
        return image.to(torch.float32).div_(255)

    def end_to_end() -> None:
        write_image(target, predict(network, read_photo(source), bits=8).alpha)

    with TemporaryDirectory() as folder:
        source, target = Path(folder, "photo.jpg"), Path(folder, "alpha.png")
        write_image(source, photo)
        image = to_image()
        # Kernels are made, and CUDA's graphs recorded, in the first runs.
        for _ in range(3 if device.type == "cuda" else 1):
            network(image)
        if trace:
            write_trace(lambda: network(image), device, trace)
        peak = measure_peak(lambda: network(to_image()), device)
        end_to_end()
        for _ in range(2):  # times that are in doubt once more
            timing = measure_time(lambda: network(image), device, seconds)
            whole = measure_time(end_to_end, device, seconds)
            if not (note := _doubt(timing, whole)):
                break
    memory = None if peak is None else round(peak / 1e6, 1)
    columns = _columns("network", timing) | _columns("end_to_end", whole)
    return columns | {"peak_memory_mb": memory, "note": note}


def _doubt(timing: Timing, whole: Timing) -> str:
    """Why the two times can't be trusted; empty if they can."""
    spread = max(timing.high / timing.low, whole.high / whole.low)
    reasons = [f"unsteady: spread {spread:.1f}"] * (spread > MAX_SPREAD)
    reasons += ["file to file faster than the network"] * (whole.median < timing.median)
    return ", ".join(reasons)


def _columns(name: str, timing: Timing) -> dict[str, float]:
    times = {"p10": timing.low, "median": timing.median, "p90": timing.high}
    found = {f"{name}_ms_{key}": round(1000 * seconds, 3) for key, seconds in times.items()}
    return {**found, f"{name}_runs": timing.runs}


def draw_photo(size: tuple[int, int]) -> np.ndarray:
    """(height, width, 3) uint8: soft colours and fine grain, about as hard to code as a photo."""
    random = np.random.default_rng(0)
    soft = cv2.resize(random.random((9, 9, 3)).astype(np.float32), size[::-1])
    grain = random.normal(0, 0.02, (*size, 1)).astype(np.float32)
    return (np.clip(soft + grain, 0, 1) * 255).astype(np.uint8)
