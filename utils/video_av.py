"""Reading and writing videos with PyAV; utils/video.py decides when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video import Frame

TICK = Fraction(1, 90_000)  # seconds; whole numbers of it for every usual frame rate
MODES = {1: "gray", 3: "rgb24", 4: "rgba"}
SLOW = 1_000_000  # microseconds, PyAV's unit of a container's start

# (codec, pixel format, settings) by ending, without and with alpha. crf: quality, lower is better.
H264 = ("libx264", "yuv420p", {"crf": "16", "preset": "medium"})
VP9 = {"crf": "20", "b": "0", "row-mt": "1", "cpu-used": "4"}
CODECS: dict[tuple[str, bool], tuple[str, str, dict[str, str]]] = {
    (".mp4", False): H264,
    (".mov", False): H264,
    (".mov", True): ("prores_ks", "yuva444p10le", {"profile": "4444", "alpha_bits": "16"}),
    (".webm", False): ("libvpx-vp9", "yuv420p", VP9),
    (".webm", True): ("libvpx-vp9", "yuva420p", VP9 | {"auto-alt-ref": "0"}),
}
# Sound that a container takes as it is, and what other sound becomes.
COPIED = {
    ".mp4": {"aac", "mp3", "ac3", "alac"},
    ".mov": {"aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"},
    ".webm": {"opus", "vorbis"},
}
ENCODED = {".mp4": "aac", ".mov": "aac", ".webm": "libopus"}


class AvReader:
    """A video file; see utils.video.Reader."""

    def __init__(self, path: AnyPath, container: Any) -> None:
        self.name = str(path)
        self._container = container
        if not container.streams.video:
            raise InputError(f"{path} holds no video")
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._frames = container.decode(self._stream)
        first = next(self._frames, None)
        if first is None:
            raise InputError(f"{path} holds no frame")
        self._first = first
        self._start = Fraction(container.start_time or 0, SLOW)
        self.rate = Fraction(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.size: tuple[int, int] = _upright(first).shape[:2]
        self.count = self._stream.frames or int((container.duration or 0) / SLOW * self.rate)

    def __iter__(self) -> Iterator[Frame]:
        time = -1 / self.rate
        number = 0
        try:
            for frame in self._all():
                number += 1
                if frame.pts is None:
                    time += 1 / self.rate
                else:
                    time = max(frame.pts * frame.time_base - self._start, time + TICK)
                image = _upright(frame)
                if image.shape[:2] != self.size:
                    found, expected = (f"{h}x{w}" for h, w in (image.shape[:2], self.size))
                    raise InputError(
                        f"{self.name} changes its size from {expected} to {found} at frame "
                        f"{number}; cut it there and matte the parts"
                    )
                yield Frame(image, time)
        except av.FFmpegError as error:
            raise InputError(f"{self.name} is broken after frame {number}: {error}") from error

    def _all(self) -> Iterator[Any]:
        yield self._first
        yield from self._frames


def _upright(frame: Any) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as the file asks players to."""
    turns = round(frame.rotation / 90)  # counterclockwise, as rot90 counts
    return np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), turns))


@contextmanager
def read_video(path: AnyPath) -> Iterator[AvReader]:
    """Open a video file.

    Raises:
        InputError: it is none, or holds no frame.
    """
    with ExitStack() as stack:
        try:
            reader = AvReader(path, stack.enter_context(av.open(str(path))))
        except (av.FFmpegError, UnicodeError) as error:
            raise InputError(
                f"{path} can't be read as a video: broken or of another kind"
            ) from error
        yield reader


class AvWriter:
    """A video file being written; see utils.video.Writer."""

    def __init__(self, container: Any, stream: Any, mode: str, sound: Sound | None) -> None:
        self._container = container
        self._stream = stream
        self._mode = mode
        self._sound = sound

    def write(self, image: np.ndarray, time: Fraction) -> None:
        H, W = image.shape[:2]
        right, below = self._stream.width - W, self._stream.height - H
        if right or below:
            edge = [(0, below), (0, right), (0, 0)][: image.ndim]
            image = np.pad(image, edge, mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format=self._mode)
        picture = picture.reformat(
            format=self._stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        picture.pts, picture.time_base = round(time / TICK), TICK
        picture.duration = round(1 / self._stream.codec_context.framerate / TICK)
        self._container.mux(self._stream.encode(picture))
        if self._sound:
            self._sound.copy_until(time)

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._container.mux(self._stream.encode(None))
        if self._sound:
            self._sound.finish()


class Sound:
    """The sound of one video on its way into another, a little at a time."""

    def __init__(self, source: Any, container: Any, ending: str) -> None:
        self._container = container
        self._input = source.streams.audio[0]
        self._copied = self._input.codec_context.name in COPIED[ending]
        self._start = Fraction(source.start_time or 0, SLOW)
        self._packets = source.demux(self._input)
        self._next: Any = None
        if self._copied:
            self._stream = container.add_stream_from_template(self._input)
        else:
            rate = 48_000 if ENCODED[ending] == "libopus" else self._input.rate
            self._stream = container.add_stream(ENCODED[ending], rate=rate)
            self._stream.layout = "stereo" if self._input.channels > 1 else "mono"

    def copy_until(self, time: Fraction | None) -> None:
        """Move the packets up to `time` (seconds; None: all)."""
        while True:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None or packet.dts is None:  # the end, or the empty packet before it
                return
            if time is not None and packet.dts * packet.time_base - self._start > time:
                self._next = packet
                return
            self._move(packet)

    def _move(self, packet: Any) -> None:
        if self._copied:
            shift = round(self._start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            self._container.mux(packet)
            return
        for frame in packet.decode():
            frame.pts -= round(self._start / frame.time_base)
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Move the rest, and what the encoder still holds."""
        self.copy_until(None)
        if not self._copied:
            self._container.mux(self._stream.encode(None))


@contextmanager
def write_video(
    path: AnyPath, size: tuple[int, int], channels: int, rate: Fraction, sound: AnyPath | None
) -> Iterator[AvWriter]:
    """Open a video file to write; utils.video.open_writer says how."""
    ending = Path(path).suffix.lower()
    codec, pixels, options = CODECS[ending, channels == 4]
    try:
        with atomic_path(path) as temporary, ExitStack() as stack:
            container = stack.enter_context(av.open(str(temporary), "w"))
            stream: Any = container.add_stream(codec, rate=rate, options=dict(options))
            even = 2 if codec == "libx264" else 1
            stream.height, stream.width = (-(-side // even) * even for side in size)
            stream.pix_fmt = pixels
            stream.codec_context.time_base = TICK
            stream.codec_context.colorspace = Colorspace.ITU709
            stream.codec_context.color_range = ColorRange.MPEG
            track = None
            if sound:
                source = stack.enter_context(av.open(str(sound)))
                track = Sound(source, container, ending) if source.streams.audio else None
            writer = AvWriter(container, stream, MODES[channels], track)
            yield writer
            writer.finish()
    except av.FFmpegError as error:
        raise InputError(f"{path} can't be written: {error}") from error
