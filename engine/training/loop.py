"""The loop around the training step."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from tqdm import tqdm

from data.folders import FolderDataset
from engine.distributed import Processes
from engine.training.arguments import RunSettings
from engine.training.data import Batch, deaths_told
from engine.training.run_state import RunFolder, RunState, StopRequest
from engine.training.step import Step, Verdict, train_step
from engine.training.tensorboard import Watch
from engine.training.validation import CURVES, validate
from utils.errors import InputError, memory_told


@dataclass
class Training:
    """A run, in this process.

    Attributes:
        network: runs the forward pass of state.model.
        batches: this process's parts of batches, --accumulate of them a step.
        validation: what is measured each --val_every.
        pending: of the last step, if nobody has looked at it yet.
    """

    state: RunState
    network: nn.Module
    batches: Iterator[Batch]
    settings: RunSettings
    processes: Processes
    folder: RunFolder
    watch: Watch
    validation: FolderDataset | None
    pending: Verdict | None = None

    def run(self) -> int:
        """Train up to --max_steps, or until Ctrl-C or SIGTERM; saves at the end either way.

        Returns:
            0, or 128 + the signal's number.
        """
        state, last, main = self.state, self.settings.run.max_steps, self.processes.is_main
        pace = 0.5 if sys.stderr.isatty() else 30  # seconds
        bar = tqdm(desc="train", total=last, initial=state.step, mininterval=pace, disable=not main)
        stopping = False
        with StopRequest() as stop, bar, deaths_told():
            while state.step < last and not stopping:
                stopping = self._advance(bar, stop)
        if not stopping:
            return 0
        number = stop.received or signal.SIGTERM  # the signal may have come to another process
        if main:
            told = f"stopped by {signal.Signals(number).name} after step {state.step}"
            print(f"{told}; --resume goes on from {self.folder.path(state.step)}")
        return 128 + number

    def _advance(self, bar: tqdm, stop: StopRequest) -> bool:
        """Take a step and do what is due after it; whether a signal came."""
        state, watching = self.state, self.settings.watching
        step = self._step()
        stopping = self.processes.any(stop.received is not None)
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
            self._validate(self.validation, stop)
            stopping = self.processes.any(stop.received is not None)
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

    def _validate(self, dataset: FolderDataset, stop: StopRequest) -> None:
        """Measure the weights as they are, and keep them if they are the best so far."""
        state, main = self.state, self.processes.is_main
        try:
            metrics = validate(state.evaluated, dataset, self.settings, self.processes, stop)
        except InputError:
            if main:
                self.folder.save(state)  # the step itself went well
            raise
        self.watch.scalars(state.step, {f"validation/{name}": x for name, x in metrics.items()})
        if metrics and metrics[CURVES[0]] < state.best:
            state.best = metrics[CURVES[0]]
            if main:
                self.folder.save_best(state, metrics)
