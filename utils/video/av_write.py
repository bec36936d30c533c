"""Writing videos with PyAV; utils/video/files.py decides when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video.av_read import TICK
from utils.video.frame import Look, Tell, grow, plain_name
from utils.video.sound import Sound, prepare_sound

MODES = {1: "gray", 3: "rgb24", 4: "rgba"}

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


class AvWriter:
    """A video file being written; see utils.video.frame.Writer."""

    def __init__(
        self,
        container: Any,
        ending: str,
        size: tuple[int, int],
        channels: int,
        rate: Fraction,
        look: Look,
    ) -> None:
        """Add the video stream; every tag that players go by is written."""
        codec, pixels, options = CODECS[ending, channels == 4]
        self._container, self._mode = container, MODES[channels]
        self._stream = stream = container.add_stream(codec, rate=rate, options=dict(options))
        self._multiple = 2 if codec == "libx264" else 1
        stream.height, stream.width = self._grown(size)
        stream.pix_fmt = pixels
        context = stream.codec_context
        context.time_base = TICK
        context.sample_aspect_ratio = look.pixel_aspect
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = look.primaries, look.transfer
        self.sound: Sound | None = None

    def _grown(self, size: tuple[int, ...]) -> tuple[int, ...]:
        """(height, width) that the codec takes."""
        return tuple(side + -side % self._multiple for side in size)

    def write(self, image: np.ndarray, time: Fraction) -> None:
        image = grow(image, *self._grown(image.shape[:2]))
        picture = av.VideoFrame.from_ndarray(image, format=self._mode)
        picture = picture.reformat(
            width=self._stream.width,
            height=self._stream.height,
            format=self._stream.pix_fmt,
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        codec = self._stream.codec_context
        if hasattr(picture, "color_trc"):  # PyAV 17; ProRes goes by the frame, others by the stream
            picture.color_primaries, picture.color_trc = codec.color_primaries, codec.color_trc
        picture.pts, picture.time_base = round(time / TICK), TICK
        picture.duration = round(1 / codec.framerate / TICK)
        self._container.mux(self._stream.encode(picture))
        if self.sound:
            self.sound.copy_until(time)

    def finish(self) -> None:
        """Write what the encoder still holds, and the rest of the sound."""
        self._container.mux(self._stream.encode(None))
        if self.sound:
            self.sound.copy_until(None)


@contextmanager
def write_video(
    path: AnyPath,
    size: tuple[int, int],
    channels: int,
    rate: Fraction,
    sound: AnyPath | None,
    look: Look,
    tell: Tell,
) -> Iterator[AvWriter]:
    """Open a video file to write; utils.video.files.open_writer says how."""
    try:
        with atomic_path(path) as temporary, ExitStack() as stack:
            ready = stack.enter_context(prepare_sound(sound, temporary, tell)) if sound else None
            container = stack.enter_context(av.open(plain_name(temporary), "w"))
            ending = temporary.suffix.lower()
            if ending == ".webm" and look.pixel_aspect != 1:
                size, look = _square(size, look)
                tell(f"{path}: pixels were made square, {size[1]}x{size[0]} of them, for WebM")
            writer = AvWriter(container, ending, size, channels, rate, look)
            writer.sound = Sound(ready, container) if ready else None
            yield writer
            writer.finish()
    except av.FFmpegError as error:
        raise InputError(f"{path} can't be written: {error}") from error


def _square(size: tuple[int, int], look: Look) -> tuple[tuple[int, int], Look]:
    """The size that shows the same in square pixels; PyAV has no way to tell WebM of others."""
    height, width = size
    if look.pixel_aspect > 1:
        width = round(width * look.pixel_aspect)
    else:
        height = round(height / look.pixel_aspect)
    return (height, width), replace(look, pixel_aspect=Fraction(1))
