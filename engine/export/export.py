"""The network as a file that needs none of this project's code: ONNX."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from engine.export.tracing import trace
from engine.prediction.predictors import open_onnx
from engine.profiling.profile import draw_photo, portrait_maps
from models import MattingModel
from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.images import pad_to_multiple

OPSET = 20
TOLERANCE = 1e-3  # of alpha, between the exported network and PyTorch


class Comparison(NamedTuple):
    """How far an exported network was from its model on one input."""

    size: tuple[int, ...]  # (height, width) of the photos before padding
    batch: int  # number of photos
    cells: int  # number of regions that were refined in all of them
    difference: float  # the largest of any pixel's alpha


def export(model: MattingModel, path: AnyPath, about: str) -> list[Comparison]:
    """Write the network as .onnx, once it is seen to compute the same.

    Args:
        model: in evaluation mode, float32, on the CPU.
        path: ends in .onnx.
        about: one line that says what the model is; the file keeps it, max_area and stride.

    Raises:
        InputError: another ending; a package is missing; or the file's alpha differs from
            PyTorch's by more than TOLERANCE, in which case none is written.
    """
    path = Path(path)
    if path.suffix != ".onnx":
        raise InputError(f"--output {path} must end in .onnx")
    with atomic_path(path) as temporary:
        _save_onnx(trace(model), temporary, about, model)
        comparisons = list(_compare(model, open_onnx(temporary)))
        worst = max(comparison.difference for comparison in comparisons)
        if not worst <= TOLERANCE:
            raise InputError(
                f"{path} was not written: its alpha differs from PyTorch's by {worst:.2e}, more "
                f"than {TOLERANCE:.0e}; try other versions of torch, onnxscript and onnxruntime"
            )
    return comparisons


def _save_onnx(
    program: torch.export.ExportedProgram, path: Path, about: str, model: MattingModel
) -> None:
    try:
        names: Any = {"input_names": ["image"], "output_names": ["alpha", "trimap"]}
        written: Any = torch.onnx.export(
            program, opset_version=OPSET, dynamo=True, verbose=False, **names
        )
    except ImportError as error:
        raise InputError(
            f"{error.name} is not installed; pip install -r requirements-export.txt"
        ) from error
    facts = {"about": about, "stride": model.stride, "max_area": model.max_area}
    written.model.metadata_props.update({key: str(fact) for key, fact in facts.items() if fact})
    written.save(str(path))


def _compare(model: MattingModel, session: Any) -> Iterator[Comparison]:
    """At several sizes, as batches of 1 and of 3; `session` is ONNX Runtime's (open_onnx).

    One photo is black, in which most models find nothing unknown. The others are dark busts, at
    whose outlines much is unknown; one's sides are no multiples of the stride before padding.
    """
    black = np.zeros((model.stride, model.stride, 3), np.uint8)
    busts = [draw_photo((256, 384)), draw_photo((200, 300))]
    for bust in busts:
        bust[portrait_maps(bust.shape[:2], 0)[0]] //= 4
    for photo in (*busts, black):
        padded = torch.from_numpy(pad_to_multiple(photo, model.stride)).permute(2, 0, 1) / 255
        for batch in (1, 3):
            image = torch.stack([padded.roll(8 * i, dims=2) for i in range(batch)]).contiguous()
            with torch.inference_mode():
                output = model(image)
            alpha, _ = session.run(None, {"image": image.numpy()})
            difference = float(np.abs(alpha - output.alpha.numpy()).max())
            yield Comparison(photo.shape[:2], batch, len(output.cells), difference)
