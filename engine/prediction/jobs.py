"""What `predict.py --input` and `--output` mean: a list of jobs, one for each photo or video."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os.path import realpath  # of a link that leads to itself, Path.resolve raises RuntimeError
from pathlib import Path

from utils import images
from utils.errors import InputError, MissingError
from utils.files import AnyPath
from utils.video.files import READ_ENDINGS as VIDEO_ENDINGS
from utils.video.files import is_media_name

PHOTO_ENDINGS = frozenset(images.KINDS)
CAMERA = re.compile(r"camera:(\d+)")
KINDS = ("alpha", "cutout", "foreground", "composite", "trimap")
PHOTO_FORMATS = ("png", "webp", "tiff")
MAX_NAME = 255  # bytes, of a file's name on nearly every disk
VIDEO_FORMATS = ("prores", "vp9", "png")


@dataclass(frozen=True)
class Media:
    """One file to read, and where it stands in the tree that the outputs keep."""

    path: Path
    relative: Path


@dataclass(frozen=True)
class Job:
    """One photo, video or camera (source camera:0) and the files that are made of it, by kind."""

    source: Path
    outputs: dict[str, Path]


@dataclass(frozen=True)
class Formats:
    """What is written into a folder.

    Attributes:
        photo: one of PHOTO_FORMATS.
        video: prores (mp4 without alpha), vp9 or png (a folder of numbered ones).
    """

    photo: str = "png"
    video: str = "prores"

    def endings(self, source: AnyPath) -> dict[str, str]:
        """Return the ending of every kind made of this source."""
        if not is_video(source):
            return dict.fromkeys(KINDS, f".{self.photo}")
        if self.video == "prores":
            return dict.fromkeys(KINDS, ".mp4") | {"cutout": ".mov"}
        return dict.fromkeys(KINDS, ".webm" if self.video == "vp9" else "")


def is_video(path: AnyPath) -> bool:
    """Whether frames come from it: its ending is that of a video, or it names a camera."""
    return Path(path).suffix.lower() in VIDEO_ENDINGS or CAMERA.fullmatch(str(path)) is not None


def find_sources(
    text: str, lines: Iterable[str] = (), *, skip: AnyPath | None = None
) -> list[Media]:
    """Find what `--input` names; one line tells what a folder or glob holds beside it.

    Args:
        text: a photo or video, a folder (all photos below it; hidden ones are left out), a glob
            (`**` goes down), camera:0, or `-` for one path a line in `lines`.
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
    elif CAMERA.fullmatch(text):
        sources = [Media(path, Path(text.replace(":", "")))]
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


def choose_kinds(
    write: Sequence[str] | None, background: str | None, output: AnyPath | None
) -> list[str]:
    """Return what is to be made: `write`, or by default alpha and cut-out.

    A background asks for the composite too; one output file is the composite or the cut-out;
    without an output the composite is shown.

    Raises:
        InputError: a background that nothing would use.
    """
    if output is None:
        return ["composite"]
    extra = ["composite"] if background else []
    default = (extra or ["cutout"]) if output_is_file(output) else ["alpha", "cutout", *extra]
    kinds = list(dict.fromkeys(write or default))
    if background and "composite" not in kinds:
        raise InputError("--background is of the composite; add composite to --write")
    return kinds


def output_is_file(output: AnyPath) -> bool:
    """Whether `--output` names one file rather than a folder."""
    return not Path(output).is_dir() and is_media_name(output)


def plan_job(source: Media, output: AnyPath, kinds: Sequence[str], formats: Formats) -> Job:
    """Say where the outputs go: <output>/<kind>/<tree>/<stem><ending>, or `output` itself.

    Args:
        source: the photo, video or camera.
        output: a folder, or a file when one kind is written of one source.
        kinds: some of KINDS.
        formats: decides the endings in a folder.

    Raises:
        InputError: a path that would leave the output folder, an output that is the input, or a
            kind that the ending can't hold; a name that is too long.
    """
    output = Path(output)
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
        endings = formats.endings(source.path)
        outputs = {
            kind: output / kind / source.relative.with_suffix(endings[kind]) for kind in kinds
        }
    for kind, path in outputs.items():
        if kind in ("alpha", "cutout", "trimap") and path.suffix.lower() in (".jpg", ".jpeg"):
            raise InputError(f"{path} can't hold {kind} without loss; use .png, .webp or .tiff")
        if len(os.fsencode(path.name)) > MAX_NAME:
            raise InputError(f"{source.path}: the name of {path} would be too long; shorten it")
        if realpath(path) == realpath(source.path):
            raise InputError(f"{path} is the input itself; name another --output")
    return Job(source.path, outputs)


def plan_jobs(
    sources: Sequence[Media], output: AnyPath | None, kinds: Sequence[str], formats: Formats
) -> tuple[list[Job], list[InputError]]:
    """Plan every source; what can't be planned comes back as errors and doesn't stop the rest.

    Without an `output` videos and cameras are only shown.

    Raises:
        InputError: several sources, but `output` is one file; a photo without an output.
    """
    if output is None:
        if not all(is_video(source.path) for source in sources):
            raise InputError("photos need an --output; only videos and cameras can be just shown")
        return [Job(source.path, {}) for source in sources], []
    if len(sources) > 1 and output_is_file(output):
        raise InputError(f"--output {output} is one file for {len(sources)} photos; name a folder")
    jobs: list[Job] = []
    errors: list[InputError] = []
    taken: dict[Path, Path] = {}
    for source in sources:
        try:
            job = plan_job(source, output, kinds, formats)
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
        missing = [
            {k: path for k, path in job.outputs.items() if path not in there} for job in jobs
        ]
        return [replace(job, outputs=left) for job, left in zip(jobs, missing, strict=True) if left]
    if existing and not overwrite:
        raise InputError(
            f"{len(existing)} outputs are there already, the first is {existing[0]}; "
            "--skip_existing keeps them, --overwrite replaces them"
        )
    return list(jobs)
