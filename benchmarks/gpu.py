"""Every GPU path checked and measured, in one command of under 9 minutes.

    python -m benchmarks.gpu --output gpu_results

Each check adds its figures to results.json when it ends; called again, the command goes on with the
checks that are missing, and writes table.md at the end. Targets: with 7 % unknown, never the same
number of regions, in bf16, HD at most 3 ms and 4K at most 8 ms; data-wait under 5 % of a step at
896x896, batch 8. Without a GPU all of it runs small, which only tells whether the checks
themselves work.
"""

import json
import time
from pathlib import Path

import torch

from benchmarks.gpu_checks import CHECKS, Bench, Figures
from engine.distributed import choose_gpus, use_device
from engine.evaluation.provenance import device_name
from utils.arguments import OneSentenceParser
from utils.errors import InputError, run_script
from utils.files import atomic_path


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--gpus", type=int, nargs="*", help="one; none after it: the CPU")
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    args = parser.parse_args()
    device = use_device(choose_gpus(args.gpus), 0)
    path = args.output / "results.json"
    try:  # machine -> check -> figures
        results = {**json.loads(path.read_text())} if path.exists() else {}
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is no JSON table; remove it to measure anew") from error
    machine = f"{device_name(device)}, torch {torch.__version__}"
    if device.type == "cpu":
        machine += ": a trial on small photos, whatever the lines below call them"
    done: dict[str, Figures] = results.setdefault(machine, {})
    for name in args.only:
        if name not in done:
            start = time.perf_counter()
            figures = CHECKS[name](Bench(device))
            done[name] = figures | {"seconds it took": time.perf_counter() - start}
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(results, indent=1))
    lines = [f"| {machine} | |", "|---|---|"]
    for check, figures in done.items():
        for name, value in figures.items():
            shown = value if isinstance(value, str) else f"{value:.4g}"
            lines.append(f"| {check}: {name} | {shown} |")
    print("\n".join(lines))
    with atomic_path(args.output / "table.md") as temporary:
        temporary.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    run_script(main)
