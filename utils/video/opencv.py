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
    check_size,
    grow,
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
        self.name = f"camera:{source}" if isinstance(source, int) else str(source)
        self._tell = tell
        self._capture = capture
        header = Header() if isinstance(source, int) else read_header(source)
        self._display = header.display
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        if not colour.shown_by_all(header.primaries, header.transfer):
            tell(f"{self.name} is HDR, which OpenCV can't show as it should be: {REMEDY}")
        found, self._first = capture.read()
        if not found:
            raise InputError(
                f"{self.name} can't be opened; is it there and free?"
                if self._live
                else f"{self.name} can't be read as a video: broken, or PyAV is needed: {REMEDY}"
            )
        self.size: tuple[int, int] = upright(self._first, self._display).shape[:2]
        across, down = (max(0, self._number(f"SAR_{name}")) or 1 for name in ("NUM", "DEN"))
        aspect = Fraction(across, down)
        self.look = Look(1 / aspect if turns_aside(self._display) else aspect)
        self._mend = not self._live and self._is_misread(header)
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate if 1 <= rate <= 1000 else 25).limit_denominator(1001)
        self.count = 0 if self._live else max(0, self._number("FRAME_COUNT"))

    def _number(self, name: str) -> int:
        return int(self._capture.get(getattr(cv2, f"CAP_PROP_{name}")))

    def _is_misread(self, header: Header) -> bool:
        """Whether the numbers are BT.709's, and OpenCV makes colours of them by BT.601."""
        codes = (self._number(name) & 0xFFFFFFFF for name in ("FOURCC", "CODEC_PIXEL_FORMAT"))
        if NO_BT709.search(b" ".join(code.to_bytes(4, "little") for code in codes)):
            return False
        matrix = stream_matrix(self.name) if header.matrix == colour.UNKNOWN else header.matrix
        wanted = colour.matrix_number(matrix, header.primaries, *self._first.shape[:2])
        told = matrix == colour.BT709 and VERSION >= (4, 13)  # older ones take no notice
        return wanted == colour.BT709 and not told

    def __iter__(self) -> Iterator[Frame]:
        found, picture, number = True, self._first, 0
        start, seconds = time.monotonic(), Fraction(0)
        while found:
            picture = upright(picture, self._display)
            check_size(self.name, number + 1, picture, self.size)
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


def stream_matrix(path: AnyPath) -> int:
    """The matrix that the first picture's H.264, HEVC or ProRes names; UNKNOWN if it is none.

    In the former two its place depends on all that stands before; but primaries, transfer and
    matrix of SDR follow bits that say so, and no such pattern comes up by chance.
    """
    capture = cv2.VideoCapture(plain_name(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
    found, packet = capture.read()  # as it stands in the file
    content = packet.tobytes() if found else b""
    if content[4:8] == b"icpf":
        return content[24]
    if start := re.search(b"\0\0\1(?:[\x27\x47\x67]|\x42\1)", content):
        sequence = content[start.end() :][:160].replace(b"\0\0\3", b"\0\0")
        bits = f"{int.from_bytes(sequence, 'big'):b}"
        if named := re.search("1[01]{4}1" + 3 * "(0000(?:0001|0010|01[01]{2}|1101))", bits):
            return int(named[3], 2)
    return colour.UNKNOWN


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
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        self._last = cv2.cvtColor(grow(image, *self._size), code)
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
