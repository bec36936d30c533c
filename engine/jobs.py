"""What `predict.py --input` and `--output` mean: a list of jobs, one for each photo or video."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils import encoding, images
from utils.errors import InputError, MissingError

PHOTO_ENDINGS = frozenset(images.KINDS)
VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
KINDS = ("alpha", "cutout", "foreground", "composite", "trimap")


@dataclass(frozen=True)
class Source:
    """One file to read, and where it stands in the tree that the outputs keep."""

    path: Path
    relative: Path


@dataclass(frozen=True)
class Job:
    """One photo and the files that are made of it, by kind."""

    source: Path
    outputs: dict[str, Path]


def is_video(path: Path) -> bool:
    """Whether the ending is that of a video."""
    return path.suffix.lower() in VIDEO_ENDINGS


def find_sources(text: str, lines: Iterable[str] = (), *, skip: Path | None = None) -> list[Source]:
    """Find what `--input` names.

    Args:
        text: a photo or video, a folder (all photos below it; hidden ones are left out), a glob
            (`**` goes down), or `-` for one path a line in `lines`.
        lines: the list of paths for `-`; absolute ones keep their whole tree.
        skip: the output folder; inside an input folder it is passed over.

    Raises:
        MissingError: nothing is there.
        InputError: a file of an unknown ending.
    """
    path = Path(text)
    if text == "-":
        listed = [Path(line) for line in (line.strip("\r\n") for line in lines) if line.strip()]
        sources = [Source(path, path.relative_to(path.anchor)) for path in listed]
    elif path.is_dir():
        sources = [Source(file, file.relative_to(path)) for file in _photos_below(path, skip)]
    elif path.is_file():
        if path.suffix.lower() not in PHOTO_ENDINGS | VIDEO_ENDINGS:
            known = " ".join(sorted(PHOTO_ENDINGS | VIDEO_ENDINGS))
            raise InputError(f"{path} has an ending that is not known; known are {known}")
        sources = [Source(path, Path(path.name))]
    elif glob.has_magic(text):
        base = Path(re.split(r"[^/\\]*[*?\[]", text, maxsplit=1)[0])
        files = (Path(name) for name in sorted(glob.glob(text, recursive=True)))
        files = (file for file in files if file.suffix.lower() in PHOTO_ENDINGS)
        sources = [Source(file, file.relative_to(base)) for file in files]
    else:
        raise MissingError(f"{text} is not there; --input takes a photo, a video, a folder or '*'")
    if not sources:
        endings = " ".join(sorted(PHOTO_ENDINGS))
        raise MissingError(f"no photo in {text} (looked for {endings})")
    return sources


def _photos_below(folder: Path, skip: Path | None) -> list[Path]:
    """Every photo below the folder, in order of path; hidden files and `skip` are left out."""
    skip = skip.resolve() if skip else None
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and Path(parent, name).resolve() != skip
        ]
        found += [Path(parent, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if path.suffix.lower() in PHOTO_ENDINGS)


def output_is_file(output: Path) -> bool:
    """Whether `--output` names one file rather than a folder."""
    return not output.is_dir() and output.suffix.lower() in encoding.KINDS.keys() | VIDEO_ENDINGS


def plan_job(source: Source, output: Path, kinds: Sequence[str], ending: str) -> Job:
    """Say where a photo's outputs go: <output>/<kind>/<tree>/<stem><ending>, or `output` itself.

    Args:
        source: the photo.
        output: a folder, or a file when one kind is written of one photo.
        kinds: some of KINDS.
        ending: with its dot; the file's own ending is used when `output` is a file.

    Raises:
        InputError: a path that would leave the output folder, an output that is the input, or a
            kind that the ending can't hold.
    """
    if output_is_file(output):
        if len(kinds) != 1:
            raise InputError(
                f"--output {output} is one file but {len(kinds)} kinds are to be written "
                f"({' '.join(kinds)}); name a folder, or one kind with --write"
            )
        outputs = {kinds[0]: output}
    else:
        if ".." in source.relative.parts:
            raise InputError(
                f"{source.path} would be written outside {output} because of its '..'; "
                "give the path without it"
            )
        outputs = {kind: output / kind / source.relative.with_suffix(ending) for kind in kinds}
    for kind, path in outputs.items():
        if kind in ("alpha", "cutout", "trimap") and path.suffix.lower() in (".jpg", ".jpeg"):
            raise InputError(f"{path} can't hold {kind} without loss; use .png, .webp or .tiff")
        if path.resolve() == source.path.resolve():
            raise InputError(f"{path} is the input itself; name another --output")
    return Job(source.path, outputs)


def plan_jobs(
    sources: Sequence[Source], output: Path, kinds: Sequence[str], ending: str
) -> tuple[list[Job], list[InputError]]:
    """Plan every source; what can't be planned comes back as errors and doesn't stop the rest.

    Raises:
        InputError: several sources, but `output` is one file.
    """
    if len(sources) > 1 and output_is_file(output):
        raise InputError(f"--output {output} is one file for {len(sources)} photos; name a folder")
    jobs: list[Job] = []
    errors: list[InputError] = []
    taken: dict[Path, Path] = {}
    for source in sources:
        try:
            job = plan_job(source, output, kinds, ending)
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


def leave_existing(jobs: Sequence[Job], *, skip: bool, overwrite: bool) -> list[Job]:
    """Drop the jobs whose outputs are all there (`skip`), or let them be replaced (`overwrite`).

    Raises:
        InputError: an output is there and neither was asked for; or one of them is an input.
    """
    inputs = {job.source.resolve() for job in jobs}
    for job in jobs:
        for path in job.outputs.values():
            if path.exists() and path.resolve() in inputs:
                raise InputError(f"{path} is an input as well; name another --output")
    if skip:
        return [job for job in jobs if not all(path.exists() for path in job.outputs.values())]
    existing = [path for job in jobs for path in job.outputs.values() if path.exists()]
    if existing and not overwrite:
        raise InputError(
            f"{len(existing)} outputs are there already, the first is {existing[0]}; "
            "--skip_existing keeps them, --overwrite replaces them"
        )
    return list(jobs)
