"""Matte photos: alpha, cut-outs and composites as image files.

    python predict.py --input photos --output mattes
    python predict.py --input me.jpg --output me.png --background green
    find . -name '*.jpg' | python predict.py --input - --output mattes --skip_existing

A folder's outputs go to <output>/<kind>/<the input's tree>; every output is whole or not there.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from functools import partial
from pathlib import Path

from tqdm import tqdm

from engine.distributed import Processes, gpus_to_launch, join, launch
from engine.jobs import KINDS, Job, find_sources, leave_existing, output_is_file, plan_jobs
from engine.layers import LayerMaker, read_background
from engine.prediction import Predictor, predict_photos
from engine.predictors import load_predictor
from utils.errors import InputError, run_script
from utils.images import MAX_PIXELS, read_photo


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--input", required=True, help="photo, folder, glob, or - for a list of paths")
    add("--output", type=Path, required=True, help="folder, or file for one photo and kind")
    add("--checkpoint", type=Path, help="ours or the authors' (default: checkpoints/demo.pth)")
    add("--write", nargs="+", choices=KINDS, help="default: alpha cutout; one file: cutout")
    add("--background", help="of the composite: green, #rrggbb, photo, folder, blur:25")
    add("--no_foreground", action="store_true", help="keep the photo's colours in the cut-out")
    add("--bits", type=int, choices=(8, 16), default=8, help="of the alpha")
    add("--format", choices=("png", "webp", "tiff"), default="png", help="of files in a folder")
    add("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    add("--gpus", type=int, nargs="*", help="default: all there are; none after it: the CPU")
    add("--batch_size", type=int, default=1, help="photos of equal size at once")
    add("--num_workers", type=int, default=2, help="threads that decode, and that encode")
    add("--max_pixels", type=int, default=MAX_PIXELS, help="larger photos are refused")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--skip_existing", action="store_true", help="go on where a run ended")
    existing.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    kinds = wanted_kinds(args)
    warnings.filterwarnings("ignore", module="PIL")  # broken EXIF: what can't be read is left out
    if several := gpus_to_launch(args.gpus):
        return launch(several)
    with join(args.gpus) as processes:
        # One process looks at what is there before any of them writes.
        jobs, errors = processes.gather(plan(args, kinds) if processes.is_main else None)[0]
        layers = LayerMaker(
            kinds,
            background=read_background(args.background or "green", args.max_pixels),
            solve=not args.no_foreground,
            bits=args.bits,
        )
        predictor, about = load_predictor(
            args.checkpoint, device=processes.device, precision=args.precision
        )
        if processes.is_main:
            print(about)
        failed = run(processes, jobs, predictor, layers, args)
        failed = sum(processes.gather(failed))
        if processes.is_main:
            print(f"{len(jobs) - failed} photos written to {args.output}, {failed + errors} failed")
        return 1 if failed + errors else 0


def wanted_kinds(args: argparse.Namespace) -> list[str]:
    """Return the kinds to write, and refuse options that would do nothing."""
    default = ["cutout"] if output_is_file(args.output) else ["alpha", "cutout"]
    if args.background:
        default = ["composite"] if output_is_file(args.output) else [*default, "composite"]
    kinds = list(dict.fromkeys(args.write or default))
    if args.background and "composite" not in kinds:
        raise InputError("--background is of the composite; add composite to --write")
    if args.no_foreground and "foreground" in kinds:
        raise InputError("--no_foreground leaves no foreground to write; drop one of the two")
    if args.bits == 16 and args.format == "webp":
        raise InputError("--format webp has no 16-bit alpha; use png or tiff")
    if min(args.batch_size, args.num_workers, args.max_pixels) < 1:
        raise InputError("--batch_size, --num_workers and --max_pixels must be at least 1")
    return kinds


def plan(args: argparse.Namespace, kinds: list[str]) -> tuple[list[Job], int]:
    """Find the inputs and name the outputs; returns the jobs and how many inputs are refused."""
    sources = find_sources(args.input, sys.stdin, skip=args.output)
    jobs, errors = plan_jobs(sources, args.output, kinds, f".{args.format}")
    jobs = leave_existing(jobs, skip=args.skip_existing, overwrite=args.overwrite)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    return jobs, len(errors)


def run(
    processes: Processes,
    jobs: list[Job],
    predictor: Predictor,
    layers: LayerMaker,
    args: argparse.Namespace,
) -> int:
    """Matte this process's share and report bad files as they come; returns how many they were."""
    failed = 0
    share = processes.share(jobs)
    outcomes = predict_photos(
        share,
        predictor,
        layers,
        batch_size=args.batch_size,
        workers=args.num_workers,
        read=partial(read_photo, max_pixels=args.max_pixels),
    )
    bar = tqdm(total=len(share), desc="photos", unit="photo", disable=not processes.is_main)
    with bar:
        for outcome in outcomes:
            bar.update()
            if outcome.error:
                failed += 1
                tqdm.write(f"error: {outcome.error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    run_script(main)
