"""What MP4 and QuickTime files say of their video and OpenCV doesn't pass on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.files import AnyPath


@dataclass(frozen=True)
class Header:
    """Of the first video track.

    Attributes:
        matrix: (2, 2), as utils.video.frame.upright takes it.
        primaries, transfer: as utils.video.frame.Look has them; 2 where the file doesn't say.
    """

    matrix: np.ndarray
    primaries: int = 2
    transfer: int = 2


def read_header(path: AnyPath) -> Header | None:
    """Read the header of an MP4 or QuickTime file (ISO/IEC 14496-12); None if it has none."""
    movie = _read_movie(Path(path))
    boxes = dict(_boxes(movie))
    for kind, track in _boxes(movie):
        inner = dict(_boxes(track))
        handler = dict(_boxes(inner.get(b"mdia", b""))).get(b"hdlr", b"")
        if kind == b"trak" and handler[8:12] == b"vide" and b"tkhd" in inner:
            matrix = _matrix(inner[b"tkhd"], 40, 12) @ _matrix(boxes.get(b"mvhd", b""), 36, 12)
            colour = track.find(b"colrncl")  # nclx or nclc: both begin with these numbers
            tags = track[colour + 8 : colour + 12] if colour >= 0 else b""
            return Header(matrix, *struct.unpack(">2H", tags)) if len(tags) == 4 else Header(matrix)
    return None


def _read_movie(path: Path) -> bytes:
    """The content of the movie box, which may stand after all of the pictures."""
    with path.open("rb") as file:
        while len(start := file.read(8)) == 8:
            size, kind = struct.unpack(">I4s", start)
            length = 8
            if size == 1:
                size, length = int.from_bytes(file.read(8), "big"), 16
            if kind == b"moov":
                return file.read(size - length if size else -1)
            if size < length or not kind.isalnum():  # up to the end, or no such file
                break
            file.seek(size - length, 1)
    return b""


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of the boxes that stand side by side in `content`."""
    at = 0
    while at + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, at)
        size = size or len(content) - at
        if size < 8:
            return
        yield kind, content[at + 8 : at + size]
        at += size


def _matrix(box: bytes, at: int, longer: int) -> np.ndarray:
    """(2, 2) of the nine numbers at `at`; boxes of version 1 have times of 64 bits before."""
    at += longer if box[:1] == b"\1" else 0
    if len(box) < at + 36:
        return np.eye(2)
    return np.frombuffer(box, ">i4", 9, at).reshape(3, 3)[:2, :2] / 65536
