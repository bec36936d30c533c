"""Memory: how the C library hands it back, and the sentence where there is too little."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from utils.errors import InputError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them: a fifth off a training step on a CPU.

    PyTorch takes CPU tensors straight from malloc, and of fresh memory every page costs a fault.
    Measured on one core of an AMD EPYC, `portrait`, 8 samples of 256x256: 3.5 s a step instead of
    4.3 s, at the same peak of 2.2 GB; `demo` at 384x384: 3.7 s, not 4.0 s. Without glibc it does
    nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def memory_told(what: str, remedy: str) -> Iterator[None]:
    """Say in one sentence that memory ran out inside the block.

    Raises:
        InputError: "`what` does not fit into memory; `remedy`".
    """
    try:
        yield
    except Exception as error:  # NumPy, PyTorch and OpenCV have errors of their own
        text = f"{type(error).__name__}: {error}"
        words = ("MemoryError", "DefaultCPUAllocator", "out of memory", "Insufficient memory")
        if not any(word in text for word in words):
            raise
        on_gpu = text.startswith("OutOfMemoryError") or "CUDA" in text
        whose = "the GPU's memory" if on_gpu else "memory"
        raise InputError(f"{what} does not fit into {whose}; {remedy}") from error
