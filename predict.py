"""Matte photos and videos: alpha, cut-outs and composites as files.

    python predict.py --input photos --output mattes
    python predict.py --input me.jpg --output me.png --background green
    python predict.py --input film.mp4 --output film.mov --smooth
    find . -name '*.jpg' | python predict.py --input - --output mattes --skip_existing

Outputs in a folder go to <output>/<kind>/<the input's tree>; each is whole or not there.
"""

import argparse
import os
import sys
from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tqdm import tqdm

from engine.prediction import jobs as planning
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.photos import Outcome, predict_photos
from engine.prediction.predictors import load_predictor, needs_torch
from utils.arguments import OneSentenceParser, join_dashes, number
from utils.errors import InputError, run_script, tell
from utils.parallel import keep_freed_memory

# Stands for engine.distributed's Processes where an .onnx runs, without torch.
ALONE = SimpleNamespace(
    is_main=True, device=None, from_main=lambda plan: plan(), share=list, gather=lambda n: [n]
)


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    add, count = parser.add_argument, number(int, 1)
    add("--input", required=True, help="photo, video, folder, glob, - (list of paths)")
    add("--output", type=Path, required=True, help="folder, or file for one input and kind")
    add("--checkpoint", type=Path, help=".pth, .safetensors or .onnx (default: what ships)")
    add("--write", nargs="+", choices=planning.KINDS, help="default: alpha cutout; file: cutout")
    add("--background", help="of the composite: green, #rrggbb, photo, folder, blur:25")
    add("--no_foreground", action="store_true", help="keep the photo's colours in the cut-out")
    add("--bits", type=int, choices=(8, 16), default=8, help="of a photo's alpha")
    add("--format", choices=planning.PHOTO_FORMATS, default="png", help="of photos in a folder")
    add("--smooth", action="store_true", help="less flicker in a video's alpha")
    add("--precision", choices=("auto", "fp32", "bf16", "fp16"), default="auto")
    add("--gpus", type=int, nargs="*", help="default: all there are; none after it: the CPU")
    add("--batch_size", type=count, help="photos of equal size, or frames (default: 4 on a GPU)")
    add("--num_workers", type=count, default=2, help="threads that decode; as many encode")
    add("--max_area", help="pixels the network sees: HD, 4K, none, a number (default: its own)")
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--skip_existing", action="store_true", help="go on where a run ended")
    existing.add_argument("--overwrite", action="store_true", help="replace outputs that are there")
    return parser.parse_args(join_dashes(sys.argv[1:], "--input", "--output"))


def main() -> int:
    args = parse_args()
    keep_freed_memory()
    if not needs_torch(args.checkpoint) and "LOCAL_RANK" not in os.environ:
        return predict(args, ALONE)
    from engine.distributed import gpus_to_launch, join, launch

    if several := gpus_to_launch(args.gpus):
        return launch(several)
    with join(args.gpus) as processes:
        return predict(args, processes)


def predict(args: argparse.Namespace, processes: Any) -> int:
    """Matte this process's share of the inputs; returns 1 if any failed, in any process."""
    kinds = planning.choose_kinds(args.write, args.background, args.output)
    jobs, refused, kept = processes.from_main(partial(plan, args, kinds))  # before any writes
    background = read_background(args.background or "green", say=processes.is_main)
    layers = LayerMaker(kinds, background, solve=not args.no_foreground, bits=args.bits)
    device, limits = processes.device, {"precision": args.precision, "max_area": args.max_area}
    predictor, about = load_predictor(args.checkpoint, device=device, **limits)
    if processes.is_main:
        print(about)
    common = {
        "batch_size": args.batch_size or (4 if device and device.type != "cpu" else 1),
        "workers": args.num_workers,
        "quiet": not processes.is_main,
    }
    mine = processes.share(jobs)
    photos = [job for job in mine if not planning.is_video(job.source)]
    outcomes: Iterable[Outcome] = predict_photos(photos, predictor, layers, **common)
    if videos := [job for job in mine if planning.is_video(job.source)]:
        from engine.prediction.videos import predict_videos  # PyAV need not be installed

        common["smooth"] = args.smooth
        outcomes = chain(outcomes, predict_videos(videos, predictor, layers, **common))
    failed = sum(processes.gather(report(outcomes)))
    if processes.is_main:
        done = f"{len(jobs) - failed} written to {args.output}, {failed + refused} failed"
        print(done + (f", {kept} there already" if kept else ""))
    return 1 if failed + refused else 0


def plan(args: argparse.Namespace, kinds: list[str]) -> tuple[list[planning.Job], int, int]:
    """The jobs, how many inputs are refused, and how many have all their outputs already."""
    if args.no_foreground and "foreground" in kinds:
        raise InputError("--no_foreground leaves no foreground to write; drop one of the two")
    if args.bits == 16 and args.format == "webp":
        raise InputError("--format webp has no 16-bit alpha; use png or tiff")
    lines = map(os.fsdecode, sys.stdin.buffer) if args.input == "-" else ()  # maybe not UTF-8
    sources = planning.find_sources(args.input, lines, skip=args.output)
    jobs, errors = planning.plan_jobs(sources, args.output, kinds, args.format)
    for error in errors:
        tell(error)
    left = planning.leave_existing(jobs, skip=args.skip_existing, overwrite=args.overwrite)
    return left, len(errors), len(jobs) - len(left)


def report(outcomes: Iterable[Outcome]) -> int:
    """Tell of bad photos and videos as they come; returns how many those were."""
    failed = 0
    for outcome in outcomes:
        for note in outcome.notes:
            tqdm.write(f"note: {note}", file=sys.stderr)
        if outcome.error:
            failed += 1
            tqdm.write(f"error: {outcome.error}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    run_script(main)
