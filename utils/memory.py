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
    Does nothing on systems without glibc.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory ran out: Python's, NumPy's, PyTorch's on a GPU or a CPU."""
    names = {kind.__name__ for kind in type(error).__mro__}  # PyTorch need not be there
    words = ("DefaultCPUAllocator", "MemoryError", "out of memory")  # of a plain RuntimeError
    told = isinstance(error, RuntimeError) and any(word in str(error) for word in words)
    return told or not names.isdisjoint({"MemoryError", "OutOfMemoryError"})


@contextmanager
def memory_told(what: str, remedy: str) -> Iterator[None]:
    """Say in one sentence that memory ran out inside the block.

    Raises:
        InputError: "`what` does not fit into memory; `remedy`".
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        on_gpu = "OutOfMemoryError" in type(error).__name__ or "CUDA" in str(error)
        whose = "the GPU's memory" if on_gpu else "memory"
        raise InputError(f"{what} does not fit into {whose}; {remedy}") from error
