"""The sound of one video on its way into another.

It is first brought into a file of its own, of the kind that the new video will be. Whatever is
wrong with it shows there, where another way or another track can be tried, and never costs the
picture.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath
from utils.video.av_read import SLOW, open_container
from utils.video.frame import Tell, plain_name

# Sound that a container takes as it is ("pcm_": every kind of it), and what other sound becomes.
COPIED = {
    ".mp4": ("aac", "mp3", "ac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "alac", "pcm_"),
    ".webm": ("opus", "vorbis"),
}
ENCODED = {".mp4": "aac", ".mov": "aac", ".webm": "libopus"}
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}  # by channels; others become stereo

JITTER = Fraction(3, 100)  # seconds; smaller gaps are rounding
LEAP = Fraction(600)  # seconds; a time stamp farther ahead is wrong


class Sound:
    """Prepared sound that follows the picture into a container, a little at a time."""

    def __init__(self, source: Any, container: Any) -> None:
        self._container = container
        self._packets = source.demux(source.streams.audio[0])
        self._stream = container.add_stream_from_template(source.streams.audio[0])
        self._next: Any = None

    def copy_until(self, time: Fraction | None) -> None:
        """Move the packets up to `time` (seconds; None: all)."""
        while packet := self._next or next(self._packets, None):
            self._next = packet
            if time is not None and packet.size and packet.dts * packet.time_base > time:
                return
            self._next = None
            if packet.size:  # the one before the end is empty
                packet.stream = self._stream
                self._container.mux(packet)


@contextmanager
def prepare_sound(source: AnyPath, target: AnyPath, tell: Tell) -> Iterator[Any]:
    """Yield an open container with the one track of sound that fits beside `target`, or None.

    Args:
        source: a video.
        target: the file that the sound is for; its ending says what it takes.
        tell: hears, in one sentence, what of the sound is left out or changed.
    """
    target = Path(target)
    with tempfile.TemporaryDirectory(prefix=".sound-", dir=target.parent) as folder:
        ready = Path(folder, f"sound{target.suffix.lower()}")
        if lost := _bring_over(source, ready):
            tell(f"{source}: {'; '.join(lost)}")
        if not ready.exists():
            yield None
            return
        with av.open(plain_name(ready)) as container:
            yield container


def _bring_over(source: AnyPath, ready: Path) -> list[str]:
    """Write the first track that can be had to `ready`; returns what is to be told of it."""
    with open_container(source) as container:
        tracks = [list(_ways(track, ready.suffix)) for track in container.streams.audio]
    refused: list[str] = []
    for number, ways in enumerate(tracks, 1):
        problem = "FFmpeg has no decoder for it"
        for layout in ways:
            try:
                told = _write_track(source, number - 1, ready, layout)
            except Exception as error:  # whatever it is, the picture is what counts
                ready.unlink(missing_ok=True)
                problem = str(error) or type(error).__name__
                continue
            if len(tracks) > 1:
                told.append(f"of its {len(tracks)} sound tracks only number {number} went along")
            return told + refused
        refused.append(f"sound track {number} is left out: {problem}")
    return refused


def _ways(track: Any, ending: str) -> Iterator[str | None]:
    """What to try with a track, best first: copy it (None), or encode it in this layout."""
    if track.codec_context is None:
        return
    name = track.codec_context.codec.canonical_name
    if name in COPIED[ending] or (name.startswith("pcm_") and "pcm_" in COPIED[ending]):
        yield None
    yield from dict.fromkeys((LAYOUTS.get(track.codec_context.channels, "stereo"), "stereo"))


def _write_track(source: AnyPath, number: int, ready: Path, layout: str | None) -> list[str]:
    """Write one track, copied or encoded; returns what of it is lost."""
    lost, broken = [], 0
    with open_container(source) as given, av.open(plain_name(ready), "w") as taken:
        track = given.streams.audio[number]
        start = Fraction(given.start_time or 0, SLOW)
        mover: _Copier | _Encoder = (
            _Encoder(track, taken, ENCODED[ready.suffix], layout)
            if layout
            else _Copier(track, taken)
        )
        for packet in _packets(given, track):
            try:  # what is copied is decoded as well: only so is it known to be whole
                frames = track.decode(packet)
            except av.FFmpegError:
                broken += packet is not None
                continue
            mover.take(packet, frames, start)
        mover.finish()
        if mover.end is None:
            raise InputError("nothing of it can be decoded")
        channels = track.codec_context.channels
    if broken:
        lost.append(f"its sound lacks {broken} broken piece{'s' * (broken > 1)}")
    if layout == "stereo" and channels > 2:
        lost.append(f"the {channels} channels of its sound became 2")
    return lost


def _packets(container: Any, track: Any) -> Iterator[Any]:
    """The track's packets, as far as the file can be read; None, which empties the decoder."""
    with suppress(av.FFmpegError):  # cut off; the reader of the picture tells of it
        yield from (packet for packet in container.demux(track) if packet.size)
    yield None


def _settle(time: Fraction | None, end: Fraction | None) -> Fraction:
    """When a piece of sound begins that should begin at `time`, seconds, after one until `end`.

    Times that are unknown, go back or leap far ahead are wrong; the piece follows at once.
    """
    earliest = Fraction(-1) if end is None else end - JITTER / 3  # less than a packet
    return time if time is not None and earliest <= time <= earliest + LEAP else end or Fraction(0)


class _Copier:
    """Packets as they are, at times that every container takes: known and ever later."""

    def __init__(self, track: Any, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream_from_template(track)
        self._tick = Fraction(1, track.codec_context.rate or 48_000)
        self._last = -(1 << 62)  # tick at which a packet began
        self.end: Fraction | None = None  # of what was taken, in seconds

    def take(self, packet: Any, frames: list[Any], start: Fraction) -> None:
        if packet is None:
            return
        time = None if packet.dts is None else packet.dts * packet.time_base - start
        at = _settle(time, self.end)
        duration = (packet.duration or 0) * packet.time_base
        if not duration:
            duration = sum(Fraction(frame.samples, frame.sample_rate) for frame in frames)
        self.end = at + duration
        self._last = max(round(at / self._tick), self._last + 1)
        packet.time_base, packet.duration = self._tick, round(duration / self._tick)
        packet.pts = packet.dts = self._last
        packet.stream = self._stream
        self._container.mux(packet)

    def finish(self) -> None:
        pass


class _Encoder:
    """Frames encoded anew, gap by gap: where packets are missing there is silence."""

    def __init__(self, track: Any, container: Any, codec: str, layout: str) -> None:
        self._container = container
        self._tick = track.time_base
        rate = track.codec_context.rate
        rates = av.Codec(codec, "w").audio_rates or [rate]
        self._rate = min((known for known in rates if known >= rate), default=max(rates))
        self._stream = container.add_stream(codec, rate=self._rate, layout=layout)
        self._layout = layout
        self._kind: tuple[Any, ...] = ()  # of the frames that the resampler was made for
        self._resampler: Any = None
        self._position = 0  # of the next sample
        self.end: Fraction | None = None  # of what was taken, in seconds

    def take(self, packet: Any, frames: list[Any], start: Fraction) -> None:
        for frame in frames:
            time = None if frame.pts is None else frame.pts * self._tick - start
            at = _settle(time, self.end)
            if self.end is None:
                self._position, self.end = round(at * self._rate), at
            elif at - self.end > JITTER:
                self._fill(round((at - self.end) * self._rate))
                self.end = at
            self.end += Fraction(frame.samples, frame.sample_rate)
            self._resample(frame)

    def finish(self) -> None:
        self._resample(None)
        self._container.mux(self._stream.encode(None))

    def _fill(self, samples: int) -> None:
        """Encode silence, a second at a time."""
        for begin in range(0, samples, self._rate):
            count = min(self._rate, samples - begin)
            zeros = np.zeros((1, count * self._stream.layout.nb_channels), np.int16)
            frame = av.AudioFrame.from_ndarray(zeros, "s16", self._layout)
            frame.sample_rate = self._rate
            self._resample(frame)

    def _resample(self, frame: Any | None) -> None:
        kind = (frame.format.name, frame.layout.name, frame.sample_rate) if frame else ()
        if kind != self._kind:  # a track may change its kind, and at its end there is none
            if self._resampler:
                self._encode(self._resampler.resample(None))
            self._kind = kind
            self._resampler = av.AudioResampler(self._stream.format, self._layout, self._rate)
        if frame:
            frame.pts = None
            self._encode(self._resampler.resample(frame))

    def _encode(self, frames: list[Any]) -> None:
        for frame in filter(None, frames):  # an idle resampler gives None at the end
            frame.pts, frame.time_base = self._position, Fraction(1, self._rate)
            self._position += frame.samples
            self._container.mux(self._stream.encode(frame))
