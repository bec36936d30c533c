"""From a data set and a source of alphas to metric rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data.sample import Sample
from engine.distributed import Processes
from engine.evaluation.files import EvaluationFiles
from engine.evaluation.sources import Answer, Source
from engine.evaluation.test_sets import TestSet
from utils.errors import InputError, memory_told
from utils.files import AnyPath
from utils.images import to_integers, write_image
from utils.metrics import COLUMNS, measure, size_text
from utils.parallel import count_cores, open_pool
from utils.results.page import make_thumbnails
from utils.results.rows import Row, add_to_journal


@dataclass(frozen=True)
class Scorer:
    """Measures one answer; what the worker processes run.

    Attributes:
        image_dir: where the alphas are saved as 8-bit PNGs, or None.
        thumbnails: whether the rows carry pictures for the report.
        columns: the metrics.
    """

    image_dir: AnyPath | None = None
    thumbnails: bool = False
    columns: Sequence[str] = COLUMNS

    def __call__(self, sample: Sample, answer: Answer) -> Row:
        assert sample.alpha is not None and sample.trimap is not None
        extra: dict[str, Any] = {
            "size": size_text(sample.image),
            "truth_sha256": sha256(sample.alpha.tobytes() + sample.trimap.tobytes()).hexdigest(),
        }
        try:
            truth = sample.alpha, sample.trimap, self.columns
            scores = measure(answer.alpha, *truth)
            if answer.network_size is not None:
                extra["network_size"] = "x".join(map(str, answer.network_size))
            if answer.coarse_alpha is not None:
                extra["coarse"] = measure(answer.coarse_alpha, *truth)
            if self.thumbnails:
                alpha = to_integers(answer.alpha)
                extra |= make_thumbnails(sample.as_srgb(), sample.alpha, alpha)
            if self.image_dir is not None:
                path = Path(self.image_dir, f"{sample.name}.png")
                write_image(path, to_integers(answer.alpha))
        except (InputError, OSError) as error:
            return Row(sample.name, error=str(error))
        return Row(sample.name, scores, extra=extra)


def evaluate(
    test_set: TestSet,
    indices: Iterable[int],
    source: Source,
    scorer: Scorer,
    pool: Executor,
    max_waiting: int,
) -> Iterator[Row]:
    """Measure some images of a test set, in the order of `indices`.

    This process reads the images and asks `source`; meanwhile the pool measures. An image that
    can't be read, matted or measured gives a row with the reason.

    Args:
        max_waiting: how many answers may wait for the pool, which bounds the memory.
    """
    waiting: deque[Future[Row]] = deque()
    for index in indices:
        name = test_set.names[index]
        try:
            sample = test_set[index]
            with memory_told("it", "lower --max_area"):
                waiting.append(pool.submit(scorer, sample, source(sample)))
        except (InputError, OSError) as error:
            waiting.append(pool.submit(Row, name, error=str(error)))
        while len(waiting) > max_waiting:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def evaluate_shared(
    processes: Processes,
    test_set: TestSet,
    source: Source,
    files: EvaluationFiles,
    settings: dict[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    num_workers: int | None = None,
) -> list[Row]:
    """Share a test set out among the processes, measure it, and write the files.

    Every row goes into a journal at once, so that a killed evaluation can be resumed, by as many
    processes as one likes.

    Args:
        settings: what decides the numbers; resuming under other settings is refused.
        num_workers: processes per process that measure; 0 for none, None for one less than cores.

    Returns:
        All rows in the test set's order, in every process.

    Raises:
        InputError: as EvaluationFiles.begin.
    """
    done = files.begin(settings, resume=resume, overwrite=overwrite)
    processes.gather(None)  # nobody writes before everybody has read
    if processes.is_main and not resume:
        files.drop_journals()
    processes.gather(None)
    todo = processes.share([i for i, name in enumerate(test_set.names) if name not in done])
    if num_workers is None:
        num_workers = max(1, min(8, count_cores() // processes.count - 1))
    scorer = Scorer(
        files.path("") if settings["save_imgs"] else None, settings["report"], files.columns
    )
    mine = []
    bar = tqdm(todo, desc=files.name, disable=None if processes.is_main else True)
    try:
        journal = files.path(f".part{processes.rank}.jsonl")
        with open_pool(num_workers) as pool:
            for row in evaluate(test_set, bar, source, scorer, pool, 2 * num_workers):
                add_to_journal(journal, row, settings)
                mine.append(row)
    except BrokenProcessPool as error:
        raise InputError(
            "a process that measures was killed, most likely for lack of memory; --resume goes on, "
            f"with fewer of them by --num_workers {num_workers // 2}"
        ) from error
    for rows in processes.gather(mine):
        done |= {row.name: row for row in rows}
    rows = [done[name] for name in test_set.names]
    if processes.is_main:
        files.write(rows, settings)
        files.drop_journals()
    processes.gather(None)  # torchrun stops the others when one leaves with an error
    return rows
