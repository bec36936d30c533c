"""Tables of several systems' results, with paired differences.

    python -m utils.report compare modnet.csv ours.csv --format markdown --paper P3M-500-NP
    python -m utils.report compare coarse.csv refined.csv --metrics SAD_TRIMAP --require_gain 25

Each CSV comes from evaluate.py. Differences are from the first one, image by image; in brackets
stands the 95 % bootstrap interval of their mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.metrics import is_larger_better
from utils.results.rows import read_results
from utils.results.statistics import summarise
from utils.results.tables import FORMATS, render

DEFAULT_METRICS = ("SAD", "MSE", "MAD", "SAD_TRIMAP", "GRAD", "CONN", "IoU")  # where all have it
# Zhong and Zharkov 2024, arXiv 2311.03770, table 2: the metrics on the one set and on the other.
PAPER_SETS = ("P3M-500-NP", "P3M-500-P")
PAPER_METRICS = ("SAD", "SAD_TRIMAP", "GRAD", "CONN")
PAPER = {
    "DIM, given a trimap": ((5.32, 5.32, 4.70, 7.70), (4.89, 4.89, 4.48, 9.68)),
    "P3M-Net (ResNet-34)": ((11.23, 7.65, 10.35, 12.51), (8.73, 6.89, 8.22, 13.88)),
    "MODNet, 512 input": ((20.20, 12.48, 16.83, 18.41), (30.08, 12.22, 19.73, 28.61)),
    "MODNet, full size": ((63.74, 13.56, 25.75, 62.69), (95.47, 13.70, 37.28, 94.86)),
    "BGMv2 ResNet-50": ((16.72, 7.55, 13.00, 15.39), (15.70, 7.23, 15.54, 14.71)),
    "BGMv2 ResNet-101": ((15.66, 7.72, 12.42, 14.65), (13.90, 7.23, 14.69, 13.13)),
    "LPM": ((10.60, 6.83, 10.78, 9.77), (10.04, 6.44, 12.65, 9.41)),
}


@dataclass(frozen=True)
class System:
    """What one CSV holds: a row of scores per image, a column per metric."""

    name: str
    scores: pd.DataFrame


def load_systems(paths: Sequence[AnyPath], names: Sequence[str] | None) -> list[System]:
    """Read the CSVs; `names` replace the file names.

    Raises:
        InputError: as read_results, or there are not as many names as files.
    """
    if names is not None and len(names) != len(paths):
        raise InputError(f"--names has {len(names)} names for {len(paths)} CSVs; give one for each")
    stems = [Path(path).stem for path in paths]
    titles = names or (stems if len(set(stems)) == len(stems) else [str(path) for path in paths])
    return [System(title, read_results(path)) for title, path in zip(titles, paths, strict=True)]


def choose_images(systems: Sequence[System], *, common: bool) -> list[System]:
    """The systems with the images to compare over, in the first one's order.

    Raises:
        InputError: if the systems were not measured on the same images; with `common` those that
            all have are enough.
    """
    images = systems[0].scores.index
    for system in systems:
        images = images[images.isin(system.scores.index)]
    if images.empty:
        raise InputError("the CSVs have no image in common; give results on one test set")
    for system in systems:
        extra = system.scores.index.difference(images, sort=False)
        if len(extra) and not common:
            raise InputError(
                f"{len(extra)} images of {system.name} (such as {extra[0]}) are not in every CSV; "
                "--common compares over those that are"
            )
    return [replace(system, scores=system.scores.loc[images]) for system in systems]


def choose_metrics(systems: Sequence[System], asked: Sequence[str] | None) -> list[System]:
    """The systems with the metrics asked for, else those of DEFAULT_METRICS that all CSVs have.

    Raises:
        InputError: a CSV lacks one that was asked for, or they share none.
    """
    for metric in asked or ():
        for system in systems:
            if metric not in system.scores:
                have = ", ".join(system.scores)
                raise InputError(f"{system.name} has no column {metric}; it has {have}")
    shared = [m for m in asked or DEFAULT_METRICS if all(m in s.scores for s in systems)]
    if not shared:
        raise InputError("the CSVs share none of the usual metrics; name some with --metrics")
    return [replace(system, scores=system.scores[shared]) for system in systems]


def paper_rows(test_set: str, metrics: Sequence[str]) -> list[list[str]]:
    """The paper's published means, which were measured by its authors."""
    rows = []
    for name, values in PAPER.items():
        known = dict(zip(PAPER_METRICS, values[PAPER_SETS.index(test_set)], strict=True))
        cells = [f"{known[m]:.2f}" if m in known else "" for m in metrics]
        rows.append([f"{name} (published)", *cells])
    return rows


def difference_rows(systems: Sequence[System]) -> list[list[str]]:
    """One line per system but the first: mean paired differences and their intervals."""
    first, *others = systems
    rows = []
    for system in others:
        summaries = summarise(system.scores - first.scores)
        parts = summaries[["mean", "low", "high"]].map(decimals, sign=True).itertuples(index=False)
        rows.append([system.name, *(f"{mean} [{low}, {high}]" for mean, low, high in parts)])
    return rows


def decimals(value: float, *, sign: bool = False) -> str:
    """Two decimals, or three digits for what is smaller: MSE and MAD are thousandths."""
    plus = "+" if sign else ""
    return f"{value:{plus}.2f}" if abs(value) >= 1 or value == 0 else f"{value:{plus}.3g}"


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = OneSentenceParser(__doc__, prog="python -m utils.report")
    compare = parser.add_subparsers(required=True).add_parser("compare", help="a table of systems")
    add = compare.add_argument
    add("csv", type=Path, nargs="+", help="CSVs of evaluate.py; the first is the reference")
    add("--names", nargs="+", help="of the systems (default: the file names)")
    add("--metrics", nargs="+", metavar="METRIC", help="columns that every CSV has")
    add("--format", choices=FORMATS, default="text")
    add("--paper", choices=PAPER_SETS, help="add the paper's published rows for this test set")
    add("--common", action="store_true", help="compare over the images that all CSVs have")
    gain_help = "exit status 1 unless the last betters the first by this much in the first metric"
    add("--require_gain", type=number(float, 0), metavar="PERCENT", help=gain_help)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    systems = load_systems(args.csv, args.names)
    systems = choose_metrics(choose_images(systems, common=args.common), args.metrics)
    metrics = list(systems[0].scores)
    title = f"Means over {len(systems[0].scores)} images"
    rows = [[system.name, *system.scores.mean().map(decimals)] for system in systems]
    if args.paper:
        title += f"; published: all of {args.paper}"
        rows += paper_rows(args.paper, metrics)
    tables = [(title, rows)]
    if len(systems) > 1:
        title = f"Difference from {systems[0].name}, 95 % interval"
        tables.append((title, difference_rows(systems)))
    header = ["system", *metrics]
    print("\n\n".join(render(title, header, rows, args.format) for title, rows in tables))
    if args.require_gain is None:
        return 0
    metric, first, last = metrics[0], systems[0], systems[-1]
    before, after = first.scores[metric].mean(), last.scores[metric].mean()
    sign, side = (1, "above") if is_larger_better(metric) else (-1, "below")
    found = sign * 100 * (after / before - 1) if before else 0.0
    print(f"\n{metric} of {last.name} is {found:.1f} % {side} that of {first.name}")
    return 0 if found >= args.require_gain else 1


if __name__ == "__main__":
    run_script(main)
