"""From a photo to its alpha: fit, run, undo. The one path of evaluate.py, predict.py and README."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.folding import fold_for_inference
from models.graphs import ReplayedNetwork
from models.matting import MattingModel
from models.refinement import REGION
from models.regions import select_cells
from utils.errors import InputError
from utils.images import pad_to_multiple, resize_antialiased
from utils.images.area import enlarge_alpha, shrink_photo
from utils.trimap import Trimap

FITS = ("pad", "resize")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class NotFiniteError(InputError):
    """The network's answer is NaN or infinite."""


@dataclass(frozen=True)
class Prediction:
    """What the network says of one photo of H x W pixels.

    Attributes:
        alpha: (H, W) float32 in [0, 1].
        coarse_alpha: (H, W) float32 in [0, 1], the coarse network's, enlarged bilinearly.
        trimap: (H, W) uint8 0/128/255, the coarse network's, enlarged by nearest neighbour.
        cells: number of 8x8 regions that were refined.
    """

    alpha: np.ndarray
    coarse_alpha: np.ndarray
    trimap: np.ndarray
    cells: int


def prepare(model: MattingModel, precision: str = "auto") -> MattingModel:
    """A copy of a network for predicting many photos.

    The functions below make one of the model at every call, so that they answer with the weights
    of that moment. Given a prepared copy they save that: 0.05 s on two cores, where the paper's
    coarse network takes 0.24 s for an HD photo.

    Args:
        model: stays as it is, whatever mode it is in; later changes of it don't reach the copy. A
            prepared one is returned itself.
        precision: as for predict_alpha; for a prepared one "auto" stands for what it has.

    Raises:
        InputError: precision is none of these, or a prepared network has another one.
    """
    weight = next(model.parameters())
    dtype = DTYPES[resolve_precision(precision, weight.device)]
    if not model.folded:
        network = fold_for_inference(model, dtype)
        if weight.is_cuda:
            network.add_module("coarse_network", ReplayedNetwork(network.coarse_network))
        return network
    if precision != "auto" and dtype != weight.dtype:
        raise InputError(
            f"this network was prepared in {weight.dtype}; for precision={precision!r} prepare"
            " the model itself once more"
        )
    return model


def predict_alpha(
    model: MattingModel, photo: np.ndarray, *, fit: str = "pad", precision: str = "auto"
) -> np.ndarray:
    """The alpha of one photo.

    A checkpoint may ask for smaller photos (model.max_area): then the photo is shrunk first and its
    alpha enlarged.

    Args:
        model: from load_model or build_model; for many photos from `prepare`.
        photo: (H, W, 3) uint8 RGB, any size from 1x1 up.
        fit: how the sides become multiples of model.stride: "pad" replicates the right and bottom
            edge;
            "resize" shrinks to the next lower ones, at least one, as the paper's protocol does.
        precision: "fp32", "bf16", "fp16", or "auto": bf16 where the device computes in it quickly.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        InputError: the photo is no such array, fit or precision is none of these, or the alpha is
            not finite: the weights are damaged, or too large for the precision.
    """
    small = shrink_photo(check_photo(photo), model.max_area)
    alpha = predict(model, small, fit=fit, precision=precision).alpha
    return enlarge_alpha(alpha, (photo.shape[0], photo.shape[1]))


def predict(
    model: MattingModel,
    photo: np.ndarray,
    *,
    fit: str = "pad",
    size: tuple[int, int] | None = None,
    precision: str = "auto",
) -> Prediction:
    """As predict_alpha, with what the coarse network said.

    Args:
        size: (height, width), multiples of model.stride, that fit="resize" resizes to; None: the
            next lower.
    """
    return predict_batch(model, [photo], fit=fit, size=size, precision=precision)[0]


def predict_batch(
    model: MattingModel,
    photos: Sequence[np.ndarray],
    *,
    fit: str = "pad",
    size: tuple[int, int] | None = None,
    precision: str = "auto",
) -> list[Prediction]:
    """Several photos in one pass; each comes out as it would alone.

    Raises:
        InputError: as predict_alpha; or the photos are of different sizes once they are fitted.
    """
    fitted = [_fit(check_photo(photo), model.stride, fit, size) for photo in photos]
    if len({image.shape for image in fitted}) > 1:
        raise InputError(
            "photos of one batch must be of one size once padded, not"
            f" {sorted({image.shape[:2] for image in fitted})}"
        )
    network = prepare(model, precision)
    device = next(network.parameters()).device
    with torch.inference_mode():
        image = torch.from_numpy(np.stack(fitted)).to(device).permute(0, 3, 1, 2)
        image = image.to(torch.float32).div_(255)  # (B, 3, H, W), channels last
        coarse = network.coarse(image)
        logits, trimap = coarse.alpha_logits[-1], coarse.trimap_logits[-1]
        coarse_alpha = logits.sigmoid()
        cells = select_cells(trimap)
        if model.refinement_network is None:
            cells = cells[:0]
        alpha = network.refine_cells(image, coarse_alpha, cells)
        if not all(answer.isfinite().all() for answer in (logits, trimap, alpha)):
            raise NotFiniteError(
                "the network's alpha is not finite (NaN or infinite): use another checkpoint, or"
                " precision fp32 if it ran in another"
            )
        enlarged = F.interpolate(
            coarse_alpha, scale_factor=REGION, mode="bilinear", align_corners=False
        )
    counts = torch.bincount(cells[:, 0], minlength=len(photos)).tolist()
    classes = trimap.argmax(dim=1)
    return [
        Prediction(
            _undo(alpha[i, 0], photo, fit),
            _undo(enlarged[i, 0], photo, fit),
            _enlarge_trimap(classes[i], photo, fit),
            counts[i],
        )
        for i, photo in enumerate(photos)
    ]


def check_photo(photo: np.ndarray) -> np.ndarray:
    """The photo itself.

    Raises:
        InputError: it is not (H, W, 3) uint8 with at least one pixel.
    """
    array = isinstance(photo, np.ndarray)
    what = f"{photo.shape} {photo.dtype}" if array else f"a {type(photo).__name__}"
    if not array or photo.shape[2:] != (3,) or photo.dtype != np.uint8 or not photo.size:
        raise InputError(
            f"a photo must be (H, W, 3) uint8 RGB, not {what}; utils.images.read_photo reads one"
        )
    return photo


def _fit(photo: np.ndarray, stride: int, fit: str, size: tuple[int, int] | None) -> np.ndarray:
    """(H, W, 3) uint8 -> the same with sides that are multiples of `stride`."""
    if fit == "pad":
        return pad_to_multiple(photo, stride)
    if fit != "resize":
        raise InputError(f"fit must be one of {', '.join(FITS)}, not {fit!r}")
    if size is None:
        H, W = photo.shape[:2]
        size = (max(H // stride, 1) * stride, max(W // stride, 1) * stride)
    return resize_antialiased(photo, size)


def _undo(values: Tensor, photo: np.ndarray, fit: str) -> np.ndarray:
    """(H', W') on the device -> (H, W) float32 in [0, 1], at the photo's size."""
    H, W = photo.shape[:2]
    if fit == "pad":
        return values[:H, :W].cpu().numpy().copy()
    return np.clip(resize_antialiased(values.cpu().numpy(), (H, W)), 0, 1).astype(np.float32)


def _enlarge_trimap(classes: Tensor, photo: np.ndarray, fit: str) -> np.ndarray:
    """(h, w) classes -> (H, W) uint8 0/128/255."""
    H, W = photo.shape[:2]
    values = torch.tensor([Trimap.BACKGROUND, Trimap.UNKNOWN, Trimap.FOREGROUND])
    small = values.to(torch.uint8)[classes.cpu()]
    if fit == "pad":
        large = small.repeat_interleave(REGION, 0).repeat_interleave(REGION, 1)
        return large[:H, :W].numpy().copy()
    return F.interpolate(small[None, None], size=(H, W), mode="nearest")[0, 0].numpy()


def resolve_precision(precision: str, device: torch.device, *, training: bool = False) -> str:
    """ "fp32", "bf16" or "fp16": what `precision` means on `device`.

    "auto" is bf16 where a GPU has it, and on CPUs with AMX or, for inference, AVX512-BF16: HD takes
    1 / 1.77 of the time, alphas move by 1.3e-3 on average (docs/benchmarks.md). Training gains 1.2
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
