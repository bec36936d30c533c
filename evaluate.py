"""Measure a checkpoint on a test set: a CSV with a row per image, a summary, and the settings.

python evaluate.py --src_train_dir train_root/paper --dataset P3M --privacy_data 1
python evaluate.py --checkpoint checkpoints/demo.pth --dataset PPM --protocol pad
torchrun --nproc_per_node 4 evaluate.py --src_train_dir train_root/paper --dataset P3M
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engine.distributed import Processes, gpus_to_launch, join, launch
from engine.evaluation import (
    DATASETS,
    NetworkSource,
    Scorer,
    Source,
    TestSet,
    evaluate,
    open_test_set,
)
from engine.evaluation_files import EvaluationFiles
from engine.protocol import AREAS, PROTOCOLS
from engine.provenance import commit, device_name, file_hash, versions
from models import load_model
from models.checkpoint import latest_checkpoint
from models.inference import PRECISIONS, resolve_precision
from utils.errors import InputError, run_script
from utils.parallel import open_pool
from utils.results import COLUMNS, Row, average


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--src_train_dir", type=Path, help="run folder: its latest checkpoint")
    what.add_argument("--checkpoint", type=Path, help="ours or the authors' .pth")
    add("--dataset", choices=DATASETS, default="P3M")
    add("--privacy_data", type=int, choices=(0, 1), default=1, help="P3M-500-P (1) or -NP (0)")
    add("--data_root", type=Path, default=Path("Datasets"))
    add("--protocol", choices=PROTOCOLS, default="paper", help="resize as the paper, or only pad")
    add("--max_area", help="HD, 4K, none or pixels (paper: HD for PPM and PhotoMatte, else none)")
    add("--precision", choices=PRECISIONS, help="default: fp32 for paper, auto for pad")
    add("--output", type=Path, help="folder (default: test_<dataset> in the run folder)")
    add("--save_imgs", action="store_true", help="write every alpha as PNG, too")
    add("--with_coarse", action="store_true", help="measure the coarse alpha, too: *_coarse.csv")
    add("--num_workers", type=int, help="processes that measure (default: one less than cores)")
    add("--gpus", type=int, nargs="+", help="default: all")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with a stopped evaluation")
    existing.add_argument("--overwrite", action="store_true", help="replace results that are there")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if several := gpus_to_launch(args.gpus):
        return launch(several)
    with join(args.gpus) as processes:
        name, test_set = open_test_set(
            args.dataset, args.data_root, privacy_data=bool(args.privacy_data)
        )
        checkpoint = args.checkpoint or latest_checkpoint(args.src_train_dir)
        settings, source = network_source(args, checkpoint, processes)
        run_folder = args.src_train_dir or checkpoint.parent
        files = EvaluationFiles(
            args.output or run_folder / f"test_{args.dataset}",
            f"{name}_{settings['protocol']}_{checkpoint.stem}",
        )
        rows = run(args, processes, test_set, source, files, {"test_set": name, **settings})
        if not processes.is_main:
            return 0
        print_average(files, rows)
        return 1 if any(row.error for row in rows) else 0


def network_source(
    args: argparse.Namespace, checkpoint: Path, processes: Processes
) -> tuple[dict[str, Any], Source]:
    """The network as a source of alphas, and everything that decides its numbers."""
    precision = args.precision or ("fp32" if args.protocol == "paper" else "auto")
    max_area = parse_area(args)
    settings = {
        "checkpoint": str(checkpoint),
        "checkpoint_sha256": file_hash(checkpoint) if checkpoint.is_file() else None,
        "protocol": args.protocol,
        "max_area": max_area,
        "precision": resolve_precision(precision, processes.device),
        "device": device_name(processes.device),
        "commit": commit(),
        "versions": versions(),
    }
    model = load_model(checkpoint, device=processes.device)
    return settings, NetworkSource(model, args.protocol, max_area, precision, args.with_coarse)


def parse_area(args: argparse.Namespace) -> int | None:
    """--max_area in pixels."""
    text = args.max_area
    if text is None:
        return AREAS["HD"] if args.protocol == "paper" and args.dataset != "P3M" else None
    if text.lower() == "none":
        return None
    if text.upper() in AREAS:
        return AREAS[text.upper()]
    if not text.isdecimal() or int(text) == 0:
        raise InputError(f"--max_area {text}: give HD, 4K, none or a number of pixels")
    return int(text)


def run(
    args: argparse.Namespace,
    processes: Processes,
    test_set: TestSet,
    source: Source,
    files: EvaluationFiles,
    settings: dict[str, Any],
) -> list[Row]:
    """Measure this process's share and gather the rows of all, in the test set's order."""
    done = files.begin(settings, resume=args.resume, overwrite=args.overwrite)
    processes.gather(None)  # nobody writes before everybody has read
    if processes.is_main and not args.resume:
        files.drop_journals()
    processes.gather(None)
    todo = processes.share([i for i, name in enumerate(test_set.names) if name not in done])
    workers = args.num_workers
    if workers is None:
        workers = max(1, min(8, (os.cpu_count() or 1) // processes.count - 1))
    scorer = Scorer(files.image_dir if args.save_imgs else None)
    bar = tqdm(total=len(todo), desc=files.name, disable=not processes.is_main)
    with open_pool(workers) as pool, files.open_journal(processes.rank, settings) as journal, bar:
        mine = []
        for row in evaluate(test_set, todo, source, scorer, pool, max_waiting=2 * workers):
            journal.add(row)
            mine.append(row)
            bar.update()
    for rows in processes.gather(mine):
        done |= {row.name: row for row in rows}
    rows = [done[name] for name in test_set.names]
    if processes.is_main:
        files.write(rows, settings)
        files.drop_journals()
    return rows


def print_average(files: EvaluationFiles, rows: list[Row]) -> None:
    """Say where the results lie and what they are on average."""
    for row in rows:
        if row.error:
            print(f"{row.name}: not measured: {row.error}")
    means = average(rows)
    print("  ".join(f"{column} {means[column]:.4g}" for column in COLUMNS if means))
    print(f"{sum(bool(row.scores) for row in rows)} of {len(rows)} images: {files.csv}")


if __name__ == "__main__":
    run_script(main)
