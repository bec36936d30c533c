"""Tables of several systems' results, with paired differences.

    python -m utils.report compare modnet.csv ours.csv --format markdown --paper P3M-500-NP
    python -m utils.report compare coarse.csv refined.csv --metrics SAD_TRIMAP --require_gain 25

Each CSV comes from evaluate.py. Differences are from the first one, image by image; in brackets
stands the 95 % bootstrap interval of their mean.
"""

import argparse
from collections.abc import Sequence
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
Systems = dict[str, pd.DataFrame]  # by name: a row of scores per image, a column per metric


def load_systems(paths: Sequence[AnyPath], names: Sequence[str] | None) -> Systems:
    """Read the CSVs; `names` replace the file names.

    Raises:
        InputError: as read_results, there are not as many names as files, or two are the same.
    """
    stems = [Path(path).stem for path in paths]
    titles = names or (stems if len(set(stems)) == len(stems) else [str(path) for path in paths])
    if len(titles) != len(paths) or len(set(titles)) < len(titles):
        given = f"{len(paths)} CSVs have the names {', '.join(titles)}"
        raise InputError(f"{given}; give each its own with --names")
    return dict(zip(titles, map(read_results, paths), strict=True))


def choose(systems: Systems, metrics: Sequence[str] | None) -> Systems:
    """The images that all systems have, in the first one's order, and metrics that all have.

    Args:
        metrics: that are wanted; None for those of DEFAULT_METRICS that all CSVs have.

    Raises:
        InputError: the systems share no image or no metric, or one lacks a metric that is wanted.
    """
    every = list(systems.values())
    images = every[0].index
    for name, scores in systems.items():
        images = images[images.isin(scores.index)]
        if lacking := [metric for metric in metrics or () if metric not in scores]:
            raise InputError(f"{name} has no column {lacking[0]}; it has {', '.join(scores)}")
    if images.empty:
        raise InputError("the CSVs have no image in common; give results on one test set")
    shared = [m for m in metrics or DEFAULT_METRICS if all(m in scores for scores in every)]
    if not shared:
        raise InputError("the CSVs share none of the usual metrics; name some with --metrics")
    return {name: scores.loc[images, shared] for name, scores in systems.items()}


def paper_rows(test_set: str, metrics: Sequence[str]) -> list[list[str]]:
    """The paper's published means, which were measured by its authors."""
    rows = []
    for name, values in PAPER.items():
        known = dict(zip(PAPER_METRICS, values[PAPER_SETS.index(test_set)], strict=True))
        cells = (f"{known[m]:.2f}" if m in known else "" for m in metrics)
        rows.append([f"{name} (published)", *cells])
    return rows


def difference_rows(systems: Systems) -> list[list[str]]:
    """One line per system but the first: mean paired differences and their intervals."""
    first, *others = systems
    rows = []
    for name in others:
        summaries = summarise(systems[name] - systems[first])[["mean", "low", "high"]]
        parts = summaries.map(decimals, sign=True).to_numpy()
        rows.append([name, *(f"{mean} [{low}, {high}]" for mean, low, high in parts)])
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
    gain_help = "exit status 1 unless the last betters the first by this much in the first metric"
    add("--require_gain", type=number(float, 0), metavar="PERCENT", help=gain_help)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    loaded = load_systems(args.csv, args.names)
    systems = choose(loaded, args.metrics)
    names = list(systems)
    first, last = names[0], names[-1]
    metrics = list(systems[first])
    count, most = len(systems[first]), max(map(len, loaded.values()))
    title = f"Means over {count} images"
    if count < most:
        title += f" of {most}, those that all CSVs have"
    rows = [[name, *scores.mean().map(decimals)] for name, scores in systems.items()]
    if args.paper:
        title += f"; published: all of {args.paper}"
        rows += paper_rows(args.paper, metrics)
    tables = [(title, rows)]
    if len(systems) > 1:
        tables.append((f"Difference from {first}, 95 % interval", difference_rows(systems)))
    header = ["system", *metrics]
    print("\n\n".join(render(title, header, rows, args.format) for title, rows in tables))
    if args.require_gain is None:
        return 0
    metric = metrics[0]
    before, after = systems[first][metric].mean(), systems[last][metric].mean()
    larger = is_larger_better(metric)
    better = after - before if larger else before - after
    found, side = 100 * better / before if before else 0.0, "above" if larger else "below"
    print(f"\n{metric} of {last} is {found:.1f} % {side} that of {first}")
    return 0 if found >= args.require_gain else 1


if __name__ == "__main__":
    run_script(main)
