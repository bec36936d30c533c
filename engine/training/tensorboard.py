"""TensorBoard: losses, speed and memory as curves, and panels of pictures."""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from engine.distributed import Processes
from engine.training.step import Step
from utils.files import AnyPath

SHOWN = 4  # samples in a panel
SIDE = 256  # pixels, of one picture in it
GREEN = (0.0, 0.6, 0.2)


class Watch:
    """Gathers what steps report and writes it.

    Args:
        logger: folder of the event files; None in all but the main process.
        step: where the run goes on; later points of a run that was cut off are hidden.
        batch_size: samples a step, over all processes.
        arguments: written as text.
    """

    def __init__(
        self, logger: AnyPath | None, step: int, batch_size: int, arguments: Mapping[str, Any]
    ) -> None:
        self.writer = SummaryWriter(str(logger), purge_step=step + 1) if logger else None
        self.batch_size, self.steps = batch_size, 0
        self.sums: dict[str, float | Tensor] = {}  # over the steps, by curve
        if self.writer:
            rows = "".join(f"| {name} | {value} |\n" for name, value in arguments.items())
            self.writer.add_text("arguments", f"| name | value |\n|---|---|\n{rows}", step)

    def add(self, step: Step, waited: float, elapsed: float) -> None:
        """Note a step, which took `elapsed` seconds, `waited` of them for its data."""
        values: dict[str, float | Tensor] = {"waited": waited, "elapsed": elapsed}
        values |= {f"loss/{name}": x for name, x in step.losses.items()} | {
            "train/learning_rate": step.rate,
            "train/gradient_norm": step.gradient_norm,
            "train/refined_cells": step.refined,
        }
        self.steps += 1
        self.sums = {name: self.sums.get(name, 0.0) + value for name, value in values.items()}

    def write(self, step: int, processes: Processes) -> dict[str, str]:
        """Write the means since the last call, in all processes at once; return words for a bar."""
        own = torch.stack([torch.as_tensor(x, device="cpu") for x in self.sums.values()])
        reports = torch.stack(processes.gather(own / self.steps))  # (processes, curves)
        waited, elapsed = reports[:, :2].amax(0).tolist()  # of the slowest process
        speed = self.batch_size / elapsed
        scalars = dict(zip(self.sums, reports.mean(0).tolist(), strict=True)) | {
            "speed/samples_per_second": speed,
            "speed/step_seconds": elapsed,
            "speed/data_wait_share": waited / elapsed,
        }
        del scalars["waited"], scalars["elapsed"]
        if processes.device.type == "cuda":
            scalars["speed/gpu_memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
        self.scalars(step, scalars)
        self.steps, self.sums = 0, {}
        total = scalars["loss/total"]
        return {"loss": f"{total:.4f}", "wait": f"{waited / elapsed:.0%}", "img/s": f"{speed:.1f}"}

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write one point of each curve."""
        if self.writer:
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)
            self.writer.flush()

    def panel(self, step: int, done: Step) -> None:
        """Write a picture of the step's last batch."""
        if self.writer:
            self.writer.add_image("panel", draw_panel(done), step)

    def close(self) -> None:
        """Close the event file."""
        if self.writer:
            self.writer.close()


@torch.no_grad()
def draw_panel(step: Step) -> Tensor:
    """(3, rows * side, 8 * side) in [0, 1], a row a sample: photo, truth, coarse alpha, coarse
    trimap, cells, refined alpha, error, composite over green."""
    batch, coarse, found = step.batch, step.output.coarse, step.output.cells
    image, truth, alpha = batch["image"], batch["alpha"], step.output.alpha.float()
    cells = torch.zeros_like(coarse.alpha_logits[-1])  # (B, 1, h, w)
    cells[found[:, 0], 0, found[:, 1], found[:, 2]] = 1
    trimap = coarse.trimap_logits[-1].argmax(1, keepdim=True) / 2
    green = torch.tensor(GREEN, device=alpha.device).view(1, 3, 1, 1)
    composite = torch.lerp(green.expand_as(image), batch["foreground"], alpha)
    columns = [image, truth, coarse.alpha_logits[-1].sigmoid(), trimap, cells]
    columns += [alpha, (alpha - truth).abs(), composite]
    H, W = image.shape[-2:]
    size = (min(SIDE, H), min(SIDE, H) * W // H)
    small = (F.interpolate(x[:SHOWN].float(), size, mode="area") for x in columns)
    shown = [x.expand(-1, 3, -1, -1) for x in small]
    rows = torch.cat(shown, dim=3)  # (rows, 3, side, 8 * side)
    return torch.cat(list(rows), dim=1).clamp(0, 1).cpu()
