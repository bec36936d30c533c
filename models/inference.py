"""From a photo to its alpha: fit, run, undo. The one path of evaluate.py, predict.py and README."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch

from models.folding import fold_for_inference
from models.graphs import Graphs, Replayed
from models.matting import MattingModel
from utils.errors import InputError
from utils.prediction import Fit, Prediction, fit_photo

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
INTEGERS = {8: torch.uint8, 16: torch.uint16}  # by bits
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class NotFiniteError(InputError):
    """The network's answer is NaN or infinite."""


def prepare(
    model: MattingModel, precision: str = "auto", *, cuda_graphs: bool = True
) -> MattingModel:
    """A copy of a network for predicting many photos.

    The functions below make one of the model at every call, so that they answer with the weights
    of that moment. Given a prepared copy they save that: 0.05 s on two cores, where the paper's
    coarse network takes 0.24 s for an HD photo.

    Args:
        model: stays as it is, whatever mode it is in; later changes of it don't reach the copy. A
            prepared one is returned itself.
        precision: as for predict_alpha; for a prepared one "auto" stands for what it has.
        cuda_graphs: on a GPU, replay kernels instead of launching each one; see models/graphs.py.

    Raises:
        InputError: precision is none of these, or a prepared network has another one.
    """
    weight = next(model.parameters())
    dtype = DTYPES[resolve_precision(precision, weight.device)]
    if not model.folded:
        network = fold_for_inference(model, dtype)
        return replay(network, Graphs()) if cuda_graphs and weight.is_cuda else network
    if precision != "auto" and dtype != weight.dtype:
        raise InputError(
            f"this network was prepared in {weight.dtype}; for precision={precision!r} prepare"
            " the model itself once more"
        )
    return model


def replay(network: MattingModel, graphs: Graphs) -> MattingModel:
    """The same network; its coarse part and its refinement are called through `graphs`."""
    network.add_module("coarse_network", Replayed(network.coarse_network, graphs))
    if network.refinement_network is not None:
        network.refinement_network.graphs = graphs
    return network


def predict_alpha(
    model: MattingModel, photo: np.ndarray, *, fit: str = "pad", precision: str = "auto"
) -> np.ndarray:
    """The alpha of one photo.

    A checkpoint may ask for smaller photos (model.max_area): then the photo is shrunk first and its
    alpha enlarged.

    Args:
        model: from load_model or build_model; for many photos from `prepare`.
        photo: (H, W, 3) uint8 RGB, any size from 1x1 up.
        fit: how the sides become multiples of model.stride, "pad" or "resize"; see fit_photo.
        precision: "fp32", "bf16", "fp16", or "auto": bf16 where the device computes in it quickly.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        InputError: the photo is no such array, fit or precision is none of these, or the alpha is
            not finite: the weights are damaged, or too large for the precision.
    """
    return predict(model, photo, fit=fit, precision=precision, max_area=model.max_area).alpha


def predict(model: MattingModel, photo: np.ndarray, **options: Any) -> Prediction:
    """As predict_batch, of one photo."""
    return predict_batch(model, [photo], **options)[0]


def predict_batch(
    model: MattingModel,
    photos: Sequence[np.ndarray],
    *,
    fit: str = "pad",
    size: tuple[int, int] | None = None,
    precision: str = "auto",
    max_area: int | None = None,
    bits: int | None = None,
) -> list[Prediction]:
    """Photos to alphas: the one path. Each comes out as it would alone.

    Photos that are of one size once they are fitted go through the network together.

    Args:
        model, photos, precision: as for predict_alpha.
        fit, size, max_area: as for fit_photo.
        bits: 8 or 16, of alphas that are wanted as uint8 or uint16; None: float32 in [0, 1].

    Raises:
        InputError: as predict_alpha.
    """
    network = prepare(model, precision)
    fitted = [
        fit_photo(photo, model.stride, fit=fit, size=size, max_area=max_area) for photo in photos
    ]
    alike = len({image.shape for image, _ in fitted}) == 1
    batches = [fitted] if alike else [[one] for one in fitted]
    return [answer for batch in batches for answer in _run(network, batch, bits)]


def _run(
    network: MattingModel, batch: Sequence[tuple[np.ndarray, Fit]], bits: int | None
) -> list[Prediction]:
    """What a prepared network says of fitted photos of one size."""
    images = np.stack([x for x, _ in batch]) if batch[1:] else batch[0][0][None]
    image = torch.from_numpy(np.require(images, requirements=["C", "W"]))
    resized = any(not fit.padded or fit.shrunk != fit.size for _, fit in batch)
    device = next(network.parameters()).device
    with torch.inference_mode():
        image = image.to(device).permute(0, 3, 1, 2)
        output = network(image.to(torch.float32).div_(255))  # (B, 3, H, W), channels last
        logits, trimap = output.coarse.alpha_logits[-1], output.coarse.trimap_logits[-1]
        finite = logits.isfinite().all() & trimap.isfinite().all()
        finite = finite & output.alpha.sum().isfinite()  # of [0, 1]: infinite or NaN if one is
        alpha = output.alpha[:, 0]
        if bits and not resized:  # a quarter or a half of the bytes leave the device
            alpha = alpha.mul_(2**bits - 1).round_().to(INTEGERS[bits])
        small_alpha, classes = logits[:, 0].sigmoid(), trimap.argmax(dim=1).to(torch.uint8)
        # From a GPU into pinned memory, all of it before the one wait.
        answers = [x.to("cpu", non_blocking=True) for x in (alpha, classes, small_alpha, finite)]
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
    *maps, finite = (answer.numpy() for answer in answers)
    if not finite:
        raise NotFiniteError(
            "the network's alpha is not finite (NaN or infinite): use another checkpoint, or"
            " precision fp32 if it ran in another"
        )
    return [fit.prediction(*of, bits) for (_, fit), *of in zip(batch, *maps, strict=True)]


def resolve_precision(precision: str, device: torch.device, *, training: bool = False) -> str:
    """ "fp32", "bf16" or "fp16": what `precision` means on `device`.

    "auto" is bf16 where a GPU has it, and on CPUs with AMX or, for inference, AVX512-BF16: HD takes
    half the time, alphas move by 1.6e-3 on average (docs/benchmarks.md). Training gains 1.2
    times from AVX512-BF16 alone; that is not worth another run than in float32 before, unasked.

    Raises:
        InputError: it is none of the four words.
    """
    if precision not in PRECISIONS:
        raise InputError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    units = ["_is_amx_tile_supported", *([] if training else ["_is_avx512_bf16_supported"])]
    fast = any(getattr(torch.cpu, name, lambda: False)() for name in units)
    return "bf16" if device.type == "cpu" and fast else "fp32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """A context in which a network with float32 weights runs in `precision`, for training."""
    dtype = DTYPES[resolve_precision(precision, device, training=True)]
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
