"""Solve the foreground and background colours that training needs, once.

    python -m P3MData.solve_fg_bg --data_root ./Datasets
    python -m P3MData.solve_fg_bg --cache

Reads <data_root>/P3M-10K/train/{blurred_image,mask} and writes lossless PNGs into fg and bg beside
them. A run that was stopped, even killed, goes on with --resume: each file is there whole or not at
all, and a portrait counts as done once both of its files are there.

--cache then keeps the pixels of fg, bg and mask unpacked in fg_raw, bg_raw and mask_raw, where
training reads them faster: 10.9 MB a portrait of 1440x1080. It goes on where it was stopped, and
--cache after other PNGs renews theirs.

Memory: a process takes at most about 1.4 GB with the multilevel method and 1.8 GB with the closed
form (larger unknown regions are solved at a smaller size), and 50 bytes per pixel of the photo.
"""

from __future__ import annotations

import functools
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data.check import report
from data.folders import KEPT, check_sizes, has_raw
from data.foregrounds import SOLVED, keep_raw, solve_portrait
from P3MData.data_loader import folders, made_by
from utils.arguments import OneSentenceParser
from utils.errors import InputError, run_script
from utils.files import AnyPath, tell_stale
from utils.foreground import METHODS
from utils.images import list_images, list_layer, pair_by_stem, read_size
from utils.parallel import map_files


def solve_dataset(
    root: AnyPath, *, method: str = "ml", num_workers: int | None = None, resume: bool = False
) -> list[str]:
    """Solve every portrait of P3M-10K/train; return one sentence for each that can't be read.

    Raises:
        MissingError, InputError: if a folder is missing or a file lacks its partner; if results
            are there and `resume` is false, or they don't fit the photos.
        OSError: if the disk is full; nothing half-written is left.
    """
    layers = folders(root, "train")
    pairs = pair_by_stem({layer: layers[layer] for layer in ("image", "alpha")})
    done = _solved(layers, pairs, resume)
    jobs = [
        paths | {layer: layers[layer] / f"{stem}.png" for layer in SOLVED}
        for stem, paths in pairs.items()
        if stem not in done
    ]
    print(f"{len(done)} of {len(pairs)} portraits are solved")
    solve = functools.partial(_try, functools.partial(solve_portrait, method=method))
    faults = map_files(solve, jobs, num_workers=num_workers, title=f"solving ({method})")
    return sorted(fault for fault in faults if fault)


def _solved(
    layers: Mapping[str, Path], pairs: Mapping[str, Mapping[str, Path]], resume: bool
) -> set[str]:
    """The stems of which both results are there."""
    present = {layer: list_images(layers[layer], empty=True) for layer in SOLVED}
    for layer, files in present.items():
        if files and not resume:
            raise InputError(
                f"{layers[layer]} holds {len(files)} images; --resume keeps them and solves the "
                "rest, or remove them"
            )
    done = set(present["foreground"]) & set(present["background"]) & set(pairs)
    tell_stale({files[stem]: pairs[stem].values() for files in present.values() for stem in done})
    for stem in sorted(done):
        paths = {"image": pairs[stem]["image"]} | {layer: present[layer][stem] for layer in SOLVED}
        check_sizes({layer: read_size(path) for layer, path in paths.items()}, paths)
    return done


def cache_dataset(root: AnyPath, num_workers: int | None = None) -> list[str]:
    """Keep what is solved unpacked; return one sentence for each file that can't be read.

    Raises:
        MissingError, InputError: if nothing is solved, or the disk has too little room.
    """
    layers, commands = folders(root, "train"), made_by(root)
    pictures = [
        (layer, path)
        for layer in KEPT
        for path in list_layer(layers[layer], commands.get(layer)).values()
    ]
    jobs = [(layer, path) for layer, path in pictures if not has_raw(path)]
    channels = {"alpha": 1}
    size = sum(channels.get(layer, 3) * math.prod(read_size(path)) / 1e9 for layer, path in jobs)
    free = shutil.disk_usage(layers["foreground"]).free / 1e9
    print(f"{len(jobs)} of {len(pictures)} pictures are to be unpacked: {size:.1f} GB")
    if size > free:
        raise InputError(
            f"unpacking needs {size:.1f} GB beside {layers['foreground']}, where {free:.1f} GB are"
            " free; make room, or train without"
        )
    faults = map_files(
        functools.partial(_try, keep_raw), jobs, num_workers=num_workers, title="unpacking"
    )
    return sorted(fault for fault in faults if fault)


def _try(work: Callable[[Any], None], item: Any) -> str | None:
    """Do the work, or return what is wrong with its files."""
    try:
        work(item)
    except InputError as error:
        return str(error)
    return None


def main() -> int:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--data_root", type=Path, default=Path("Datasets"), help="holds P3M-10K")
    parser.add_argument(
        "--method", choices=sorted(METHODS), default="ml", help="multilevel or closed form"
    )
    parser.add_argument("--num_workers", type=int, help="processes (default: one a core)")
    parser.add_argument("--resume", action="store_true", help="keep what is solved, do the rest")
    parser.add_argument("--cache", action="store_true", help="unpack what is solved, for speed")
    args = parser.parse_args()
    if args.cache:
        return report(cache_dataset(args.data_root, args.num_workers))
    return report(
        solve_dataset(
            args.data_root,
            method=args.method,
            num_workers=args.num_workers,
            resume=args.resume,
        )
    )


if __name__ == "__main__":
    run_script(main)
