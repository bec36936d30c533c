"""Every GPU path checked and measured, in one command of under 9 minutes.

    python -m benchmarks.gpu --output gpu_results

Each check adds its figures to results.json when it ends, and table.md is written anew; called
again, the command goes on with the checks that are missing. Targets: with 7 % unknown, never the
same number of regions, in bf16, HD at most 3 ms and 4K at most 8 ms; data-wait under 5 % of a step
at 896x896, batch 8. `--gpus` without a number runs all of it small and on the CPU, which only tells
whether the checks themselves work.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from benchmarks.gpu_checks import CHECKS, Bench, Figures
from engine.distributed import choose_gpus, use_device
from engine.evaluation.provenance import device_name
from utils.arguments import OneSentenceParser
from utils.errors import InputError, run_script
from utils.files import AnyPath, atomic_path


def main() -> None:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--output", type=Path, required=True, help="folder for the two files")
    parser.add_argument("--gpus", type=int, nargs="*", help="one; none after it: the CPU")
    parser.add_argument("--only", nargs="+", choices=CHECKS, default=list(CHECKS))
    args = parser.parse_args()
    device = use_device(choose_gpus(args.gpus), 0)
    machine = f"{device_name(device)}, torch {torch.__version__}"
    results = read(args.output / "results.json")
    done = results.setdefault(machine, {})
    args.output.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        if name not in done:
            start = time.perf_counter()
            figures = CHECKS[name](Bench(device))
            done[name] = figures | {"seconds it took": time.perf_counter() - start}
            write(args.output / "results.json", json.dumps(results, indent=1))
            write(args.output / "table.md", table(results))
    print(table({machine: done}), end="")


def read(path: AnyPath) -> dict[str, dict[str, Figures]]:
    """What was measured before: machine -> check -> figures.

    Raises:
        InputError: the file is no such JSON.
    """
    try:
        return json.loads(Path(path).read_text()) if Path(path).exists() else {}
    except ValueError as error:
        raise InputError(f"{path} is no JSON; remove it to measure anew") from error


def write(path: AnyPath, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text)


def table(results: dict[str, dict[str, Figures]]) -> str:
    """Markdown, a row for each figure."""
    lines = ["| machine | check | figure | value |", "|---|---|---|---|"]
    for machine, checks in results.items():
        for check, figures in checks.items():
            for name, value in figures.items():
                shown = value if isinstance(value, str) else f"{value:.4g}"
                lines.append(f"| {machine} | {check} | {name} | {shown} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    run_script(main)
