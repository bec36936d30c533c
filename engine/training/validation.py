"""The validation now and then: metrics of photos that the network doesn't learn from."""

from __future__ import annotations

import sys

import torch

from data.folders import FolderDataset
from engine.distributed import Processes
from engine.evaluation.protocol import predict_at
from engine.training.arguments import RunSettings
from engine.training.run_state import StopRequest
from models.inference import NotFiniteError, prepare, resolve_precision
from models.matting import MattingModel
from utils.errors import InputError, memory_told
from utils.metrics import measure

CURVES = ("SAD", "MAD", "SAD_TRIMAP", "GRAD", "IoU")  # the first decides which checkpoint is best


def validate(
    model: MattingModel,
    dataset: FolderDataset,
    settings: RunSettings,
    processes: Processes,
    stop: StopRequest,
) -> dict[str, float]:
    """Mean CURVES over the subset of --val_images, shared out among the processes.

    Files that can't be read are told of and left out. Empty if a stop was requested meanwhile, or
    if an alpha is not finite, which is told of: in fp16 weights may be too large for a validation
    while the training, whose scaler skips steps, can go on.

    Raises:
        InputError: in all processes, if not one file can be read, or memory ran out in one.
    """
    precision = resolve_precision(settings.optimisation.precision, processes.device, training=True)
    network = prepare(model, precision, cuda_graphs=False)  # their memory is the training's
    count = min(len(dataset), settings.watching.val_images)
    chosen = processes.share([i * len(dataset) // count for i in range(count)])
    rows: list[list[float] | None] = []
    fault = None
    try:
        for index in chosen:
            if stop.received is None:
                rows.append(
                    _measure(network, dataset, index, bool(settings.watching.val_portraits))
                )
    except InputError as error:
        fault = error
    reports = processes.gather((rows, fault))
    faults = [fault for _, fault in reports if fault]
    for fault in faults:
        if not isinstance(fault, NotFiniteError):
            raise fault
    if faults and processes.is_main:
        print(f"note: {faults[0]}", file=sys.stderr, flush=True)
    everything = [row for rows, _ in reports for row in rows]
    if faults or len(everything) < count:
        return {}
    read = [row for row in everything if row]
    if not read:
        raise InputError("not one file of the validation can be read; see above, or --val_every 0")
    return dict(zip(CURVES, torch.tensor(read).mean(0).tolist(), strict=True))


def _measure(
    network: MattingModel, dataset: FolderDataset, index: int, own: bool
) -> list[float] | None:
    """As evaluate.py measures: P3M as in the paper, one's own photos as predict.py sees them.

    None if the photo can't be read.
    """
    try:
        sample = dataset[index]
    except InputError as error:
        print(f"left out of the validation: {error}", file=sys.stderr, flush=True)
        return None
    assert sample.alpha is not None and sample.trimap is not None
    protocol, area = ("pad", network.max_area) if own else ("paper", None)
    try:
        with memory_told(f"{sample.name}, to validate on,", "go on with --resume --val_every 0"):
            alpha = predict_at(network, sample.image, protocol=protocol, max_area=area).alpha
            values = measure(alpha, sample.alpha, sample.trimap, CURVES)
    except NotFiniteError as error:
        told = f"no validation this time: the alpha of {sample.name} is not finite;"
        told += " if it comes again, go on with --resume --precision fp32"
        raise NotFiniteError(told) from error
    return [values[name] for name in CURVES]
