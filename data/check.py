"""What is wrong with a data set's folders, said all at once: the loaders' --check."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from data.folders import check_sizes, check_trimap, read_layer
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import list_images, match_stems, read_size, tell_passed_over
from utils.parallel import map_files


def inspect_folders(
    title: str,
    folders: Mapping[str, AnyPath],
    made_by: Mapping[str, str] | None = None,
    *,
    fast: bool = False,
    num_workers: int | None = None,
) -> list[str]:
    """Print what is there and what is passed over; return one sentence a fault.

    Faults are missing or empty folders, missing partners, unreadable files, sizes that differ,
    alphas without a soft pixel and trimaps with other values than 0, 128 and 255.

    Args:
        title: the data set's name.
        folders: layer (an attribute of `Sample`, or cutout) -> folder.
        made_by: layer -> the command that makes its folder, named if that is missing.
        fast: read only the files' headers: all but broken pixels, soft alphas and trimap values.
        num_workers: processes that read; None for one a core.
    """
    faults, layers = [], {}
    for layer, folder in folders.items():
        tell_passed_over(folder)
        try:
            layers[layer] = list_images(folder, command=(made_by or {}).get(layer))
        except InputError as error:
            faults.append(str(error))
    pairs, missing = match_stems(layers)
    counts = ", ".join(f"{len(files)} {layer}" for layer, files in layers.items())
    print(f"{title}: {counts or 'nothing'}; {len(pairs)} complete")
    read, workers = partial(_inspect, fast=fast), 0 if fast else num_workers
    found = map_files(read, list(pairs.values()), num_workers=workers, title="reading")
    return faults + missing + sorted(fault for sample in found for fault in sample)


def _inspect(paths: Mapping[str, AnyPath], *, fast: bool) -> list[str]:
    sizes: dict[str, tuple[int, ...]] = {}
    faults = []
    for layer, path in paths.items():
        try:
            if fast:
                sizes[layer] = read_size(path)
                continue
            array = read_layer(layer, path)
            sizes[layer] = array.shape[:2]
            if layer == "trimap":
                check_trimap(array, path)
            alpha = array[..., 3] if layer == "cutout" else array
            if layer in ("alpha", "cutout") and not ((alpha > 0) & (alpha < 255)).any():
                raise InputError(f"{path}: the alpha is not soft, every pixel is 0 or 255")
        except InputError as error:
            faults.append(str(error))
    try:
        check_sizes(sizes, paths)
    except InputError as error:
        faults.append(str(error))
    return faults


def run_loader(
    description: str | None,
    sets: Callable[[Path], Mapping[str, Mapping[str, AnyPath]]],
    made_by: Callable[[Path], Mapping[str, str]],
    gen_trimaps: Callable[[Path, int | None], int] | None = None,
) -> int:
    """The command of a data set's loader: --check and, where it makes them, --gen_trimaps.

    Args:
        sets: data root -> {title: {layer: folder}}, what is checked.
        made_by: data root -> {layer: the command that makes its folder}.
        gen_trimaps: (data root, processes) -> how many trimaps it wrote.

    Returns:
        The exit status, 1 if there are faults; InputError if neither was asked for.
    """
    parser = OneSentenceParser(description)
    parser.add_argument("--data_root", type=Path, default=Path("Datasets"), help="holds the data")
    parser.add_argument("--check", action="store_true", help="name every fault; exit 1 if any")
    parser.add_argument("--fast", action="store_true", help="with --check: read headers only")
    parser.add_argument("--num_workers", type=number(int, 0), help="processes (default: all cores)")
    if gen_trimaps:
        parser.add_argument("--gen_trimaps", action="store_true", help="write the missing trimaps")
    args = parser.parse_args()
    write = gen_trimaps if gen_trimaps and args.gen_trimaps else None
    if not (write or args.check):
        parser.error(f"nothing to do: give {'--gen_trimaps or ' if gen_trimaps else ''}--check")
    root, workers = args.data_root, args.num_workers
    if write:
        print(f"wrote {write(root, workers)} trimaps below {root}")
    if not args.check:
        return 0
    faults = []
    for title, folders in sets(root).items():
        faults += inspect_folders(
            title, folders, made_by(root), fast=args.fast, num_workers=workers
        )
    return report(faults)


def report(faults: Sequence[str]) -> int:
    """Print the faults and a last line; return the exit status, 1 if there are any."""
    for fault in faults:
        print(f"  fault: {fault}")
    print(f"{len(faults) or 'no'} fault{'s' * (len(faults) != 1)} found")
    return 1 if faults else 0
