"""The sound of one video on its way into another.

It is first brought into a file of its own, of the kind that the new video will be. Whatever is
wrong with it shows there, where another way or another track can be tried, and never costs the
picture.
"""

import itertools
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath
from utils.video.frame import Tell, plain_name
from utils.video.read import SLOW, open_container

# Sound that a container takes as it is (how its name begins), and what other sound becomes.
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
        packets = source.demux(source.streams.audio[0])
        self._packets = (packet for packet in packets if packet.size)  # the last one is empty
        self._stream = container.add_stream_from_template(source.streams.audio[0])
        self._next: Any = None

    def copy_until(self, time: Fraction | float) -> None:
        """Move the packets up to `time`, in seconds."""
        while packet := self._next or next(self._packets, None):
            self._next = packet
            if packet.dts * packet.time_base > time:
                return
            self._next = None
            packet.stream = self._stream
            self._container.mux(packet)


@contextmanager
def prepare_sound(source: AnyPath, target: AnyPath, tell: Tell) -> Iterator[Any]:
    """Yield an open container with the one track of sound that fits beside `target`, or None.

    `tell` hears, in one sentence, what of the sound of `source` is left out or changed.
    """
    target = Path(target)
    with tempfile.TemporaryDirectory(prefix=".sound-", dir=target.parent) as folder:
        ready = Path(folder, f"sound{target.suffix.lower()}")
        if lost := _bring_over(source, ready):
            tell(f"{source}: {'; '.join(lost)}")
        with av.open(plain_name(ready)) if ready.exists() else nullcontext() as container:
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
    if track.codec_context.codec.canonical_name.startswith(COPIED[ending]):
        yield None
    yield from dict.fromkeys((LAYOUTS.get(track.codec_context.channels, "stereo"), "stereo"))


def _write_track(source: AnyPath, number: int, ready: Path, layout: str | None) -> list[str]:
    """Write one track, copied or encoded; returns what of it is lost."""
    lost: list[str] = []
    with open_container(source) as given, av.open(plain_name(ready), "w") as taken:
        track = given.streams.audio[number]
        start = Fraction(given.start_time or 0, SLOW)
        pieces = _pieces(given, track, lost)
        if layout:
            packets = _encode(track, start, pieces, taken, ENCODED[ready.suffix], layout)
        else:
            packets = _copy(track, start, pieces, taken)
        for packet in packets:
            taken.mux(packet)
        channels = track.codec_context.channels
    if layout == "stereo" and channels > 2:
        lost.append(f"the {channels} channels of its sound became 2")
    return lost


def _pieces(container: Any, track: Any, lost: list[str]) -> Iterator[tuple[Any, list[Any]]]:
    """The track's packets, each with its frames, as far as the file can be read; None at the end.

    What is copied is decoded as well: only so is it known to be whole.
    """
    heard, broken = False, 0
    for packet in _packets(container, track):
        try:
            frames = track.decode(packet)
        except av.FFmpegError:
            broken += packet is not None
            continue
        heard = heard or bool(frames)
        yield packet, frames
    if not heard:
        raise InputError("nothing of it can be decoded")
    if broken:
        lost.append(f"its sound lacks {broken} broken piece{'s' * (broken > 1)}")


def _packets(container: Any, track: Any) -> Iterator[Any]:
    with suppress(av.FFmpegError):  # cut off; the reader of the picture tells of it
        yield from (packet for packet in container.demux(track) if packet.size)
    yield None  # empties the decoder


def _begin(stamp: int | None, tick: Fraction, start: Fraction, end: Fraction | None) -> Fraction:
    """When a piece of sound begins, in seconds, after one until `end`, by its time stamp.

    Times that are unknown, go back or leap far ahead are wrong; the piece follows at once.
    """
    earliest = Fraction(-1) if end is None else end - JITTER / 3  # less than a packet
    if stamp is not None and earliest <= stamp * tick - start <= earliest + LEAP:
        return stamp * tick - start
    return end or Fraction(0)


def _copy(track: Any, start: Fraction, pieces: Iterable[Any], taken: Any) -> Iterator[Any]:
    """Packets as they are, at times that every container takes: known and ever later."""
    stream = taken.add_stream_from_template(track)
    tick = Fraction(1, track.codec_context.rate or 48_000)
    last, end = -(1 << 62), None
    for packet, frames in pieces:
        if packet is None:
            continue
        at = _begin(packet.dts, packet.time_base, start, end)
        duration = (packet.duration or 0) * packet.time_base
        if not duration:
            duration = sum(Fraction(frame.samples, frame.sample_rate) for frame in frames)
        end, last = at + duration, max(round(at / tick), last + 1)
        packet.time_base, packet.duration = tick, round(duration / tick)
        packet.pts = packet.dts = last
        packet.stream = stream
        yield packet


def _encode(
    track: Any, start: Fraction, pieces: Iterable[Any], taken: Any, codec: str, layout: str
) -> Iterator[Any]:
    """Packets of sound encoded anew, gap by gap: where some are missing there is silence."""
    rate = track.codec_context.rate
    rates = av.Codec(codec, "w").audio_rates or [rate]
    rate = min((known for known in rates if known >= rate), default=max(rates))
    stream = taken.add_stream(codec, rate=rate, layout=layout)
    tick = track.time_base

    def continuous() -> Iterator[Any]:
        end = begin
        for frame in itertools.chain([first], frames):
            at = _begin(frame.pts, tick, start, end)
            if at - end > JITTER:
                yield from _silence(round((at - end) * rate), rate, layout)
                end = at
            end += Fraction(frame.samples, frame.sample_rate)
            yield frame

    frames = itertools.chain.from_iterable(frames for _, frames in pieces)
    first = next(frames)
    begin = _begin(first.pts, tick, start, None)
    position = round(begin * rate)
    for frame in _resample(continuous(), stream.format, layout, rate):
        frame.pts, frame.time_base = position, Fraction(1, rate)
        position += frame.samples
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _silence(samples: int, rate: int, layout: str) -> Iterator[Any]:
    """A second at a time."""
    for begin in range(0, samples, rate):
        count = min(rate, samples - begin) * av.AudioLayout(layout).nb_channels
        frame = av.AudioFrame.from_ndarray(np.zeros((1, count), np.int16), "s16", layout)
        frame.sample_rate = rate
        yield frame


def _resample(frames: Iterable[Any], sample: Any, layout: str, rate: int) -> Iterator[Any]:
    """Frames of one kind made of those of a track, which may change its kind."""
    kinds = itertools.groupby(frames, lambda f: (f.format.name, f.layout.name, f.sample_rate))
    for _, alike in kinds:
        resampler = av.AudioResampler(sample, layout, rate)
        for frame in alike:
            frame.pts = None
            yield from resampler.resample(frame)
        yield from filter(None, resampler.resample(None))  # None of an idle one
