"""Tables of several systems' results, with paired differences.

    python -m utils.report compare modnet.csv ours.csv --format markdown --paper P3M-500-NP
    python -m utils.report compare coarse.csv refined.csv --metrics SAD_TRIMAP --require_gain 25

Each CSV comes from evaluate.py. Differences are from the first one, image by image; in brackets
stands the 95 % bootstrap interval of their mean.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.metrics import LARGER_IS_BETTER
from utils.results.rows import read_results
from utils.results.statistics import summarise
from utils.results.tables import FORMATS, Table

DEFAULT_METRICS = ("SAD", "MSE", "MAD", "SAD_TRIMAP", "GRAD", "CONN", "IoU")  # where all have it
# Zhong and Zharkov 2024, arXiv 2311.03770, table 2.
PAPER_METRICS = ("SAD", "SAD_TRIMAP", "GRAD", "CONN")
PAPER = {
    "P3M-500-NP": {
        "DIM, given a trimap": (5.32, 5.32, 4.70, 7.70),
        "P3M-Net (ResNet-34)": (11.23, 7.65, 10.35, 12.51),
        "MODNet, 512 input": (20.20, 12.48, 16.83, 18.41),
        "MODNet, full size": (63.74, 13.56, 25.75, 62.69),
        "BGMv2 ResNet-50": (16.72, 7.55, 13.00, 15.39),
        "BGMv2 ResNet-101": (15.66, 7.72, 12.42, 14.65),
        "LPM": (10.60, 6.83, 10.78, 9.77),
    },
    "P3M-500-P": {
        "DIM, given a trimap": (4.89, 4.89, 4.48, 9.68),
        "P3M-Net (ResNet-34)": (8.73, 6.89, 8.22, 13.88),
        "MODNet, 512 input": (30.08, 12.22, 19.73, 28.61),
        "MODNet, full size": (95.47, 13.70, 37.28, 94.86),
        "BGMv2 ResNet-50": (15.70, 7.23, 15.54, 14.71),
        "BGMv2 ResNet-101": (13.90, 7.23, 14.69, 13.13),
        "LPM": (10.04, 6.44, 12.65, 9.41),
    },
}


@dataclass(frozen=True)
class System:
    """What one CSV holds: scores by image and metric."""

    name: str
    scores: dict[str, dict[str, float]]

    def values(self, images: Sequence[str], metrics: Sequence[str]) -> np.ndarray:
        """(images, metrics) float64."""
        return np.array([[self.scores[image][metric] for metric in metrics] for image in images])


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


def shared_images(systems: Sequence[System], *, common: bool) -> list[str]:
    """The images to compare over, in the first system's order.

    Raises:
        InputError: if the systems were not measured on the same images; with `common` those that
            all have are enough.
    """
    first, *others = systems
    images = [image for image in first.scores if all(image in s.scores for s in others)]
    if not images:
        raise InputError("the CSVs have no image in common; give results on one test set")
    for system in systems:
        extra = [image for image in system.scores if image not in images]
        if extra and not common:
            raise InputError(
                f"{len(extra)} images of {system.name} (such as {extra[0]}) are not in every CSV; "
                "--common compares over those that are"
            )
    return images


def shared_metrics(systems: Sequence[System], asked: Sequence[str] | None) -> list[str]:
    """The metrics to compare: those asked for, else those of DEFAULT_METRICS that all CSVs have.

    Raises:
        InputError: a CSV lacks one that was asked for, or they share none.
    """
    columns = {system.name: list(next(iter(system.scores.values()))) for system in systems}
    for metric in asked or ():
        for name, have in columns.items():
            if metric not in have:
                raise InputError(f"{name} has no column {metric}; it has {', '.join(have)}")
    shared = [m for m in asked or DEFAULT_METRICS if all(m in have for have in columns.values())]
    if not shared:
        raise InputError("the CSVs share none of the usual metrics; name some with --metrics")
    return shared


def mean_table(systems: Sequence[System], images: Sequence[str], metrics: Sequence[str]) -> Table:
    """One line per system: the means."""
    rows = [
        [system.name, *(decimals(value) for value in system.values(images, metrics).mean(axis=0))]
        for system in systems
    ]
    return Table(f"Means over {len(images)} images", ["system", *metrics], rows)


def add_paper(table: Table, test_set: str) -> Table:
    """The same with the paper's published rows, which were measured by its authors."""
    rows = list(table.rows)
    for name, values in PAPER[test_set].items():
        known = dict(zip(PAPER_METRICS, values, strict=True))
        cells = [f"{known[m]:.2f}" if m in known else "" for m in table.header[1:]]
        rows.append([f"{name} (published)", *cells])
    return Table(f"{table.title}; published: all of {test_set}", table.header, rows)


def difference_table(
    systems: Sequence[System], images: Sequence[str], metrics: Sequence[str]
) -> Table:
    """One line per system but the first: mean paired differences and their intervals."""
    first, *others = systems
    base = first.values(images, metrics)
    rows = []
    for system in others:
        summaries = summarise(system.values(images, metrics) - base)
        triples = ([decimals(v, sign=True) for v in (s.mean, s.low, s.high)] for s in summaries)
        cells = [f"{mean} [{low}, {high}]" for mean, low, high in triples]
        rows.append([system.name, *cells])
    return Table(f"Difference from {first.name}, 95 % interval", ["system", *metrics], rows)


def decimals(value: float, *, sign: bool = False) -> str:
    """Two decimals, or three digits for what is smaller: MSE and MAD are thousandths."""
    plus = "+" if sign else ""
    return f"{value:{plus}.2f}" if abs(value) >= 1 or value == 0 else f"{value:{plus}.3g}"


def gain(systems: Sequence[System], images: Sequence[str], metric: str) -> float:
    """By how many per cent the last system's mean is below the first one's; of IoU, above it."""
    first, last = (system.values(images, [metric]).mean() for system in (systems[0], systems[-1]))
    sign = -1 if metric in LARGER_IS_BETTER else 1
    return sign * 100 * (1 - last / first) if first else 0.0


def parse_args(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = OneSentenceParser(
        prog="python -m utils.report",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare = parser.add_subparsers(required=True).add_parser("compare", help="a table of systems")
    add = compare.add_argument
    add("csv", type=Path, nargs="+", help="CSVs of evaluate.py; the first is the reference")
    add("--names", nargs="+", help="of the systems (default: the file names)")
    add("--metrics", nargs="+", metavar="METRIC", help="columns that every CSV has")
    add("--format", choices=FORMATS, default="text")
    add("--paper", choices=PAPER, help="add the paper's published rows for this test set")
    add("--common", action="store_true", help="compare over the images that all CSVs have")
    gain_help = "exit status 1 unless the last betters the first by this much in the first metric"
    add("--require_gain", type=number(float, 0), metavar="PERCENT", help=gain_help)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse_args(arguments)
    systems = load_systems(args.csv, args.names)
    images = shared_images(systems, common=args.common)
    metrics = shared_metrics(systems, args.metrics)
    means = mean_table(systems, images, metrics)
    tables = [add_paper(means, args.paper) if args.paper else means]
    if len(systems) > 1:
        tables.append(difference_table(systems, images, metrics))
    print("\n\n".join(table.render(args.format) for table in tables))
    if args.require_gain is None:
        return 0
    metric = metrics[0]
    found = gain(systems, images, metric)
    side = "above" if metric in LARGER_IS_BETTER else "below"
    print(f"\n{metric} of {systems[-1].name} is {found:.1f} % {side} that of {systems[0].name}")
    return 0 if found >= args.require_gain else 1


if __name__ == "__main__":
    run_script(main)
