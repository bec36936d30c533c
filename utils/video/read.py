"""Videos, read with PyAV frame by frame, as players show them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition

from utils.errors import InputError, MissingError
from utils.files import AnyPath
from utils.video import colour
from utils.video.frame import Frame, Look, Tell, plain_name
from utils.video.matroska import is_cut_matroska, mend_matroska

TICK = Fraction(1, 90_000)  # seconds; whole numbers of it for every usual frame rate
SLOW = 1_000_000  # microseconds, PyAV's unit of a container's start


@contextmanager
def open_reader(path: AnyPath, *, tell: Tell = warnings.warn) -> Iterator[VideoReader]:
    """Open a video file; `tell` hears, in a sentence each, what of it is changed or missing.

    Raises:
        MissingError: no such file.
        InputError: no video, or one without a frame.
    """
    if not Path(path).is_file():
        raise MissingError(f"{path} is not there; --input takes a video file")
    with open_container(path, tell) as container:
        yield VideoReader(path, container, tell)


def open_container(path: AnyPath, tell: Tell | None = None) -> Any:
    """Open a file with FFmpeg, which goes on behind what is broken in it, as far as that is known.

    Raises:
        InputError: it is no video.
    """
    if Path(path).stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); expected a video")
    mended = mend_matroska(path)
    if mended and tell:
        places = "one place" if mended[1] == 1 else f"{mended[1]} places"
        tell(f"{path} is broken in {places}; what can be read behind it is")
    try:
        return av.open(mended[0] if mended else plain_name(path))
    except (av.FFmpegError, UnicodeError) as error:
        raise InputError(f"{path} can't be read as a video: broken or of another kind") from error


class VideoReader:
    """A video's frames of one size, in order, once; InputError where it changes its size.

    Attributes:
        name: for messages.
        size: (height, width), upright.
        rate: frames a second, on average.
        count: of the frames, as far as the file tells; 0 if it doesn't.
        look: how the frames are to be shown.
    """

    def __init__(self, path: AnyPath, container: Any, tell: Tell) -> None:
        self.name = str(path)
        self._tell = tell
        self._container = container
        for self._stream in container.streams.video:
            if not self._stream.disposition & Disposition.attached_pic:  # a cover
                break
        else:
            raise InputError(f"{path} holds no video")
        if self._stream.codec_context is None:
            raise InputError(f"{path}: FFmpeg has no decoder for its video; convert it first")
        self._stream.thread_type = "AUTO"
        self._start = Fraction(container.start_time or 0, SLOW)
        self.rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 25)
        self._ends: dict[int, Fraction] = {}  # of every stream's packets, by its number
        self._broken = 0
        frames = self._decode()
        first = next(frames, None)
        if first is None:
            raise InputError(f"{path} holds no frame that can be decoded")
        self._frames = itertools.chain([first], frames)
        self._find_look(first)
        self.size: tuple[int, int] = self._picture(first).shape[:2]
        self.count = self._stream.frames or int((container.duration or 0) / SLOW * self.rate)

    def _find_look(self, first: Any) -> None:
        """Say what is shown how, and what of it is changed."""
        codec = self._stream.codec_context
        self._matrix = _display_matrix(first)
        aspect = Fraction(self._stream.sample_aspect_ratio or 1)
        aspect = 1 / aspect if _turns_aside(self._matrix) else aspect
        self._given = codec.color_primaries, codec.color_trc
        self._csp = colour.matrix_number(
            first.colorspace, codec.color_primaries, first.height, first.width
        )
        self._shown_by_all = colour.shown_by_all(*self._given)
        if self._shown_by_all:
            tags = [colour.BT709 if tag in colour.UNNAMED else tag for tag in self._given]
            self.look = Look(aspect, *tags)
        else:
            kind = " ".join(colour.NAMES[tag] for tag in self._given if tag in colour.NAMES)
            self._tell(f"{self.name} is in {kind}; its colours were brought to BT.709 (SDR)")
            self.look = Look(aspect)

    def __iter__(self) -> Iterator[Frame]:
        time = -1 / self.rate
        for number, frame in enumerate(self._frames, 1):
            if frame.pts is None:
                time += 1 / self.rate
            else:
                time = max(frame.pts * self._stream.time_base - self._start, time + TICK)
            image = self._picture(frame)
            if image.shape[:2] != self.size:
                found, expected = (f"{h}x{w}" for h, w in (image.shape[:2], self.size))
                raise InputError(
                    f"{self.name} changes its size from {expected} to {found} at frame {number}; "
                    "cut it there and matte the parts"
                )
            yield Frame(image, time)
        self._tell_of_gaps()

    def _decode(self) -> Iterator[Any]:
        """Every frame that can be decoded; packets that can't be are passed over and counted."""
        for packet in self._packets():
            try:
                yield from self._stream.decode(packet)
            except av.FFmpegError:
                self._broken += packet is not None

    def _packets(self) -> Iterator[Any]:
        """The video's packets, as far as the file can be read; None, which empties the decoder."""
        try:
            for packet in self._container.demux():
                if not packet.size:  # it would end the decoder, and AVI has it for repeated frames
                    continue
                time = packet.dts if packet.pts is None else packet.pts
                if time is not None:
                    at, index = packet.time_base, packet.stream_index
                    end = (time + (packet.duration or 0)) * at
                    self._ends[index] = max(end, self._ends.get(index, end))
                if packet.stream_index == self._stream.index:
                    yield packet
        except av.FFmpegError:  # cut off within a packet; what is missing is told of at the end
            pass
        yield None

    def _picture(self, frame: Any) -> np.ndarray:
        """(H, W, 3) uint8 RGB, upright."""
        kind = "rgb24" if self._shown_by_all else "rgb48le"
        csp = {} if frame.format.is_rgb else {"src_colorspace": self._csp, "dst_colorspace": 5}
        image = frame.reformat(format=kind, **csp).to_ndarray()  # RGB has no matrix: 5 is any other
        if not self._shown_by_all:
            image = colour.to_bt709(image, *self._given)
        return upright(image, self._matrix)

    def _tell_of_gaps(self) -> None:
        """Tell of pieces that could not be decoded, and of an end well before the header says."""
        if self._broken:
            self._tell(
                f"{self.name} has {self._broken} broken piece{'s' * (self._broken > 1)} of video, "
                "whose frames are missing"
            )
        stream = self._stream
        if stream.duration is not None:
            # FFmpeg guesses a cut AVI's duration from what is left; its number of frames stays.
            promised = max(stream.duration * stream.time_base, stream.frames / self.rate)
            reached = self._ends.get(stream.index, 0) - (stream.start_time or 0) * stream.time_base
        else:  # Matroska's is that of the longest track, from 0 on
            promised = Fraction(self._container.duration or 0, SLOW)
            reached = max(self._ends.values(), default=Fraction(0))
        slack = max(2 / self.rate, Fraction(1, 20)) + promised / 100
        if promised - reached > (0 if is_cut_matroska(self.name) else slack):
            self._tell(
                f"{self.name} ends after {float(reached):.2f} of the {float(promised):.2f} seconds "
                "that its header names; is it a whole copy?"
            )


def _display_matrix(frame: Any) -> np.ndarray:
    """(2, 2); see `upright`."""
    try:
        sides = {side.type: side for side in frame.side_data}
    except ValueError:  # beside something that PyAV has no name for, it tells of rotations only
        turn = np.deg2rad(frame.rotation)
        return np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if Type.DISPLAYMATRIX not in sides:
        return np.eye(2)
    return np.frombuffer(sides[Type.DISPLAYMATRIX], np.int32).reshape(3, 3)[:2, :2]


def _turns_aside(matrix: np.ndarray) -> bool:
    """Whether a display matrix makes rows of columns; see `upright`."""
    (a, b), (c, d) = abs(matrix.astype(np.float64))
    return bool(b + c > a + d)


def upright(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror a picture as its file asks players to: a rotation alone is half of that.

    Args:
        image: (H, W, C).
        matrix: (2, 2), rows (a, b) and (c, d) of any scale, the upper left of the display matrix
            of ISO/IEC 14496-12: pixel (x, y) is shown at (a x + c y, b x + d y).
    """
    (across, b), (c, down) = matrix
    if _turns_aside(matrix):
        image, across, down = image.swapaxes(0, 1), c, b
    image = image[:, ::-1] if across < 0 else image
    return np.ascontiguousarray(image[::-1] if down < 0 else image)
