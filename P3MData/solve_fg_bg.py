"""Solve the foreground and background colours that training needs, once.

    python -m P3MData.solve_fg_bg --data_root ./Datasets
    python -m P3MData.solve_fg_bg --cache

Reads <data_root>/P3M-10K/train/{blurred_image,mask} and writes lossless PNGs into fg and bg beside
them. A run that was stopped, even killed, goes on with --resume: each file is there whole or not at
all, and a portrait counts as done once both of its files are there.

--cache then keeps the pixels of fg, bg and mask unpacked in fg_raw, bg_raw and mask_raw, where
training reads them faster. It goes on where it was stopped, and after other PNGs renews theirs.
docs/data.md says how much disk and memory these take.
"""

import math
import shutil
from pathlib import Path

from data.check import report
from data.folders import KEPT, has_raw
from data.portraits import is_solved, keep_raw, solve_portraits, try_all, with_solved
from P3MData.data_loader import folders, made_by
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.foreground import METHODS
from utils.images import list_images, pair_by_stem, read_size


def solve_dataset(
    root: AnyPath, *, method: str = "ml", num_workers: int | None = None, resume: bool = False
) -> list[str]:
    """Solve every portrait of P3M-10K/train; return one sentence for each that can't be read.

    Raises:
        MissingError, InputError: if a folder is missing or a file lacks its partner; if results
            are there and `resume` is false, or they don't fit the photos. OSError: full disk.
    """
    layers = folders(root, "train")
    pairs = pair_by_stem({layer: layers[layer] for layer in ("image", "alpha")})
    portraits = list(with_solved(pairs, layers).values())
    for layer in ("foreground", "background"):
        there = sum(paths[layer].exists() for paths in portraits)
        if there and not resume:
            raise InputError(
                f"{layers[layer]} holds {there} images; --resume keeps them and solves the rest, "
                "or remove them"
            )
    print(f"{sum(map(is_solved, portraits))} of {len(portraits)} portraits are solved")
    return solve_portraits(portraits, method, num_workers)


def cache_dataset(root: AnyPath, num_workers: int | None = None) -> list[str]:
    """Keep what is solved unpacked; return one sentence for each file that can't be read.

    MissingError if nothing is solved, InputError if the disk has too little room.
    """
    layers, commands = folders(root, "train"), made_by(root)
    pictures = [
        (layer, path)
        for layer in KEPT
        for path in list_images(layers[layer], command=commands.get(layer)).values()
    ]
    jobs = [(layer, path) for layer, path in pictures if not has_raw(path)]
    size = sum((1 if layer == "alpha" else 3) * math.prod(read_size(p)) for layer, p in jobs) / 1e9
    free = shutil.disk_usage(layers["foreground"]).free / 1e9
    print(f"{len(jobs)} of {len(pictures)} pictures are to be unpacked: {size:.1f} GB")
    if size > free:
        raise InputError(
            f"unpacking needs {size:.1f} GB beside {layers['foreground']}, where {free:.1f} GB are"
            " free; make room, or train without"
        )
    return try_all(keep_raw, jobs, num_workers, "unpacking")


def main() -> int:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--data_root", type=Path, default=Path("Datasets"), help="holds P3M-10K")
    parser.add_argument(
        "--method", choices=sorted(METHODS), default="ml", help="multilevel or closed form"
    )
    parser.add_argument("--num_workers", type=number(int, 0), help="processes (default: all cores)")
    parser.add_argument("--resume", action="store_true", help="keep what is solved, do the rest")
    parser.add_argument("--cache", action="store_true", help="unpack what is solved, for speed")
    args = parser.parse_args()
    root, workers = args.data_root, args.num_workers
    if args.cache:
        return report(cache_dataset(root, workers))
    return report(solve_dataset(root, method=args.method, num_workers=workers, resume=args.resume))


if __name__ == "__main__":
    run_script(main)
