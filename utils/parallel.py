"""Work over many files in several processes, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import cv2
from tqdm import tqdm

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        Whatever `function` raises; what has not begun by then never will.
    """
    workers = min(os.cpu_count() or 1 if num_workers is None else num_workers, len(items))
    with tqdm(total=len(items), desc=title, smoothing=0.05, disable=None) as bar:
        if workers <= 1:
            for item in items:
                yield function(item)
                bar.update()
            return
        context = multiprocessing.get_context("spawn")  # threads of the parent don't survive a fork
        pool = ProcessPoolExecutor(workers, context, initializer=_use_one_thread)
        try:
            for future in as_completed([pool.submit(function, item) for item in items]):
                yield future.result()
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)


def _use_one_thread() -> None:
    cv2.setNumThreads(1)
