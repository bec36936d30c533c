"""What is wrong with a data set's folders, said all at once: the loaders' --check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from data.folders import check_sizes, check_trimap, read_layer
from utils.arguments import OneSentenceParser
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import list_layer, match_stems, read_size, tell_passed_over
from utils.parallel import map_files


class Finding(NamedTuple):
    """What one sample's files are like: size (H, W) of the first, soft share, sentences."""

    size: tuple[int, ...] | None
    soft: float | None
    faults: list[str]


def inspect_folders(
    title: str,
    folders: Mapping[str, AnyPath],
    made_by: Mapping[str, str] | None = None,
    *,
    fast: bool = False,
    num_workers: int | None = None,
) -> list[str]:
    """Print counts, pairs, sizes and the soft share of the alphas; return one sentence a fault.

    Files that are no pictures are counted as passed over, a line for each folder that has some.

    Faults are missing or empty folders, missing partners, unreadable files, sizes that differ,
    alphas without a soft pixel and trimaps with other values than 0, 128 and 255.

    Args:
        title: the data set's name.
        folders: layer (as of `data.folders.READERS`) -> folder.
        made_by: layer -> the command that makes its folder, named if that is missing.
        fast: read only the files' headers: all but broken pixels, soft shares and trimap values.
        num_workers: processes that read; None for one a core.
    """
    faults, layers = [], {}
    for layer, folder in folders.items():
        tell_passed_over(folder)
        try:
            layers[layer] = list_layer(folder, (made_by or {}).get(layer))
        except InputError as error:
            faults.append(str(error))
    pairs, missing = match_stems(layers) if layers else ({}, [])
    counts = ", ".join(f"{len(files)} {layer}" for layer, files in layers.items())
    title = f"{title}: {counts or 'nothing'}"
    return faults + missing + inspect_samples(title, pairs, fast=fast, num_workers=num_workers)


def inspect_samples(
    title: str,
    pairs: Mapping[str, Mapping[str, AnyPath]],
    *,
    fast: bool = False,
    num_workers: int | None = None,
) -> list[str]:
    """As `inspect_folders`, for samples {stem: {layer: path}} that are paired already."""
    read, workers = partial(_inspect, fast=fast), 0 if fast else num_workers
    findings = list(map_files(read, list(pairs.values()), num_workers=workers, title="reading"))
    print(f"{title}; {_summary(findings)}")
    return sorted(fault for finding in findings for fault in finding.faults)


def run_loader(
    description: str | None,
    inspect: Callable[..., list[str]],
    gen_trimaps: Callable[[Path, int | None], int] | None = None,
) -> int:
    """The command of a data set's loader: --check and, where it makes them, --gen_trimaps.

    Args:
        inspect: (data root, fast=, num_workers=), as `inspect_folders`.
        gen_trimaps: (data root, processes) -> how many trimaps it wrote.

    Returns:
        The exit status, 1 if there are faults.

    Raises:
        InputError: neither was asked for.
    """
    parser = OneSentenceParser(description)
    parser.add_argument("--data_root", type=Path, default=Path("Datasets"), help="holds the data")
    parser.add_argument("--check", action="store_true", help="name every fault; exit 1 if any")
    parser.add_argument("--fast", action="store_true", help="with --check: read headers only")
    parser.add_argument("--num_workers", type=int, help="processes (default: one a core)")
    parser.set_defaults(gen_trimaps=False)
    if gen_trimaps:
        parser.add_argument("--gen_trimaps", action="store_true", help="write the missing trimaps")
    args = parser.parse_args()
    if not (args.gen_trimaps or args.check):
        choice = "--gen_trimaps or --check" if gen_trimaps else "--check"
        parser.error(f"nothing to do: give {choice}")
    if gen_trimaps and args.gen_trimaps:
        written = gen_trimaps(args.data_root, args.num_workers)
        print(f"wrote {written} trimaps below {args.data_root}")
    if not args.check:
        return 0
    return report(inspect(args.data_root, fast=args.fast, num_workers=args.num_workers))


def report(faults: Iterable[str]) -> int:
    """Print the faults and a last line; return the exit status, 1 if there are any."""
    faults = list(faults)
    for fault in faults:
        print(f"  fault: {fault}")
    print(f"{len(faults)} fault{'s' * (len(faults) != 1)} found" if faults else "no fault found")
    return 1 if faults else 0


def _inspect(paths: Mapping[str, AnyPath], *, fast: bool) -> Finding:
    sizes: dict[str, tuple[int, ...]] = {}
    soft, faults = None, []
    for layer, path in paths.items():
        try:
            if fast:
                sizes[layer] = read_size(path)
                continue
            array = read_layer(layer, path)
            sizes[layer] = array.shape[:2]
            if layer == "trimap":
                check_trimap(array, path)
            if layer in ("alpha", "cutout"):
                soft = _soft_share(array if layer == "alpha" else array[..., 3], path)
        except InputError as error:
            faults.append(str(error))
    try:
        if sizes:
            check_sizes(sizes, paths)
    except InputError as error:
        faults.append(str(error))
    return Finding(next(iter(sizes.values()), None), soft, faults)


def _soft_share(alpha: np.ndarray, path: AnyPath) -> float:
    soft = float(((alpha > 0) & (alpha < 255)).mean())
    if not soft:
        raise InputError(f"{path}: the alpha is not soft, every pixel is 0 or 255")
    return soft


def _summary(findings: list[Finding]) -> str:
    parts = [f"{len(findings)} complete"]
    sizes = sorted((f.size for f in findings if f.size), key=lambda size: size[0] * size[1])
    if sizes:
        few, half, many = (f"{h}x{w}" for h, w in (sizes[0], sizes[len(sizes) // 2], sizes[-1]))
        parts.append(f"height x width {few} to {many}, median {half}")
    soft = [100 * finding.soft for finding in findings if finding.soft is not None]
    if soft:
        mean = sum(soft) / len(soft)
        spread = f"{min(soft):.2g} to {max(soft):.2g} %, mean {mean:.2g} %"
        parts.append(f"soft share of the alphas {spread}")
    return "; ".join(parts)
