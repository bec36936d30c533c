"""From a data set and a source of alphas to metric rows."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data.folders import FolderDataset, Sample
from engine.distributed import Processes
from engine.evaluation.files import EvaluationFiles
from engine.evaluation.sources import Answer, Source
from utils.errors import InputError, memory_told
from utils.files import AnyPath
from utils.images import to_integers, write_image
from utils.metrics import COLUMNS, measure, size_text
from utils.parallel import count_cores, open_pool
from utils.results.page import make_thumbnails
from utils.results.rows import Row, add_to_journal


def evaluate(
    processes: Processes,
    test_set: FolderDataset,
    source: Source,
    files: EvaluationFiles,
    settings: dict[str, Any],
    *,
    resume: bool = False,
    overwrite: bool = False,
    num_workers: int | None = None,
) -> list[Row]:
    """Share a test set out among the processes, measure it, write the files and return all rows.

    Every row goes into a journal at once, so that a killed evaluation can be resumed, by as many
    processes as one likes.

    Args:
        settings: what decides the numbers; resuming under other settings is refused.
        num_workers: processes per process that measure; 0 for none, None for one less than cores.

    Raises:
        InputError: as EvaluationFiles.begin; or a process that measures was killed.
    """
    done = files.begin(settings, resume=resume, overwrite=overwrite)
    processes.gather(None)  # nobody writes before everybody has read
    if processes.is_main and not resume:
        files.drop_journals()
    processes.gather(None)
    todo = processes.share([i for i, name in enumerate(test_set.names) if name not in done])
    if num_workers is None:
        num_workers = max(1, min(8, count_cores() // processes.count - 1))
    folder = files.path("") if settings["save_imgs"] else None
    scorer = partial(score, columns=files.columns, folder=folder, thumbnails=settings["report"])
    bar = tqdm(todo, desc=files.name, disable=None if processes.is_main else True)
    journal, mine = files.path(f".part{processes.rank}.jsonl"), []
    try:
        with open_pool(num_workers) as pool:
            for row in _rows(test_set, bar, source, partial(pool.submit, scorer), 2 * num_workers):
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


def _rows(
    test_set: FolderDataset,
    indices: Iterable[int],
    source: Source,
    submit: Callable[[Sample, Answer], Future[Row]],
    max_waiting: int,
) -> Iterator[Row]:
    """Measure images in the order of `indices`; what can't be gives a row with the reason.

    This process asks `source`; meanwhile a pool measures, for which `max_waiting` answers wait.
    """
    waiting: deque[Future[Row]] = deque()
    for index in indices:
        try:
            sample = test_set[index]
            with memory_told("it", "lower --max_area"):
                waiting.append(submit(sample, source(sample)))
        except (InputError, OSError) as error:
            waiting.append(Future())
            waiting[-1].set_result(Row(test_set.names[index], error=str(error)))
        while len(waiting) > max_waiting:
            yield waiting.popleft().result()
    yield from (future.result() for future in waiting)


def score(
    sample: Sample,
    answer: Answer,
    *,
    columns: Sequence[str] = COLUMNS,
    folder: AnyPath | None = None,
    thumbnails: bool = False,
) -> Row:
    """Measure one answer; what the worker processes run.

    An 8-bit PNG goes to `folder`; with `thumbnails` the row carries pictures for the report.
    """
    assert sample.alpha is not None and sample.trimap is not None
    truth = sample.alpha, sample.trimap, columns
    extra: dict[str, Any] = {
        "size": size_text(sample.image),
        "truth_sha256": sha256(sample.alpha.tobytes() + sample.trimap.tobytes()).hexdigest(),
    }
    try:
        scores = measure(answer.alpha, *truth)
        if answer.network_size is not None:
            extra["network_size"] = "x".join(map(str, answer.network_size))
        if answer.coarse_alpha is not None:
            extra["coarse"] = measure(answer.coarse_alpha, *truth)
        alpha = to_integers(answer.alpha)
        if thumbnails:
            extra |= make_thumbnails(sample.as_srgb(), sample.alpha, alpha)
        if folder is not None:
            write_image(Path(folder, f"{sample.name}.png"), alpha)
    except (InputError, OSError) as error:
        return Row(sample.name, error=str(error))
    return Row(sample.name, scores, extra=extra)
