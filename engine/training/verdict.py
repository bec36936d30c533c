"""Whether a training step went well, read while the next one runs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.distributed import Processes
from utils.errors import InputError


class Verdict:
    """Whether a step went well: copied to the host while the device works on the next one.

    Args:
        step: its number.
        names: of its samples in this process.
        values: (2,) the loss and the norm of its gradient, on the device.
        skips: whether the optimizer sorts out gradients that are not finite by itself.
    """

    def __init__(self, step: int, names: list[str], values: Tensor, skips: bool) -> None:
        self.step, self.names, self.skips = step, names, skips
        self.values = values.to("cpu", non_blocking=True)
        self.copied = torch.cuda.Event() if values.is_cuda else None
        if self.copied:
            self.copied.record()

    def read(self) -> tuple[float, bool]:
        """The loss, and whether all is finite; waits until the step is done."""
        if self.copied:
            self.copied.synchronize()
        total, norm = self.values.tolist()
        return total, math.isfinite(total) and (self.skips or math.isfinite(norm))


def check(verdict: Verdict | None, processes: Processes) -> None:
    """Wait for a step, if there is one, and look whether it went well in all processes.

    Raises:
        InputError: if the loss or its gradient is not finite in some process; names the samples.
    """
    if verdict is None:
        return
    total, finite = verdict.read()
    if not any(processes.any(not finite)):
        return
    reports = processes.gather((total, verdict.names))
    guilty = [r for r in reports if not math.isfinite(r[0])] or reports
    raise InputError(
        f"step {verdict.step}: the loss is {guilty[0][0]:g} and it or its gradient is not finite;"
        f" the batch was {', '.join(name for report in guilty for name in report[1])}: look at"
        " these files, or lower --lr, or set --clip"
    )
