"""Time and memory of a function, on a CPU or a GPU."""

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from utils.files import AnyPath, atomic_path


@dataclass(frozen=True)
class Timing:
    """Seconds a run takes: the 10th percentile, the median and the 90th, of so many runs."""

    runs: int
    low: float
    median: float
    high: float


def measure_time(run: Callable[[], Any], device: torch.device, seconds: float) -> Timing:
    """Run again and again for so many seconds, at least three times; warming up is the caller's."""
    times: list[float] = []
    begin = time.perf_counter()
    synchronise(device)
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return Timing(len(times), *np.percentile(times, (10, 50, 90)).tolist())


def measure_peak(run: Callable[[], Any], device: torch.device) -> int | None:
    """Bytes that `run` needs at its worst moment beyond what was held before.

    On a GPU what PyTorch reserves, on a CPU the resident memory of this process, as Linux counts
    it; None on other systems.
    """
    if device.type == "cuda":
        synchronise(device)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        synchronise(device)
        # Reserved: what a replayed graph works in counts as reserved, not as allocated.
        return torch.cuda.max_memory_reserved(device) - before
    try:
        ctypes.CDLL(None).malloc_trim(0)  # what earlier runs freed must not be had for nothing
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
        before = _memory("VmRSS")
        run()
        return _memory("VmHWM") - before
    except (OSError, AttributeError):  # no such file or function outside Linux with glibc
        return None


def _memory(name: str) -> int:
    """VmRSS (now) or VmHWM (peak), in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def write_trace(run: Callable[[], Any], device: torch.device, path: AnyPath) -> None:
    """A Chrome trace of one run: for chrome://tracing, Perfetto, or TensorBoard's profile tab."""
    with torch.profiler.profile() as profiler:
        run()
        synchronise(device)
    with atomic_path(path) as temporary:
        profiler.export_chrome_trace(str(temporary))
