"""What `predict.py --input` and `--output` mean: a list of jobs, one for each photo or video."""

import glob
import mimetypes
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import realpath  # of a link that leads to itself, Path.resolve raises RuntimeError
from pathlib import Path

from utils import images
from utils.errors import InputError, MissingError
from utils.files import AnyPath
from utils.video.frame import ENDINGS as VIDEO_ENDINGS
from utils.video.frame import have_pyav

PHOTO_ENDINGS = frozenset(images.KINDS)
KINDS = ("alpha", "cutout", "foreground", "composite", "trimap")
PHOTO_FORMATS = ("png", "webp", "tiff")
MAX_NAME = 255  # bytes, of a file's name on nearly every disk


@dataclass(frozen=True)
class Media:
    """One file to read, and where it stands in the tree that the outputs keep."""

    path: Path
    relative: Path


@dataclass(frozen=True)
class Job:
    """One photo or video and the files that are made of it, by kind."""

    source: Path
    outputs: dict[str, Path]


def is_video(path: AnyPath) -> bool:
    """Whether a path's ending is that of a video."""
    return Path(path).suffix.lower() in VIDEO_ENDINGS


def find_sources(
    text: str, lines: Iterable[str] = (), *, skip: AnyPath | None = None
) -> list[Media]:
    """Find what `--input` names; one line tells what a folder or glob holds beside it.

    Args:
        text: a photo or video, a folder (all photos below it; hidden ones are left out), a glob
            (`**` goes down), or `-` for one path a line in `lines`.
        lines: the list of paths for `-`; absolute ones keep their whole tree.
        skip: the output folder; what lies in it is passed over.

    Raises:
        MissingError: nothing is there.
        InputError: a file of an unknown ending.
        OSError: a folder that may not be read.
    """
    path, skip, known = Path(text), Path(skip) if skip else None, PHOTO_ENDINGS | VIDEO_ENDINGS
    if text == "-":
        listed = (Path(line) for line in (line.strip("\r\n") for line in lines) if line.strip())
        once = dict.fromkeys(listed)  # a path may be given twice
        sources = [Media(path, path.relative_to(path.anchor)) for path in once]
    elif path.is_dir():
        if skip and realpath(skip) == realpath(path):
            raise InputError(f"--output {skip} is the input folder; name another")
        sources = _media(text, path, _files_below(path, skip), PHOTO_ENDINGS)
    elif path.is_file():
        if path.suffix.lower() not in known:
            endings = " ".join(sorted(known))
            raise InputError(f"{path} has an ending that is not known; known are {endings}")
        sources = [Media(path, Path(path.name))]
    elif glob.has_magic(text):
        base = Path(re.split(r"[^/\\]*[*?\[]", text, maxsplit=1)[0])
        files = [Path(name) for name in sorted(glob.glob(text, recursive=True))]
        if skip:
            inside = Path(realpath(skip))
            files = [file for file in files if inside not in Path(realpath(file)).parents]
        sources = _media(text, base, files, known)
    else:
        raise MissingError(f"{text} is not there; --input takes a photo, a video, a folder or '*'")
    if not sources:
        endings = " ".join(sorted(PHOTO_ENDINGS))
        raise MissingError(f"no photo in {text} (looked for {endings})")
    return sources


def _media(text: str, base: Path, files: list[Path], endings: frozenset[str]) -> list[Media]:
    """Those of these endings; the others that `text` names are counted."""
    kept = [file for file in files if file.suffix.lower() in endings]
    images.print_counts(text, (file for file in set(files) - set(kept) if not file.is_dir()))
    return [Media(file, file.relative_to(base)) for file in kept]


def _files_below(folder: Path, skip: Path | None) -> list[Path]:
    """Every file below the folder, in order of path; hidden files and `skip` are left out.

    Links to folders are followed, each folder is entered once.
    """

    def refuse(error: OSError) -> None:
        raise error

    seen = {realpath(folder), realpath(skip) if skip else None}
    found: list[Path] = []
    for parent, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        entered = [name for name in sorted(folders) if not name.startswith(".")]
        places = {name: realpath(Path(parent, name)) for name in entered}
        folders[:] = [name for name in entered if places[name] not in seen]
        seen.update(places.values())
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(found)


def choose_kinds(write: Sequence[str] | None, background: str | None, output: AnyPath) -> list[str]:
    """Return what is to be made: `write`, or by default alpha and cut-out.

    A background asks for the composite too; one output file is the composite or the cut-out.

    Raises:
        InputError: a background that nothing would use.
    """
    extra = ["composite"] if background else []
    default = (extra or ["cutout"]) if _is_file_name(output) else ["alpha", "cutout", *extra]
    kinds = list(dict.fromkeys(write or default))
    if background and "composite" not in kinds:
        raise InputError("--background is of the composite; add composite to --write")
    return kinds


def _is_file_name(output: AnyPath) -> bool:
    """Whether `--output` names one picture or video rather than a folder."""
    path = Path(output)
    ending = path.suffix.lower()  # alone: "data:12.png" would be taken for a web address
    kind = mimetypes.guess_type(f"name{ending}")[0] or ""
    media = kind.startswith(("image/", "video/")) or ending in VIDEO_ENDINGS
    return media and not path.is_dir()


def plan_jobs(
    sources: Sequence[Media], output: AnyPath, kinds: Sequence[str], photo_format: str = "png"
) -> tuple[list[Job], list[InputError]]:
    """Plan every source; what can't be planned comes back as errors and doesn't stop the rest.

    Args:
        sources: photos and videos.
        output: a folder, for <output>/<kind>/<tree>/<stem><ending>, or the file that is written.
        kinds: some of KINDS.
        photo_format: one of PHOTO_FORMATS, for photos in a folder; videos become .mp4, or .mov
            (ProRes 4444) with alpha.

    Raises:
        InputError: `output` is one file, but more are to be written.
    """
    if _is_file_name(output) and len(sources) * len(kinds) != 1:
        what, remedy = " and ".join(kinds), "name a folder, or one kind with --write"
        what += f" of {len(sources)} input{'s' * (len(sources) > 1)}"
        raise InputError(f"--output {output} is one file for {what}; {remedy}")
    jobs: list[Job] = []
    errors: list[InputError] = []
    taken: dict[Path, Path] = {}
    for source in sources:
        try:
            job = _plan_job(source, Path(output), kinds, f".{photo_format}")
            first = next(iter(job.outputs.values()))
            if first in taken:
                raise InputError(
                    f"{source.path} and {taken[first]} would both be written to {first}; rename one"
                )
        except InputError as error:
            errors.append(error)
        else:
            taken[first] = source.path
            jobs.append(job)
    return jobs, errors


def _plan_job(source: Media, output: Path, kinds: Sequence[str], ending: str) -> Job:
    """Name the outputs of one source; InputError where that can't be done."""
    given, relative = source.path, source.relative
    if is_video(given) and not have_pyav():
        raise InputError(f"{given} is a video: pip install -r requirements-video.txt first")
    if _is_file_name(output):
        outputs = {kinds[0]: output}
    elif ".." in relative.parts:
        raise InputError(f"{given} has a '..' that leads out of {output}; give the path without it")
    else:
        endings = dict.fromkeys(kinds, ".mp4" if is_video(given) else ending)
        if is_video(given) and "cutout" in kinds:
            endings["cutout"] = ".mov"
        outputs = {k: output / k / relative.with_suffix(end) for k, end in endings.items()}
    for kind, path in outputs.items():
        if kind in ("alpha", "cutout", "trimap") and path.suffix.lower() in (".jpg", ".jpeg"):
            raise InputError(f"{path} can't hold {kind} without loss; use .png, .webp or .tiff")
        if len(os.fsencode(path.name)) > MAX_NAME:
            raise InputError(f"{given}: the name of {path} would be too long; shorten it")
        if realpath(path) == realpath(given):
            raise InputError(f"{path} is the input itself; name another --output")
    return Job(given, outputs)


def leave_existing(jobs: Sequence[Job], *, skip: bool, overwrite: bool) -> list[Job]:
    """Drop the outputs that are there (`skip`), or let them be replaced (`overwrite`).

    Raises:
        InputError: an output is there and neither was asked for; or one of them is an input.
    """
    inputs = {realpath(job.source) for job in jobs}
    existing = [path for job in jobs for path in job.outputs.values() if path.exists()]
    for path in existing:
        if realpath(path) in inputs:
            raise InputError(f"{path} is an input as well; name another --output")
    if skip:
        there = set(existing)
        left = [{k: p for k, p in job.outputs.items() if p not in there} for job in jobs]
        return [replace(job, outputs=o) for job, o in zip(jobs, left, strict=True) if o]
    if existing and not overwrite:
        raise InputError(
            f"{len(existing)} outputs are there already, the first is {existing[0]}; "
            "--skip_existing keeps them, --overwrite replaces them"
        )
    return list(jobs)
