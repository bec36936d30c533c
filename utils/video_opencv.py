"""Reading videos and cameras, and writing mp4, with OpenCV; utils/video.py decides when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video import Frame


class CvReader:
    """A video file or camera; see utils.video.Reader. OpenCV turns frames upright itself."""

    def __init__(self, source: AnyPath | int, capture: cv2.VideoCapture) -> None:
        self._live = isinstance(source, int)
        self.name = f"camera:{source}" if self._live else str(source)
        self._capture = capture
        found, first = capture.read()
        if not found:
            raise InputError(
                f"{self.name} can't be opened; is it there and free?"
                if self._live
                else f"{self.name} can't be read as a video: broken, empty or of another kind"
            )
        self._first = first
        self.size: tuple[int, int] = first.shape[:2]
        rate = capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate if 1 <= rate <= 1000 else 25).limit_denominator(1001)
        self.count = 0 if self._live else max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))

    def __iter__(self) -> Iterator[Frame]:
        found, picture, number = True, self._first, 0
        start = time.monotonic()
        while found:
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


@contextmanager
def read_video_or_camera(source: AnyPath | int) -> Iterator[CvReader]:
    """Open a video file, or the camera of this number.

    Raises:
        InputError: there is no video in it, or no such camera.
    """
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        yield CvReader(source, capture)
    finally:
        capture.release()


class CvWriter:
    """An mp4 file being written; see utils.video.Writer."""

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
        writer = cv2.VideoWriter(str(temporary), code, float(rate), even[::-1])
        if not writer.isOpened():
            raise InputError(f"{path} can't be written by OpenCV; write numbered PNGs instead")
        try:
            yield CvWriter(writer, even)
        finally:
            writer.release()
