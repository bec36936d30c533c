"""The loop around the training step, and the validation now and then."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping

import torch
from torch import nn
from tqdm import tqdm

from data.folders import FolderDataset
from engine.distributed import Processes
from engine.evaluation.protocol import predict_at
from engine.training.data import Batch, deaths_told
from engine.training.optimisation import Settings
from engine.training.run_state import RunFolder, RunState, StopRequest
from engine.training.step import train_step
from engine.training.tensorboard import Watch
from engine.training.verdict import check
from models.inference import prepare
from models.matting import MattingModel
from utils.errors import InputError
from utils.memory import memory_told
from utils.metrics import measure

METRICS = ("SAD", "MAD", "SAD_TRIMAP", "GRAD", "IoU")  # the first decides which checkpoint is best


def train(
    state: RunState,
    network: nn.Module,
    batches: Iterator[Batch],
    settings: Settings,
    *,
    processes: Processes,
    folder: RunFolder,
    watch: Watch,
    validation: FolderDataset | None,
) -> int:
    """Train up to --max_steps, or until Ctrl-C or SIGTERM; saves at the end either way.

    Args:
        network: runs the forward pass of state.model.
        batches: this process's parts of batches, --accumulate of them a step.
        validation: what is measured each --val_every.

    Returns:
        0, or 128 + the signal's number.
    """
    bar = tqdm(
        desc="train",
        total=settings["max_steps"],
        initial=state.step,
        mininterval=0.5 if sys.stderr.isatty() else 30,
        disable=not processes.is_main,
    )
    stopping, pending = False, None
    remedy = f"lower --batch_size or --crop_size, or give --accumulate {2 * settings['accumulate']}"
    with StopRequest() as stop, bar, deaths_told():
        while state.step < settings["max_steps"] and not stopping:
            begin = time.perf_counter()
            parts = [next(batches) for _ in range(settings["accumulate"])]
            waited = time.perf_counter() - begin
            with memory_told(f"step {state.step}", remedy):
                step = train_step(state, network, parts, settings, processes)
                check(pending, processes)
            pending = step.verdict
            watch.add(step, waited, time.perf_counter() - begin)

            [stopping] = processes.any(stop.received is not None)
            finished = state.step == settings["max_steps"]
            saving = stopping or finished or _due(state.step, settings["save_every"])
            validating = (finished or _due(state.step, settings["val_every"])) and not stopping
            logging = saving or _due(state.step, settings["log_every"])
            if logging or validating:
                check(pending, processes)
                pending = None
            if logging:
                bar.set_postfix(watch.write(state.step, processes), refresh=False)
            if processes.is_main and _due(state.step, settings["panel_every"]):
                watch.panel(state.step, step)
            del step  # frees its batch before the next one comes
            bar.update()
            if validation and validating:
                try:
                    metrics = validate(state.evaluated, validation, settings, processes, stop)
                except InputError:
                    if processes.is_main:
                        folder.save(state)  # the step itself went well
                    raise
                stopping = not metrics
                _note_validation(metrics, state, processes, folder, watch)
            if (saving or stopping) and processes.is_main:
                path = folder.save(state)
    if not stopping:
        return 0
    number = stop.received or signal.SIGTERM  # the signal may have come to another process
    if processes.is_main:
        name = signal.Signals(number).name
        print(f"stopped by {name} after step {state.step}; --resume goes on from {path}")
    return 128 + number


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def _note_validation(
    metrics: Mapping[str, float],
    state: RunState,
    processes: Processes,
    folder: RunFolder,
    watch: Watch,
) -> None:
    watch.scalars(state.step, {f"validation/{name}": value for name, value in metrics.items()})
    if metrics and metrics[METRICS[0]] < state.best:
        state.best = metrics[METRICS[0]]
        if processes.is_main:
            folder.save_best(state, metrics)


def validate(
    model: MattingModel,
    dataset: FolderDataset,
    settings: Settings,
    processes: Processes,
    stop: StopRequest,
) -> dict[str, float]:
    """Mean metrics over the subset of --val_images, shared out among the processes.

    Files that can't be read are told of and left out. Empty if a stop was requested meanwhile.

    Raises:
        InputError: in all processes, if not one file can be read, or memory ran out in one.
    """
    network = prepare(model, settings["precision"])
    count = min(len(dataset), settings["val_images"])
    chosen = [i * len(dataset) // count for i in range(count)]
    # As evaluate.py does: P3M as in the paper, one's own photos as predict.py sees them.
    protocol, area = ("pad", network.max_area) if settings["val_portraits"] else ("paper", None)
    rows: list[list[float]] = []
    broken, fault = 0, ""
    for index in processes.share(chosen):
        if stop.received is not None:
            break
        try:
            sample = dataset[index]
        except InputError as error:
            print(f"left out of the validation: {error}", file=sys.stderr, flush=True)
            broken += 1
            continue
        assert sample.alpha is not None and sample.trimap is not None
        try:
            with memory_told(
                f"{sample.name}, to validate on,", "go on with --resume --val_every 0"
            ):
                alpha = predict_at(network, sample.image, protocol=protocol, max_area=area).alpha
                values = measure(alpha, sample.alpha, sample.trimap, METRICS)
        except InputError as error:
            fault = str(error)
            break
        rows.append([values[name] for name in METRICS])
    reports = processes.gather((rows, broken, fault))
    for *_, fault in reports:
        if fault:
            raise InputError(fault)
    everything = torch.tensor([row for part, *_ in reports for row in part])
    broken = sum(number for _, number, _ in reports)
    if len(everything) + broken < count:
        return {}
    if broken == count:
        raise InputError("not one file of the validation can be read; see above, or --val_every 0")
    return dict(zip(METRICS, everything.mean(0).tolist(), strict=True))
