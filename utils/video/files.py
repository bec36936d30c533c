"""Videos frame by frame, in memory that does not grow with their length.

PyAV does everything where it is installed (requirements-video.txt); without it OpenCV reads videos
and cameras and writes mp4 without sound. Numbered PNGs need neither.
"""

from __future__ import annotations

import importlib.util
import mimetypes
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from utils.errors import InputError, MissingError
from utils.files import AnyPath, make_folder
from utils.images import write_image
from utils.video.frame import PLAIN, REMEDY, Look, Reader, Tell, Writer

READ_ENDINGS = frozenset({".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi"})
WRITE_ENDINGS = frozenset({".mp4", ".mov", ".webm"})
WITH_ALPHA = frozenset({".mov", ".webm"})  # ProRes 4444 and VP9


def is_media_name(path: AnyPath) -> bool:
    """Whether a path's ending is that of some picture or video rather than a folder's."""
    ending = Path(path).suffix.lower()  # alone: "data:12.png" would be taken for a web address
    kind = mimetypes.guess_type(f"name{ending}")[0] or ""
    return kind.startswith(("image/", "video/")) or ending in READ_ENDINGS


def have_pyav() -> bool:
    """Whether PyAV is installed."""
    return importlib.util.find_spec("av") is not None


def open_reader(
    source: AnyPath | int, *, tell: Tell = warnings.warn
) -> AbstractContextManager[Reader]:
    """Open a video file, or the camera of this number.

    Args:
        source: where the frames come from.
        tell: hears, in a sentence each, what of the video is changed or missing.

    Raises:
        MissingError: no such file.
        InputError: no video, or one without a frame; no such camera.
    """
    if not isinstance(source, int):
        source = Path(source)
        if not source.is_file():
            raise MissingError(f"{source} is not there; --input takes a video file")
        if source.stat().st_size == 0:
            raise InputError(f"{source} is empty (0 bytes); expected a video")
        if have_pyav():
            from utils.video.av_read import read_video

            return read_video(source, tell)
    from utils.video.opencv import read_video_or_camera

    return read_video_or_camera(source, tell)


def open_writer(
    path: AnyPath,
    size: tuple[int, int],
    channels: int,
    rate: Fraction,
    sound: AnyPath | None,
    *,
    look: Look = PLAIN,
    tell: Tell = warnings.warn,
) -> AbstractContextManager[Writer]:
    """Open a video file to write, or a folder of numbered PNGs. Whole at the end, or not there.

    Args:
        path: .mp4 (H.264), .mov (H.264, with alpha ProRes 4444), .webm (VP9); else a folder.
        size: (height, width) of the frames. H.264 wants even sides: odd ones grow by one pixel.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        rate: frames a second, on average; the frames' own times are kept.
        sound: a video whose sound goes along, copied where the container takes it. Whatever is
            wrong with it, the picture is written.
        look: how the frames are to be shown; PLAIN is square pixels of BT.709.
        tell: hears, in a sentence each, what could not be kept.

    Raises:
        InputError: the ending is unknown or has no place for alpha, or PyAV is needed for it.
    """
    ending = Path(path).suffix.lower()
    if not is_media_name(path):
        if look.pixel_aspect != 1:
            tell(f"{path}: PNGs have square pixels, those of the video are {look.pixel_aspect}")
        return write_numbered(path)
    if ending not in WRITE_ENDINGS:
        raise InputError(f"{path}: can't write {ending} videos; use .mp4, .mov or .webm")
    if channels == 4 and ending not in WITH_ALPHA:
        raise InputError(f"{path} has no place for alpha; use .mov (ProRes 4444) or .webm (VP9)")
    if have_pyav():
        from utils.video.av_write import write_video

        return write_video(path, size, channels, rate, sound, look, tell)
    from utils.video.opencv import write_mp4

    if ending != ".mp4":
        raise InputError(f"{path}: OpenCV writes only .mp4 here; for {ending}: {REMEDY}")
    if sound or look.pixel_aspect != 1:
        tell(f"{path}: OpenCV writes no sound and square pixels only; for more: {REMEDY}")
    return write_mp4(path, size, rate, look)


class NumberedWriter:
    """Writes 000001.png, 000002.png and so on."""

    def __init__(self, folder: AnyPath) -> None:
        self.folder = Path(folder)
        self.count = 0

    def write(self, image: np.ndarray, time: Fraction) -> None:
        self.count += 1
        write_image(self.folder / f"{self.count:06d}.png", image)


@contextmanager
def write_numbered(folder: AnyPath) -> Iterator[NumberedWriter]:
    """Fill a folder beside `folder` and rename it at the end; nothing that is there is touched.

    Raises:
        InputError: `folder` is there already.
    """
    folder = Path(folder)
    if folder.exists():
        raise InputError(f"{folder} is there already; remove it or name another --output")
    make_folder(folder.parent)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-", dir=folder.parent))
    try:
        yield NumberedWriter(temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
