"""The training step, the loop around it, and the validation now and then."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from data.folders import FolderDataset
from engine.distributed import Processes, seed_step
from engine.evaluation.protocol import predict_at
from engine.training.data import Batch, deaths_told, to_device
from engine.training.optimisation import Settings, learning_rate
from engine.training.run_state import RunFolder, RunState, StopRequest
from engine.training.tensorboard import Watch
from engine.training.verdict import Verdict, check
from models.inference import autocast, prepare
from models.losses import LOSSES, compute_losses
from models.matting import MattingModel, MattingOutput
from utils.errors import InputError
from utils.memory import memory_told
from utils.metrics import measure

METRICS = ("SAD", "MAD", "SAD_TRIMAP", "GRAD", "IoU")  # the first decides which checkpoint is best


@dataclass
class Step:
    """What one step did. The tensors stay on the device until somebody reads them.

    Attributes:
        losses: by term, and `total`; the mean over this process's samples.
        gradient_norm: over all processes, before clipping.
        rate: learning rate.
        refined: share of the cells that were refined.
        batch, output: the last part of the batch and what the network made of it.
        verdict: to be checked before anything is made of the step.
    """

    losses: dict[str, Tensor]
    gradient_norm: Tensor
    rate: float
    refined: float
    batch: dict[str, Any]
    output: MattingOutput
    verdict: Verdict | None = None


def train_step(
    state: RunState,
    network: nn.Module,
    parts: Sequence[Batch],
    settings: Settings,
    processes: Processes,
) -> Step:
    """One step of the optimizer on this process's share of a batch, given in parts.

    It doesn't wait for the device. `check` its verdict before anything is saved.
    """
    rate = learning_rate(state.step, settings)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    seed_step(settings["seed"], state.step, processes.rank)
    weights = dict(settings["loss_weights"])
    without = [name for name, value in weights.items() if not value]
    losses: dict[str, Tensor] = {}
    for number, part in enumerate(parts, start=1):
        batch = to_device(part, processes.device)
        if isinstance(network, DistributedDataParallel):
            network.require_backward_grad_sync = number == len(parts)
        with autocast(processes.device, settings["precision"]):
            output = network(batch["image"], batch["noise"])
            terms = compute_losses(output, batch, without)
        terms["total"] = weigh(terms, weights, output)
        state.scaler.scale(terms["total"] / len(parts)).backward()
        for name, term in terms.items():
            losses[name] = losses.get(name, 0) + term.detach() / len(parts)

    state.scaler.unscale_(state.optimizer)
    gradients = [p.grad for p in state.model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    if settings["clip"]:
        nn.utils.clip_grads_with_norm_(state.model.parameters(), settings["clip"], norm)
    names = [name for part in parts for name in part["name"]]
    # With fp16 an overflow of the gradient is usual: the scaler skips that step.
    values = torch.stack([losses["total"], norm])
    verdict = Verdict(state.step, names, values, state.scaler.is_enabled())
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    if state.averaged:
        state.averaged.update_parameters(state.model)
    state.step += 1
    B, _, h, w = output.coarse.alpha_logits[-1].shape
    refined = len(output.cells) / (B * h * w)
    return Step(losses, norm, rate, refined, batch, output, verdict)


def weigh(
    terms: Mapping[str, Tensor], weights: Mapping[str, float], output: MattingOutput
) -> Tensor:
    """The sum of the terms, each times its weight, 1 if it has none.

    Where terms are left out, the output gets a gradient of 0 for them, as if they were there:
    DistributedDataParallel waits until every weight has one.
    """
    total = torch.stack([weights.get(name, 1.0) * x for name, x in terms.items()]).sum()
    if len(terms) == len(LOSSES):
        return total
    outputs = [output.alpha, *output.coarse.alpha_logits, *output.coarse.trimap_logits]
    return total + torch.stack([(0 * x.float()).sum() for x in outputs]).sum()


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
