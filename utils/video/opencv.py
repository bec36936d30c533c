"""Reading videos and cameras, and writing mp4, with OpenCV; utils/video/files.py decides when.

What PyAV does and OpenCV can't: HD videos that name no matrix are read, and all are written, by
BT.601's; HDR is not tone-mapped, but told of; of times only the average rate is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video import colour
from utils.video.frame import REMEDY, Frame, Look, Tell, plain_name, turns_aside, upright
from utils.video.mp4 import read_header


class CvReader:
    """A video file or camera; see utils.video.frame.Reader.

    OpenCV turns frames itself but never mirrors them: where the file's matrix can be read, it is
    followed here instead.
    """

    def __init__(self, source: AnyPath | int, capture: cv2.VideoCapture, tell: Tell) -> None:
        self._live = isinstance(source, int)
        self.name = f"camera:{source}" if self._live else str(source)
        self._tell = tell
        self._capture = capture
        header = None if isinstance(source, int) else read_header(source)
        self._matrix = header.matrix if header else np.eye(2)
        if header:
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
            if not colour.shown_by_all(header.primaries, header.transfer):
                tell(f"{self.name} is HDR, which OpenCV can't show as it should be: {REMEDY}")
        found, first = capture.read()
        if not found:
            raise InputError(
                f"{self.name} can't be opened; is it there and free?"
                if self._live
                else f"{self.name} can't be read as a video: broken, empty or of another kind"
            )
        self._first = first
        self.size: tuple[int, int] = upright(first, self._matrix).shape[:2]
        self.look = Look(self._pixel_aspect())
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate if 1 <= rate <= 1000 else 25).limit_denominator(1001)
        self.count = 0 if self._live else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def _pixel_aspect(self) -> Fraction:
        names = (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN)
        across, down = (max(0, int(self._capture.get(name))) for name in names)
        across, down = (down, across) if turns_aside(self._matrix) else (across, down)
        return Fraction(across, down) if across and down else Fraction(1)

    def __iter__(self) -> Iterator[Frame]:
        found, picture, number = True, self._first, 0
        start = time.monotonic()
        while found:
            picture = upright(picture, self._matrix)
            if picture.shape[:2] != self.size:
                raise InputError(
                    f"{self.name} changes its size at frame {number + 1}; cut it there"
                )
            seconds = (
                Fraction(time.monotonic() - start).limit_denominator(90_000)
                if self._live
                else number / self.rate
            )
            yield Frame(np.ascontiguousarray(picture[..., ::-1]), seconds)
            found, picture = self._capture.read()
            number += 1
        if number < self.count - 2 - self.count // 50:  # where it is not known it is a guess
            self._tell(
                f"{self.name} ends after {number} of the {self.count} frames that its header "
                "names; is it a whole copy?"
            )


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
    """An mp4 file being written; see utils.video.frame.Writer."""

    def __init__(self, writer: cv2.VideoWriter, size: tuple[int, int]) -> None:
        self._writer = writer
        self._size = size

    def write(self, image: np.ndarray, time: Fraction) -> None:
        H, W = image.shape[:2]
        below, right = self._size[0] - H, self._size[1] - W
        image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        self._writer.write(cv2.cvtColor(image, code))


@contextmanager
def write_mp4(path: AnyPath, size: tuple[int, int], rate: Fraction) -> Iterator[CvWriter]:
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
            yield CvWriter(writer, even)
        finally:
            writer.release()
