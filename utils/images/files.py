"""Photos and masks: reading, writing, listing and pairing files; RGB, uint8, (H, W, C)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from utils.errors import InputError, MissingError, listing
from utils.files import AnyPath, atomic_path
from utils.images.decode import KINDS, MAX_PIXELS, as_rgb, open_picture, read_exactly, to_integers
from utils.images.encode import encode_image
from utils.images.metadata import Metadata

GREY_TOLERANCE = 8  # levels that the channels of a grey picture stored as colour JPEG may differ


def read_photo(path: AnyPath, max_pixels: int = MAX_PIXELS, *, eighth: bool = False) -> np.ndarray:
    """Read a photo as a person would see it: (H, W, 3) uint8 RGB.

    JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and, with requirements-heic.txt, HEIC; of several pages
    or frames the first. The camera's rotation (EXIF) is applied; grey, palette, CMYK, 16-bit and
    float pictures are converted; an alpha channel is dropped and the colours kept.

    Args:
        eighth: read a JPEG at an eighth of its size, which takes half the time.

    Raises:
        MissingError, InputError: if it is missing, broken, of no such kind, or too large.
    """
    return as_rgb(open_picture(path, max_pixels, eighth=eighth))


def read_alpha(path: AnyPath) -> np.ndarray:
    """Read an alpha mask or a trimap: (H, W) uint8. Masks of more bits are scaled to 8.

    Raises:
        MissingError, InputError: as `read_mask`; and if the mask has an alpha channel of its own.
    """
    return to_integers(read_mask(path, cutouts=False))


def read_mask(path: AnyPath, *, cutouts: bool) -> np.ndarray:
    """Read a mask as it is stored: (H, W) uint8, uint16 or, of a TIFF, float32 in [0, 1].

    Args:
        cutouts: whether the alpha channel of a cut-out is taken, or refused.

    Raises:
        MissingError, InputError: as `read_photo`; and if the mask has colours, a cut-out is opaque
            everywhere, or the mask opaque nowhere near (see `refuse_faint`).
    """
    mask = read_exactly(path)
    if mask.shape[2:] == (4,):
        mask, opaque = np.ascontiguousarray(mask[..., 3]), np.iinfo(mask.dtype).max
        if not cutouts or mask.min() == opaque:
            what = "that is opaque everywhere" if cutouts else "of its own"
            raise InputError(f"{path} has an alpha channel {what}; save the mask as a grey PNG")
    elif mask.ndim == 3:
        if np.ptp(to_integers(mask), axis=2).max() > GREY_TOLERANCE:
            raise InputError(f"{path} has colours; save the mask as a grey PNG")
        mask = np.ascontiguousarray(mask[..., 1])
    refuse_faint(mask, path)
    return mask


def refuse_faint(mask: np.ndarray, path: AnyPath) -> None:
    """Refuse whole numbers that were stored with more bits than they have: 1, 8, 10 or 12.

    Raises:
        InputError: no pixel of (H, W) reaches more than 1/255 of the type's range, but some are not
            0; or the highest of 16 bits is that of 10 or 12. It names the path.
    """
    if mask.dtype.kind != "u":
        return
    highest, top = int(mask.max()), int(np.iinfo(mask.dtype).max)
    if 0 < highest <= top // 255 or (highest in (1023, 4095) and top == 65535):
        remedy = f"multiply it by {top}" if highest == 1 else f"scale it so that opaque is {top}"
        raise InputError(f"{path} has no value above {highest} of {top}; {remedy}")


def read_rgba(path: AnyPath) -> np.ndarray:
    """Read a cut-out: (H, W, 4) uint8, RGB not multiplied by alpha.

    Raises:
        MissingError, InputError: as `read_photo`; and if it has no alpha channel, or one that is
            opaque nowhere near.
    """
    cutout = read_exactly(path)
    if cutout.shape[2:] != (4,):
        raise InputError(f"{path} has no alpha channel; expected an RGBA cut-out")
    refuse_faint(cutout[..., 3], path)
    return to_integers(cutout)


def write_image(path: AnyPath, image: np.ndarray, metadata: Metadata | None = None) -> None:
    """Write RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W), uint8; or uint16 grey. Atomic.

    The ending chooses the kind, as `encode_image` has it: .png, .webp, .tiff (lossless), .jpg.

    Raises:
        InputError: if the ending is none of these, or its kind can't hold such an array.
        OSError: if the disk is full or the folder can't be written; nothing is left behind.
    """
    try:
        encoded = encode_image(image, Path(path).suffix, metadata=metadata)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def list_photos(
    folder: AnyPath,
    endings: Sequence[str] = KINDS,
    *,
    empty: bool = False,
    command: str | None = None,
) -> list[Path]:
    """The files of a folder that have one of `endings`, sorted by stem.

    Folders, and files whose names begin with a dot (unfinished writes), don't count.

    Args:
        empty: whether the folder may be missing or hold no image.
        command: that makes the folder; an error names it.

    Raises:
        MissingError, InputError: there is no such folder, it is a file, or it holds no image.
    """
    folder = Path(folder)
    if not folder.exists():
        if empty:
            return []
        remedy = f"make it: {command}" if command else "docs/data.md says what has to lie where"
        raise MissingError(f"no folder {folder}; {remedy}")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder of images")
    images = (p for p in folder.iterdir() if p.suffix.lower() in endings and p.name[0] != ".")
    paths = [path for path in images if not path.is_dir()]
    if not paths and not empty:
        raise InputError(f"{folder} holds no {', '.join(endings[:-1])} or {endings[-1]} file")
    return sorted(paths, key=lambda path: (path.stem, path.name))


def list_images(folder: AnyPath, endings: Sequence[str] = KINDS, **options: Any) -> dict[str, Path]:
    """As `list_photos`, by stem; InputError, too, if two images share a stem."""
    paths = list_photos(folder, endings, **options)
    found = {path.stem: path for path in paths}
    if twins := [f"{p.name} and {found[p.stem].name}" for p in paths if p != found[p.stem]]:
        raise InputError(f"{folder} has two images of one stem: {listing(twins)}; remove one")
    return found


def pair_by_stem(
    folders: Mapping[str, AnyPath], made_by: Mapping[str, str] | None = None
) -> dict[str, dict[str, Path]]:
    """Map stem to {layer: path} for folders {layer: folder} that hold one file a stem each.

    Args:
        made_by: layer -> the command that makes its folder, named if that is missing.

    Raises:
        MissingError, InputError: as `list_images`; and if any file lacks a partner (named).
    """
    commands = made_by or {}
    layers = {k: list_images(folder, command=commands.get(k)) for k, folder in folders.items()}
    pairs, faults = match_stems(layers)
    if faults:
        raise InputError(listing(faults))
    return pairs


def match_stems(
    layers: Mapping[str, Mapping[str, AnyPath]],
) -> tuple[dict[str, dict[str, Path]], list[str]]:
    """From {layer: {stem: path}}: the complete {stem: {layer: path}}, a sentence for each other."""
    pairs, faults = {}, []
    for stem in sorted(set().union(*layers.values())):
        paths = {layer: Path(files[stem]) for layer, files in layers.items() if stem in files}
        if len(paths) == len(layers):
            pairs[stem] = paths
            continue
        others = (files for files in layers.values() if stem not in files)
        names = ", ".join(str(Path(next(iter(files.values()))).parent) for files in others)
        faults.append(f"{next(iter(paths.values()))} has no partner of that stem in {names}")
    return pairs, faults


def tell_passed_over(folder: AnyPath, endings: Sequence[str] = KINDS) -> None:
    """Print how many files of a folder have none of `endings`; what is no folder has none."""
    files = Path(folder).iterdir() if Path(folder).is_dir() else ()
    others = (file for file in files if file.suffix.lower() not in endings)
    print_counts(folder, (file for file in others if file.is_file()))


def print_counts(place: AnyPath, files: Iterable[AnyPath]) -> None:
    """Print "passed over in PLACE: 3 .txt, 1 .pdf" if there are files that are not hidden."""
    shown = (file for file in map(Path, files) if file.name[:1] != ".")
    endings = sorted(file.suffix.lower() or "without an ending" for file in shown)
    if parts := [f"{count} {ending}" for ending, count in Counter(endings).most_common()]:
        print(f"passed over in {place}: {listing(parts, ', ')}", flush=True)
