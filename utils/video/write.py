"""Videos, written with PyAV frame by frame, each at its own time."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from utils.errors import InputError
from utils.files import AnyPath, atomic_path
from utils.video.frame import PLAIN, Look, Tell, plain_name
from utils.video.read import TICK
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


@contextmanager
def open_writer(
    path: AnyPath,
    size: tuple[int, int],
    channels: int,
    rate: Fraction,
    sound: AnyPath | None,
    *,
    look: Look = PLAIN,
    tell: Tell = warnings.warn,
) -> Iterator[VideoWriter]:
    """Open a video file to write. Whole at the end, or not there.

    Args:
        path: .mp4 (H.264), .mov (H.264, with alpha ProRes 4444), .webm (VP9).
        size: (height, width) of the frames. H.264 wants even sides: odd ones grow by one pixel.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        rate: frames a second, on average; the frames' own times are kept.
        sound: a video whose sound goes along, copied where the container takes it. Whatever is
            wrong with it, the picture is written.
        look: how the frames are to be shown; by default square pixels of BT.709.
        tell: hears, in a sentence each, what could not be kept.

    Raises:
        InputError: the ending is unknown or has no place for alpha, or FFmpeg can't write it.
    """
    ending = Path(path).suffix.lower()
    if (ending, False) not in CODECS:
        raise InputError(f"{path}: can't write {ending} videos; use .mp4, .mov or .webm")
    if (ending, channels == 4) not in CODECS:
        raise InputError(f"{path} has no place for alpha; use .mov (ProRes 4444) or .webm (VP9)")
    try:
        with atomic_path(path) as temporary, ExitStack() as stack:
            ready = stack.enter_context(prepare_sound(sound, temporary, tell)) if sound else None
            container = stack.enter_context(av.open(plain_name(temporary), "w"))
            if ending == ".webm" and look.pixel_aspect != 1:
                size, look = _square(size, look)
                tell(f"{path}: pixels were made square, {size[1]}x{size[0]} of them, for WebM")
            writer = VideoWriter(container, CODECS[ending, channels == 4], size, rate, look, ready)
            yield writer
            writer.finish()
    except av.FFmpegError as error:
        raise InputError(f"{path} can't be written: {error}") from error


class VideoWriter:
    """A video file being written."""

    def __init__(
        self,
        container: Any,
        codec: tuple[str, str, dict[str, str]],
        size: tuple[int, int],
        rate: Fraction,
        look: Look,
        sound: Any,
    ) -> None:
        """Add the streams; every tag that players go by is written."""
        name, pixels, options = codec
        self._container = container
        self._stream = stream = container.add_stream(name, rate=rate, options=dict(options))
        self._multiple = 2 if name == "libx264" else 1
        stream.height, stream.width = (side + side % self._multiple for side in size)
        stream.pix_fmt = pixels
        context = stream.codec_context
        context.time_base = TICK
        context.sample_aspect_ratio = look.pixel_aspect
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = look.primaries, look.transfer
        self._sound = Sound(sound, container) if sound else None

    def write(self, image: np.ndarray, time: Fraction) -> None:
        """Append (H, W), (H, W, 3) or (H, W, 4) uint8, as the writer was opened for."""
        below, right = (side % self._multiple for side in image.shape[:2])
        grown: np.ndarray = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
        mode = MODES[image.shape[2] if image.ndim == 3 else 1]
        picture = av.VideoFrame.from_ndarray(grown, format=mode).reformat(
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
        if self._sound:
            self._sound.copy_until(time)

    def finish(self) -> None:
        """Write what the encoder still holds, and the rest of the sound."""
        self._container.mux(self._stream.encode(None))
        if self._sound:
            self._sound.copy_until(math.inf)


def _square(size: tuple[int, int], look: Look) -> tuple[tuple[int, int], Look]:
    """The size that shows the same in square pixels; PyAV has no way to tell WebM of others."""
    height, width = size
    if look.pixel_aspect > 1:
        width = round(width * look.pixel_aspect)
    else:
        height = round(height / look.pixel_aspect)
    return (height, width), replace(look, pixel_aspect=Fraction(1))
