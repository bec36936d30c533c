"""A checkpoint becomes a predictor: ours or the authors' .pth with PyTorch.

torch is imported only where it is used, so that other kinds of file run without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.prediction import Predictor
from utils.errors import InputError, MissingError

if TYPE_CHECKING:
    import torch

    from models import MattingConfig

DEMO_CHECKPOINT = Path(__file__).parents[1] / "checkpoints" / "demo.pth"


def needs_torch(path: Path | None) -> bool:
    """Whether a checkpoint of this name runs with PyTorch."""
    return path is None or path.suffix.lower() != ".onnx"


def load_predictor(
    path: Path | None, *, device: torch.device | None, precision: str
) -> tuple[Predictor, str]:
    """Load a checkpoint.

    Args:
        path: ours or the authors' .pth; None is checkpoints/demo.pth.
        device: where it is to run; None is the CPU.
        precision: auto, fp32, bf16 or fp16.

    Returns:
        the predictor, and one line that says what the model is.

    Raises:
        MissingError: no such file.
        InputError: it is no checkpoint.
    """
    if path is None and not DEMO_CHECKPOINT.is_file():
        raise MissingError(
            f"{DEMO_CHECKPOINT} is not there; train one with `bash run_demo.sh` and name it with "
            "--checkpoint"
        )
    return _load_torch(path or DEMO_CHECKPOINT, device, precision)


def _load_torch(path: Path, device: torch.device | None, precision: str) -> tuple[Predictor, str]:
    import torch

    from models import CONFIGS
    from models.checkpoint import model_from_checkpoint, read_checkpoint
    from models.inference import predict_batch

    checkpoint = read_checkpoint(path)
    model = model_from_checkpoint(checkpoint, path).to(device or "cpu")

    def predict(photos: list[np.ndarray]) -> Any:
        try:
            return predict_batch(model, photos, precision=precision)
        except torch.OutOfMemoryError:
            height, width = photos[0].shape[:2]
            raise InputError(
                f"{len(photos)} photos of {height}x{width} don't fit in the memory of {device}; "
                "lower --batch_size, or use the CPU with --gpus and no number"
            ) from None

    return predict, describe(path, checkpoint, model.config, CONFIGS)


def describe(
    path: Path, checkpoint: Mapping[str, Any], config: MattingConfig, known: Mapping[str, Any]
) -> str:
    """Say in one line what a model is: its own words, or configuration, steps and training data."""
    about = checkpoint.get("about")
    if isinstance(about, str):
        return f"{path}: {about}"
    names = [name for name, other in known.items() if other == config]
    facts = [f"configuration {names[0]}" if names else "a configuration of its own"]
    if isinstance(checkpoint.get("step"), int):
        facts.append(f"{checkpoint['step']} steps")
    arguments = checkpoint.get("arguments")
    if isinstance(arguments, Mapping) and arguments.get("data_root"):
        facts.append(f"trained on {arguments['data_root']}")
    return f"{path}: {', '.join(facts)}"
