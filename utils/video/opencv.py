"""Reading videos and cameras, and writing mp4, with OpenCV; utils/video/files.py decides when.

What PyAV does and OpenCV can't: HDR is not tone-mapped, but told of; it writes a constant rate, at
which frames that are shown longer are repeated. OpenCV reads HD that names no matrix by BT.601's,
which is undone; what that clipped, in the most saturated colours, stays lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video import colour
from utils.video.containers import Header, is_cut_matroska, mend_matroska, read_header, tag_mp4
from utils.video.frame import (
    REMEDY,
    Frame,
    Look,
    Tell,
    plain_name,
    tell_of_early_end,
    turns_aside,
    upright,
)

# Codecs that go by BT.601 at every size, and pixels that are RGB in the file.
NO_BT709 = re.compile(b"(?i)^(mjp[ga]|jpeg|dmb1|avrn)|rgb|bgr|pal| g3")
VERSION = tuple(map(int, cv2.__version__.split(".")[:2]))


class CvReader:
    """A video file or camera; see utils.video.frame.Reader.

    OpenCV would turn frames, but never mirror them: the file's matrix is followed here instead.
    """

    def __init__(self, source: AnyPath | int, capture: cv2.VideoCapture, tell: Tell) -> None:
        self._live = isinstance(source, int)
        self.name = f"camera:{source}" if self._live else str(source)
        self._tell = tell
        self._capture = capture
        header = Header() if isinstance(source, int) else read_header(source)
        self._display = header.display
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        if not colour.shown_by_all(header.primaries, header.transfer):
            tell(f"{self.name} is HDR, which OpenCV can't show as it should be: {REMEDY}")
        found, first = capture.read()
        if not found:
            raise InputError(
                f"{self.name} can't be opened; is it there and free?"
                if self._live
                else f"{self.name} can't be read as a video: broken, or PyAV is needed: {REMEDY}"
            )
        self._first = first
        self.size: tuple[int, int] = upright(first, self._display).shape[:2]
        self.look = Look(self._pixel_aspect())
        wanted = colour.matrix_number(header.matrix, header.primaries, *first.shape[:2])
        told = header.matrix == colour.BT709 and VERSION >= (4, 13)  # older ones take no notice
        luma = not self._live and not NO_BT709.search(self._code("FOURCC", "CODEC_PIXEL_FORMAT"))
        self._mend = luma and wanted == colour.BT709 and not told
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate if 1 <= rate <= 1000 else 25).limit_denominator(1001)
        self.count = 0 if self._live else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def _code(self, *names: str) -> bytes:
        """The four letters of each of these properties."""
        numbers = [int(self._capture.get(getattr(cv2, f"CAP_PROP_{name}"))) for name in names]
        return b" ".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in numbers)

    def _pixel_aspect(self) -> Fraction:
        names = (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN)
        across, down = (max(0, int(self._capture.get(name))) for name in names)
        across, down = (down, across) if turns_aside(self._display) else (across, down)
        return Fraction(across, down) if across and down else Fraction(1)

    def __iter__(self) -> Iterator[Frame]:
        found, picture, number = True, self._first, 0
        start, seconds = time.monotonic(), Fraction(0)
        while found:
            picture = upright(picture, self._display)
            if picture.shape[:2] != self.size:
                raise InputError(
                    f"{self.name} changes its size at frame {number + 1}; cut it there"
                )
            now = time.monotonic() - start
            if not self._live:
                now = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            seconds = max(seconds, Fraction(now).limit_denominator(90_000))
            image = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
            yield Frame(
                cv2.transform(image, colour.BT601_TO_BT709) if self._mend else image, seconds
            )
            found, picture = self._capture.read()
            number += 1
        if number < self.count and (
            is_cut_matroska(self.name) is not False or mend_matroska(self.name)
        ):  # in a whole Matroska file the count is a guess
            reached, promised = seconds + 1 / self.rate, self.count / self.rate
            tell_of_early_end(self.name, reached, promised, self.rate, self._tell)


@contextmanager
def read_video_or_camera(source: AnyPath | int, tell: Tell) -> Iterator[CvReader]:
    """Open a video file, or the camera of this number.

    Raises:
        InputError: there is no video in it, or no such camera.
    """
    if isinstance(source, int):
        capture = cv2.VideoCapture(source)
    else:  # FFmpeg alone: others take a name with "%03d" for numbered pictures
        capture = cv2.VideoCapture(plain_name(source), cv2.CAP_FFMPEG)
    try:
        yield CvReader(source, capture, tell)
    finally:
        capture.release()


class CvWriter:
    """An mp4 file of a constant rate being written; see utils.video.frame.Writer."""

    def __init__(self, writer: cv2.VideoWriter, size: tuple[int, int], rate: Fraction) -> None:
        self._writer, self._size, self._rate = writer, size, rate
        self._count = 0
        self._last: np.ndarray = np.zeros((*size, 3), np.uint8)

    def write(self, image: np.ndarray, time: Fraction) -> None:
        while 0 < self._count < round(time * self._rate):  # where it is shown longer than others
            self._writer.write(self._last)
            self._count += 1
        H, W = image.shape[:2]
        below, right = self._size[0] - H, self._size[1] - W
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        self._last = cv2.cvtColor(image, code)
        self._writer.write(self._last)
        self._count += 1


@contextmanager
def write_mp4(
    path: AnyPath, size: tuple[int, int], rate: Fraction, look: Look
) -> Iterator[CvWriter]:
    """Open an mp4 file to write, MPEG-4, at a constant rate and without sound.

    Raises:
        InputError: OpenCV can't write it.
    """
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    with atomic_path(path) as temporary:
        code = cv2.VideoWriter.fourcc(*"mp4v")
        name = plain_name(temporary)
        writer = cv2.VideoWriter(name, cv2.CAP_FFMPEG, code, float(rate), even[::-1])
        if not writer.isOpened():
            raise InputError(f"{path} can't be written by OpenCV; write numbered PNGs instead")
        try:
            yield CvWriter(writer, even, rate)
        finally:
            writer.release()
        tag_mp4(temporary, look.primaries, look.transfer, matrix=6)  # BT.601's, which OpenCV uses
