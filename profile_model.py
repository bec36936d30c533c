"""Count a network's parameters and operations and measure its time and memory.

    python profile_model.py --model_version model --input_size 1792 1152
    python profile_model.py --src_train_dir train_root/paper --grid --precision fp32 bf16
    python profile_model.py --checkpoint checkpoints/portrait.pth --unknown 7 --trace

Prints tables and writes parts.csv and profile.csv. The unknown cells are placed along a person's
outline, so the figures do not depend on what the network has learned.
"""

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from engine.distributed import choose_gpus, use_device
from engine.evaluation.provenance import device_name
from engine.profiling.files import CASES, PARTS, print_tables, write_tables
from engine.profiling.profile import Part, count_parts, measure_case
from models import CONFIGS, MattingModel, build_model, load_model
from models.checkpoint import latest_checkpoint
from models.config import with_settings
from models.inference import PRECISIONS, resolve_precision
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, memory_told, run_script
from utils.files import AnyPath, keep_existing
from utils.parallel import count_cores

SIZES = ((1792, 1152), (3456, 2304), (7680, 4320))  # (width, height) of HD, 4K, 8K


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--src_train_dir", type=Path, help="run folder: its latest checkpoint")
    what.add_argument("--checkpoint", type=Path, help="ours or the authors' .pth")
    what.add_argument("--model_version", choices=CONFIGS, help="random weights")
    add("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="of that, as depths=(2,2,2,2)")
    sizes = parser.add_mutually_exclusive_group()
    how: dict[str, Any] = {"type": number(int, 1), "metavar": ("W", "H"), "default": SIZES[0]}
    sizes.add_argument("--input_size", nargs=2, **how, help="pixels (default: 1792 1152)")
    sizes.add_argument("--grid", action="store_true", help="1792x1152, 3456x2304 and 7680x4320")
    shares = "percent of the cells that are refined (default: 2 7 15 100)"
    add("--unknown", nargs="+", type=number(float, 0), default=[2, 7, 15, 100], help=shares)
    add("--precision", nargs="+", choices=PRECISIONS, default=["auto"])
    add("--seconds", type=number(float, 0), default=1, help="a timing lasts, at least 3 runs")
    add("--trace", action="store_true", help="write Chrome traces, too, to <output>/trace")
    add("--output", type=Path, help="folder (default: profile in the run folder)")
    add("--overwrite", action="store_true", help="replace results that are there")
    add("--gpus", type=int, nargs="*", help="one; none after it: the CPU (default: the first)")
    add("--num_threads", type=number(int, 1), default=count_cores(), help="of the network on a CPU")
    args = parser.parse_args()
    if args.set and not args.model_version:
        raise InputError("--set changes a --model_version; a checkpoint's network stays as it is")
    if max(args.unknown) > 100:
        raise InputError(f"--unknown {max(args.unknown):g}: a share is at most 100 percent")
    return args


def main() -> None:
    args = parse_args()
    gpus = choose_gpus(args.gpus)
    if args.gpus and len(gpus) > 1:
        raise InputError(f"--gpus {' '.join(map(str, gpus))}: a profile is of one GPU; name one")
    torch.set_num_threads(args.num_threads)
    model, home = open_model(args)
    folder = args.output or home
    for name in (PARTS, CASES):
        keep_existing(folder / name, args.overwrite)
    device = use_device(gpus, 0)
    sizes = [(height, width) for width, height in (SIZES if args.grid else [args.input_size])]
    parts = {size: count_parts(model.config, size) for size in sizes}
    rows = measure(args, model.to(device), parts, folder / "trace")
    machine = device_name(device)
    if device.type == "cpu":
        machine += f", {args.num_threads} threads"
    print_tables(machine, parts[sizes[0]], rows)
    write_tables(folder, machine, parts[sizes[0]], rows)
    print(f"written: {folder / PARTS} {folder / CASES}")


def open_model(args: argparse.Namespace) -> tuple[MattingModel, Path]:
    """The network, and the folder that results go to unless --output says otherwise."""
    if args.model_version:
        model = build_model(with_settings(CONFIGS[args.model_version], args.set)).eval()
        return model, Path(f"profile_{args.model_version}")
    checkpoint = args.checkpoint or latest_checkpoint(args.src_train_dir)
    model = load_model(checkpoint)
    model.max_area = None  # the size that was asked for is measured, not a smaller one
    return model, (args.src_train_dir or checkpoint.parent) / "profile"


Parts = dict[tuple[int, int], list[Part]]  # (height, width) -> what count_parts gives


def measure(
    args: argparse.Namespace, model: MattingModel, parts: Parts, traces: AnyPath
) -> list[dict[str, Any]]:
    """Every size (of `parts`) in every precision with every share of unknown cells."""
    device = next(model.parameters()).device
    precisions = dict.fromkeys(resolve_precision(name, device) for name in args.precision)
    rows = []
    cases = list(product(parts, precisions, args.unknown))
    for size, precision, unknown in tqdm(cases, desc="profile", unit="case"):
        name = f"{size[1]}x{size[0]}_{unknown:g}%_{precision}"
        trace = Path(traces, f"{name}.pt.trace.json") if args.trace else None
        more = {"parts": parts[size], "seconds": args.seconds, "trace": trace}
        try:
            with memory_told(name, "it is not measured"):
                rows.append(measure_case(model, size, unknown, precision, **more))
        except InputError as error:
            tqdm.write(str(error), file=sys.stderr)
    if not rows:
        raise InputError("nothing could be measured; give a smaller --input_size")
    return rows


if __name__ == "__main__":
    run_script(main)
