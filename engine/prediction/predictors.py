"""A checkpoint becomes a predictor: a .pth with PyTorch, an .onnx with ONNX Runtime.

torch is imported only where it is used, so that an .onnx runs without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.prediction.photos import Predictor
from utils.errors import InputError, MissingError, memory_told
from utils.files import AnyPath, refuse_stand_in
from utils.images.area import parse_area
from utils.prediction import Prediction, fit_photo

if TYPE_CHECKING:
    import torch

    from models import MattingConfig

# A predictor that takes max_area, a line that says what the model is, and the area it asks for.
Loaded = tuple[Callable[..., Sequence[Prediction]], str, int | None]


def needs_torch(path: AnyPath | None) -> bool:
    """Whether a checkpoint of this name runs with PyTorch."""
    return path is None or Path(path).suffix.lower() != ".onnx"


def load_predictor(
    path: AnyPath | None,
    *,
    device: torch.device | None,
    precision: str,
    max_area: str | None = None,
) -> tuple[Predictor, str]:
    """Load a checkpoint; returns the predictor, and one line that says what the model is.

    Args:
        path: ours (.pth, .safetensors), the authors' .pth, or an .onnx from export_onnx.py; None:
            the one that ships.
        device: where it is to run; None is the CPU.
        precision: auto, fp32, bf16 or fp16.
        max_area: HD, 4K, none or pixels, to which larger photos are shrunk for the network; None:
            as the checkpoint asks.

    Raises:
        MissingError: no such file.
        InputError: no checkpoint, no such max_area, or ONNX Runtime is not installed.
    """
    if path is None or needs_torch(path):
        run, about, area = _load_torch(path, device, precision)
    else:
        run, about, area = _load_onnx(path, precision)
    area = parse_area(max_area) if max_area else area
    if area is not None:
        about += f"; it sees at most {area / 1e6:.2g} megapixels"
    return partial(run, max_area=area), about


def _load_torch(path: AnyPath | None, device: torch.device | None, precision: str) -> Loaded:
    from models import prepare
    from models.checkpoint import DEFAULT_CHECKPOINT, model_from_checkpoint, read_checkpoint
    from models.inference import predict_batch

    path = path or DEFAULT_CHECKPOINT
    checkpoint = read_checkpoint(path)
    network = prepare(model_from_checkpoint(checkpoint, path).to(device or "cpu"), precision)

    def predict(photos: list[np.ndarray], **options: Any) -> list[Prediction]:
        height, width = photos[0].shape[:2]
        what = f"a batch of {len(photos)} photo(s) of {height}x{width}"
        with memory_told(what, "lower --batch_size or --max_area, or use the CPU, --gpus alone"):
            return predict_batch(network, photos, **options)

    return predict, describe(path, checkpoint, network.config), network.max_area


def _load_onnx(path: AnyPath, precision: str) -> Loaded:
    if precision not in ("auto", "fp32"):
        raise InputError(f"{path} computes in fp32; leave --precision {precision} out")
    session = open_onnx(path)
    facts = session.get_modelmeta().custom_metadata_map
    stride = int(facts.get("stride", 128))  # files of before it was noted are all of 128

    def predict(
        photos: list[np.ndarray], *, bits: int | None = None, max_area: int | None
    ) -> list[Prediction]:
        predictions = []
        for photo in photos:
            fitted, fit = fit_photo(photo, stride, max_area=max_area)
            image = fitted.transpose(2, 0, 1)[None].astype(np.float32, "C") / np.float32(255)
            alphas, classes = session.run(None, {"image": image})
            if not np.isfinite(alphas).all():
                raise InputError(
                    f"{path} gives an alpha that is not finite (NaN or infinite); export another"
                    " checkpoint with export_onnx.py"
                )
            predictions.append(fit.prediction(alphas[0, 0], classes[0], bits=bits))
        return predictions

    area = int(facts["max_area"]) if "max_area" in facts else None
    return predict, f"{path}, by ONNX Runtime: {facts.get('about', '')}", area


def open_onnx(path: AnyPath) -> Any:
    """Open an .onnx from export_onnx.py; returns ONNX Runtime's InferenceSession.

    Raises:
        MissingError: no such file.
        InputError: it is another network or no network, or ONNX Runtime is not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingError(f"checkpoint {path} is not there; export_onnx.py writes one")
    refuse_stand_in(path, "network")
    try:
        import onnxruntime
    except ImportError as error:
        raise InputError(f"{path} needs: pip install -r requirements-export.txt") from error
    providers = onnxruntime.get_available_providers()
    try:
        session = onnxruntime.InferenceSession(str(path), providers=providers)
    except Exception as error:  # ONNX Runtime's own exceptions share no narrower base
        raise InputError(f"{path} is no network that ONNX Runtime can read") from error
    names = [tensor.name for tensor in (*session.get_inputs(), *session.get_outputs())]
    if names != ["image", "alpha", "trimap"]:
        raise InputError(f"{path} maps {', '.join(names)}; it is not from export_onnx.py")
    return session


def describe(path: AnyPath, checkpoint: Mapping[str, Any], config: MattingConfig) -> str:
    """Say in one line what a model is: its own words, or configuration and steps."""
    from models import CONFIGS

    if isinstance(checkpoint.get("about"), str):
        return f"{path}: {checkpoint['about']}"
    names = [name for name, other in CONFIGS.items() if other == config]
    facts = [f"configuration {names[0]}" if names else "a configuration of its own"]
    if isinstance(checkpoint.get("step"), int):
        facts.append(f"{checkpoint['step']} steps")
    return f"{path}: {', '.join(facts)}"
