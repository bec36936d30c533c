"""Measure a checkpoint, or alphas from elsewhere, on a test set.

    python evaluate.py --src_train_dir train_root/paper --dataset P3M --privacy_data 1
    python evaluate.py --checkpoint checkpoints/portrait.pth --dataset PPM --protocol pad --report
    python evaluate.py --checkpoint checkpoints/portrait.pth --dataset Portraits --portraits mine
    python evaluate.py --predictions modnet_alphas --dataset P3M
    torchrun --nproc_per_node 4 evaluate.py --src_train_dir train_root/paper --dataset P3M

Writes a CSV with a row per image and the average, a summary with intervals, and a JSON of what
decided the numbers. Exit status 1: some image could not be measured; its row says why.
"""

import argparse
from pathlib import Path
from typing import Any

import torch

from engine.distributed import gpus_to_launch, join, launch
from engine.evaluation.files import EvaluationFiles, coarse_rows
from engine.evaluation.loop import evaluate
from engine.evaluation.protocol import PROTOCOLS
from engine.evaluation.provenance import commit, versions
from engine.evaluation.sources import Source, open_folder, open_network, tell_unused
from engine.evaluation.test_sets import TEST_SETS, Place
from models.checkpoint import latest_checkpoint
from models.inference import PRECISIONS
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.parallel import count_cores
from utils.results.rows import average


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--src_train_dir", type=Path, help="run folder: its latest checkpoint")
    what.add_argument("--checkpoint", type=Path, help="ours or the authors' .pth")
    what.add_argument("--predictions", type=Path, help="folder of alphas: png, tiff, npy, ...")
    add("--dataset", choices=TEST_SETS, default="P3M")
    add("--privacy_data", type=int, choices=(0, 1), default=1, help="P3M-500-P (1) or -NP (0)")
    add("--data_root", type=Path, default=Path("Datasets"))
    own = "folders with image/ and alpha/, for Portraits"
    add("--portraits", type=Path, nargs="+", default=[], metavar="FOLDER", help=own)
    add("--split", metavar="FILE.csv:PART", help="of --portraits those that this table gives PART")
    add("--protocol", choices=PROTOCOLS, help="resize, or only pad (pad for Portraits, else paper)")
    add("--max_area", help="HD, 4K, none or pixels (pad: as the checkpoint asks; paper: its rule)")
    add("--precision", choices=PRECISIONS, help="default: fp32 for paper, auto for pad")
    add("--output", type=Path, help="folder (default: test_<dataset> in the run folder)")
    add("--save_imgs", action="store_true", help="write every alpha as PNG, too")
    add("--report", action="store_true", help="write a page with pictures and histograms, too")
    add("--with_coarse", action="store_true", help="measure the coarse alpha, too: *_coarse.csv")
    add("--num_workers", type=number(int, 0), help="processes that measure (all cores but one)")
    add("--num_threads", type=number(int, 1), default=count_cores(), help="of the network on a CPU")
    add("--gpus", type=int, nargs="*", help="default: all; none named: the CPU")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with a stopped evaluation")
    existing.add_argument("--overwrite", action="store_true", help="replace results that are there")
    args = parser.parse_args()
    if args.dataset != "Portraits" and (args.portraits or args.split):
        raise InputError("--portraits and --split are of use to --dataset Portraits alone")
    for name in ("max_area", "precision", "with_coarse"):
        if args.predictions and getattr(args, name):
            raise InputError(f"--{name} is of no use to --predictions")
    args.protocol = args.protocol or TEST_SETS[args.dataset].protocol
    args.precision = args.precision or ("fp32" if args.protocol == "paper" else "auto")
    return args


def main() -> int:
    args = parse_args()
    gpus = [] if args.predictions else args.gpus
    if several := gpus_to_launch(gpus):
        return launch(several)
    with join(gpus) as processes:
        place = Place(args.data_root, bool(args.privacy_data), args.portraits, args.split)
        set_name, test_set = TEST_SETS[args.dataset].open(place)
        if processes.is_main and args.predictions:
            tell_unused(args.predictions, set_name, test_set.names)
        files, settings, source = open_source(args, set_name, processes.device)
        how = {name: getattr(args, name) for name in ("resume", "overwrite", "num_workers")}
        rows = evaluate(processes, test_set, source, files, settings, **how)
    if not processes.is_main:
        return 0
    failed = [row for row in rows if row.error]
    for row in failed:
        print(f"{row.name}: {row.error}")
    for title, scored in (("", rows), ("coarse: ", coarse_rows(rows))):
        if means := average(scored, files.columns):
            print(title + "  ".join(f"{name} {means[name]:.4g}" for name in files.columns))
    print(f"{len(rows) - len(failed)} of {len(rows)} images: {files.path('.csv')}")
    return int(bool(failed))


def open_source(
    args: argparse.Namespace, set_name: str, device: torch.device
) -> tuple[EvaluationFiles, dict[str, Any], Source]:
    """Where results go, everything that decides them, and where the alphas come from."""
    entry = TEST_SETS[args.dataset]
    if args.predictions:
        settings, source = open_folder(args.predictions)
        home, parts = args.predictions, [set_name, args.predictions.resolve().name]
    else:
        checkpoint = args.checkpoint or latest_checkpoint(args.src_train_dir)
        names = ("num_threads", "protocol", "max_area", "precision", "with_coarse")
        how = {name: getattr(args, name) for name in names}
        settings, source = open_network(checkpoint, device, paper_area=entry.area, **how)
        home = args.src_train_dir or checkpoint.parent
        parts = [set_name, args.protocol, args.max_area, checkpoint.stem]
    settings |= {"save_imgs": args.save_imgs, "report": args.report}
    settings |= {"commit": commit(), "versions": versions()}
    if args.portraits:
        settings |= {"portraits": [str(path) for path in args.portraits], "split": args.split}
    folder = args.output or home / f"test_{args.dataset}"
    files = EvaluationFiles(folder, "_".join(filter(None, parts)), entry.columns)
    return files, {"test_set": set_name, **settings}, source


if __name__ == "__main__":
    run_script(main)
