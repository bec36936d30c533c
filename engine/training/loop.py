"""The loop around the training step, and the validation now and then."""

import math
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm

from data.folders import FolderDataset
from engine.distributed import Processes
from engine.evaluation.protocol import predict_at
from engine.training.arguments import RunSettings
from engine.training.data import Batch, deaths_told
from engine.training.run_state import RunFolder, RunState
from engine.training.step import Step, Verdict, train_step
from engine.training.tensorboard import Watch
from models.inference import NotFiniteError, prepare, resolve_precision
from models.matting import MattingModel
from utils.errors import InputError, memory_told
from utils.metrics import measure

CURVES = ("SAD", "MAD", "SAD_TRIMAP", "GRAD", "IoU")  # the first decides which checkpoint is best


@dataclass
class Training:
    """A run, in this process."""

    state: RunState
    network: nn.Module  # runs the forward pass of state.model
    batches: Iterator[Batch]  # this process's parts of batches, --accumulate of them a step
    settings: RunSettings
    processes: Processes
    folder: RunFolder
    watch: Watch
    validation: FolderDataset | None  # what is measured each --val_every
    pending: Verdict | None = None  # of the last step, if nobody has looked at it yet

    def run(self) -> int:
        """Train up to --max_steps, or until Ctrl-C or SIGTERM, and save; the exit status."""
        state, last, main = self.state, self.settings.run.max_steps, self.processes.is_main
        pace = 0.5 if sys.stderr.isatty() else 30  # seconds
        bar = tqdm(desc="train", total=last, initial=state.step, mininterval=pace, disable=not main)
        stopping = False
        with signals_noted() as signals, bar, deaths_told():
            while state.step < last and not stopping:
                stopping = self._advance(bar, signals)
        if not stopping:
            if main:
                best = "" if math.isinf(state.best) else f"; best.pth: {CURVES[0]} {state.best:.4g}"
                print(f"written: {self.folder.path(last)}{best}")
            return 0
        number = [*signals, signal.SIGTERM][0]  # it may have come to another process
        if main:
            told = f"stopped by {signal.Signals(number).name} after step {state.step}"
            print(f"{told}; --resume goes on from {self.folder.path(state.step)}")
        return 128 + number

    def _advance(self, bar: tqdm, signals: Sequence[int]) -> bool:
        """Take a step and do what is due after it; whether a signal came."""
        state, watching = self.state, self.settings.watching
        step = self._step()
        stopping = self.processes.any(bool(signals))
        validating = self._due(watching.val_every) and not stopping
        saving = self._due(watching.save_every) or stopping
        if saving or validating or self._due(watching.log_every):
            self._check()
            bar.set_postfix(self.watch.write(state.step, self.processes), refresh=False)
        if self._due(watching.panel_every):
            self.watch.panel(state.step, step)
        del step  # frees its batch
        bar.update()
        if validating and self.validation:
            self._validate(self.validation, signals)
            stopping = self.processes.any(bool(signals))
        if (saving or stopping) and self.processes.is_main:
            self.folder.save(state)
        return stopping

    def _due(self, every: int) -> bool:
        """Whether it is time for what happens `every` so many steps, and at the end; 0: never."""
        finished = self.state.step == self.settings.run.max_steps
        return every > 0 and (finished or self.state.step % every == 0)

    def _step(self) -> Step:
        """Take a step, and look at the one before while the device is busy."""
        accumulate = self.settings.data.accumulate
        begin = time.perf_counter()
        parts = [next(self.batches) for _ in range(accumulate)]
        waited = time.perf_counter() - begin
        remedy = f"lower --batch_size or --crop_size, or give --accumulate {2 * accumulate}"
        with memory_told(f"step {self.state.step}", remedy):
            step = train_step(self.state, self.network, parts, self.settings, self.processes)
            self._check()
        self.pending = step.verdict
        self.watch.add(step, waited, time.perf_counter() - begin)
        return step

    def _check(self) -> None:
        if self.pending:
            self.pending.check(self.processes)
        self.pending = None

    def _validate(self, dataset: FolderDataset, signals: Sequence[int]) -> None:
        """Write the metrics of the weights as they are, and keep these if they are the best."""
        state, main = self.state, self.processes.is_main
        try:
            metrics = self._metrics(dataset, signals)
        except InputError:
            if main:
                self.folder.save(state)  # the step itself went well
            raise
        self.watch.scalars(state.step, {f"validation/{name}": x for name, x in metrics.items()})
        if metrics and metrics[CURVES[0]] < state.best:
            state.best = metrics[CURVES[0]]
            if main:
                self.folder.save_best(state, metrics)

    def _metrics(self, dataset: FolderDataset, signals: Sequence[int]) -> dict[str, float]:
        """Mean CURVES over the subset of --val_images, shared out among the processes.

        Files that can't be read are left out. Empty if a signal came, or if an alpha is not finite,
        which is told of: fp16 may be too small for a validation while the training goes on, whose
        scaler skips steps. InputError, in all processes, if no file can be read or memory ran out.
        """
        device, watching = self.processes.device, self.settings.watching
        precision = resolve_precision(self.settings.optimisation.precision, device, training=True)
        # Without CUDA graphs: their memory is the training's.
        network = prepare(self.state.evaluated, precision, cuda_graphs=False)
        count = min(len(dataset), watching.val_images)
        rows: list[list[float] | None] = []
        fault = None
        try:
            for i in self.processes.share(range(count)):
                if not signals:
                    index, own = i * len(dataset) // count, bool(watching.val_portraits)
                    rows.append(_measure_photo(network, dataset, index, own))
        except InputError as error:
            fault = error
        reports = self.processes.gather((rows, fault))
        faults = [fault for _, fault in reports if fault]
        for fault in faults:
            if not isinstance(fault, NotFiniteError):
                raise fault
        if faults and self.processes.is_main:
            print(f"note: {faults[0]}", file=sys.stderr, flush=True)
        everything = [row for rows, _ in reports for row in rows]
        if faults or len(everything) < count:
            return {}
        read = [row for row in everything if row]
        if not read:
            raise InputError(
                "not one file of the validation can be read; see above, or --val_every 0"
            )
        return dict(zip(CURVES, torch.tensor(read).mean(0).tolist(), strict=True))


def _measure_photo(
    network: MattingModel, dataset: FolderDataset, index: int, own: bool
) -> list[float] | None:
    """As evaluate.py measures: P3M as in the paper, one's own photos as predict.py sees them.

    None if the photo can't be read, which is told.
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


@contextmanager
def signals_noted() -> Iterator[list[int]]:
    """Collect Ctrl-C and SIGTERM instead of dying of them, so that the loop can save and leave."""
    found: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda number, _: found.append(number)) for n in numbers}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
