"""Worker processes that share the cores politely and never outlive their parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any

import cv2


def start_worker() -> None:
    """What a worker process does first: one thread, Ctrl-C left to the parent, ends with it."""
    cv2.setNumThreads(1)  # the workers share the cores already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when its parent is gone, which could be killed and not end us itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def open_pool(num_workers: int) -> Executor:
    """A pool of that many processes; with 0 everything runs in this process, at once."""
    if num_workers == 0:
        return _ThisProcess()
    context = multiprocessing.get_context("spawn")  # OpenCV's threads don't survive a fork
    return ProcessPoolExecutor(num_workers, mp_context=context, initializer=start_worker)


class _ThisProcess(Executor):
    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future
