"""What a run has to keep to go on exactly, and the folder it keeps it in.

    <train_dir>/arguments.json            every value of the run
    <train_dir>/logger/0000002000.pth     checkpoints, named by the number of finished steps
    <train_dir>/logger/best.pth           the weights that validated best, alone
    <train_dir>/logger/events...          TensorBoard

Random states and the position in the data follow from the seed and the step.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch.optim.swa_utils import AveragedModel

from models.checkpoint import read_checkpoint, save_checkpoint
from models.matting import MattingModel
from utils.errors import InputError
from utils.files import AnyPath, atomic_path

RECORD = "arguments.json"
ENTRIES = ("optimizer", "scaler", "step", "best", "arguments")  # beside the network's


@dataclass
class RunState:
    """Everything that changes while training. `step` counts finished steps."""

    model: MattingModel
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    averaged: AveragedModel | None
    step: int = 0
    best: float = math.inf

    @property
    def evaluated(self) -> MattingModel:
        """The weights to judge by: the averaged ones where there are some."""
        return cast(MattingModel, self.averaged.module) if self.averaged else self.model

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Become what `RunFolder.save` saved."""
        self.model.load_state_dict(checkpoint["model"])
        self.model.max_area = self.evaluated.max_area = checkpoint.get("max_area")
        self.optimizer.load_state_dict(checkpoint["optimizer"])
        if checkpoint["scaler"]:  # empty unless the run was in fp16 before
            self.scaler.load_state_dict(checkpoint["scaler"])
        if self.averaged:
            self.averaged.module.load_state_dict(checkpoint["ema"])
            self.averaged.n_averaged.fill_(checkpoint["step"])
        self.step = checkpoint["step"]
        self.best = checkpoint["best"]


class RunFolder:
    """A run's folder, to which only the main process writes, and `arguments` that it records."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        self.arguments = dict(arguments)
        self.logger = Path(arguments["train_dir"]) / "logger"

    def begin(self) -> None:
        """Make the folder and record the run's values in it."""
        with atomic_path(self.logger.parent / RECORD) as temporary:
            temporary.write_text(json.dumps(self.arguments, indent=2) + "\n", encoding="utf-8")

    def path(self, step: int) -> Path:
        """Where the checkpoint of that many finished steps lies."""
        return self.logger / f"{step:010d}.pth"

    def _checkpoints(self) -> list[Path]:
        return sorted(self.logger.glob("[0-9]" * 10 + ".pth"))

    def save(self, state: RunState) -> None:
        """Write a checkpoint, then remove those that are neither new enough nor to be kept."""
        path = self.path(state.step)
        parts: dict[str, Any] = {"optimizer": state.optimizer, "scaler": state.scaler}
        parts |= {"ema": state.averaged.module} if state.averaged else {}
        states = {name: part.state_dict() for name, part in parts.items()}
        facts = {"step": state.step, "best": state.best, "arguments": self.arguments}
        save_checkpoint(path, state.model, **states, **facts)
        for old in self._checkpoints()[: -self.arguments["keep_last"]]:
            if int(old.stem) % self.arguments["keep_every"] and old != path:
                old.unlink(missing_ok=True)

    def save_best(self, state: RunState, metrics: Mapping[str, float]) -> None:
        """Keep the evaluated weights as best.pth."""
        facts = {"step": state.step, "metrics": dict(metrics), "arguments": self.arguments}
        save_checkpoint(self.logger / "best.pth", state.evaluated, **facts)

    def newest(self, say: bool = True) -> dict[str, Any] | None:
        """The entries of the newest checkpoint that is whole; None where none was written yet.

        Broken ones are passed over, which is told if `say`; InputError if all are.
        """
        found = self._checkpoints()
        for path in reversed(found):
            try:
                checkpoint = read_checkpoint(path)
                if lacking := [entry for entry in ENTRIES if entry not in checkpoint]:
                    raise InputError(f"{path} holds no {lacking[0]}; no run wrote it")
                if not isinstance(checkpoint["arguments"], Mapping):
                    raise InputError(f"{path}: its `arguments` are no table; no run wrote it")
                return checkpoint
            except InputError as error:
                if say:
                    print(f"passed over: {error}", file=sys.stderr)
        if found:
            raise InputError(f"none of the checkpoints in {self.logger} is whole; start a new run")
        if say:
            print(f"note: {self.logger} holds no checkpoint; the run begins at its first step")
        return None


def check_new(train_dir: AnyPath) -> None:
    """Raise InputError if a new run can't begin in `train_dir` because something is there."""
    train_dir = Path(train_dir)
    if train_dir.exists() and not train_dir.is_dir():
        raise InputError(f"--train_dir {train_dir} is a file; name a folder")
    logger = train_dir / "logger"
    if (train_dir / RECORD).exists() or (logger.exists() and any(logger.iterdir())):
        remedy = "go on with it by --resume, or name another --train_dir"
        raise InputError(f"{train_dir} holds another run; {remedy}")


def read_arguments(train_dir: AnyPath) -> dict[str, Any]:
    """The record of the run in `train_dir`; InputError if there is none, or it is broken."""
    path = Path(train_dir, RECORD)
    if not path.is_file():
        raise InputError(f"{train_dir} holds no run to resume, no {path.name}; leave out --resume")
    try:
        return {**json.loads(path.read_text(encoding="utf-8"))}
    except (ValueError, TypeError) as error:  # the latter: it is JSON, but no table
        raise InputError(f"{path} is no table in JSON ({error}); restore a backup") from error
