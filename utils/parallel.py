"""Worker processes that share the cores politely and never outlive their parent; their memory."""

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2
from tqdm import tqdm

from utils.errors import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h


def map_files(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    num_workers: int | None = None,
    title: str,
) -> Iterator[Result]:
    """Yield function(item) for all items, in the order in which they get done.

    Args:
        function: picklable; one thread each is enough, OpenCV is told so in the workers.
        num_workers: processes; None for one a core, 0 or 1 for this process alone.
        title: of the progress bar, which also shows the time left.

    Raises:
        InputError: a process was killed.
        Whatever `function` raises; what has not begun by then never will.
    """
    workers = min(count_cores() if num_workers is None else num_workers, len(items))
    done = map(function, items) if workers <= 1 else _map_in_pool(function, items, workers, title)
    yield from tqdm(done, total=len(items), desc=title, smoothing=0.05, disable=None)


def _map_in_pool(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, title: str
) -> Iterator[Result]:
    pool = open_pool(workers)
    try:
        try:
            futures = [pool.submit(function, item) for item in items]
        except (OSError, ValueError) as error:  # of closed pipes: one ended as the next began
            raise BrokenProcessPool from error
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool as error:
        raise InputError(
            f"{title}: a process was killed, most likely for lack of memory; use fewer of them,"
            f" --num_workers {max(1, workers // 2)}"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def count_cores() -> int:
    """The cores this process may run on: under taskset or a scheduler fewer than there are."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_pool(num_workers: int) -> Executor:
    """A pool of that many processes; with 0, of one thread of this process."""
    if num_workers == 0:
        return ThreadPoolExecutor(1)
    context = multiprocessing.get_context("spawn")  # OpenCV's threads don't survive a fork
    return ProcessPoolExecutor(num_workers, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # the workers share the cores already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when its parent is gone, which could be killed and not end us itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def keep_freed_memory() -> None:
    """Let glibc reuse large blocks instead of returning them: a fifth off a training step on a CPU.

    PyTorch takes CPU tensors straight from malloc, and of fresh memory every page costs a fault.
    Measured on one core of an AMD EPYC, `portrait`, 8 samples of 256x256: 3.5 s a step instead of
    4.3 s, at the same peak of 2.2 GB. Without glibc it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
