"""Sound is optional: whatever is wrong with it, the picture is written and a sentence says so."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import (  # noqa: E402
    SIZE,
    add_sound,
    encode_tone,
    listen,
    picture,
    spoilt,
    write_clip,
)
from utils.video.read import open_reader  # noqa: E402
from utils.video.write import open_writer  # noqa: E402


def matted(source, target):
    """Write ten frames with the sound of `source`; returns what was told."""
    notes = []
    with open_writer(target, SIZE, 3, Fraction(25), source, tell=notes.append) as writer:
        for i in range(10):
            writer.write(picture(), Fraction(i, 25))
    with av.open(str(target)) as container:
        assert len(list(container.decode(video=0))) == 10
    return notes


COPIES = [  # source, its codec, how it is written, in which container
    ("a.mkv", "aac", "aac", ".mp4"),
    ("a.avi", "libmp3lame", "mp3", ".mp4"),
    ("a.mkv", "ac3", "ac3", ".mov"),
    ("a.mov", "alac", "alac", ".mp4"),
    ("a.mov", "pcm_s16le", "pcm_s16le", ".mov"),
    ("a.mkv", "libopus", "opus", ".webm"),
    ("a.mov", "pcm_s24le", "aac", ".mp4"),
    ("a.mkv", "flac", "aac", ".mov"),
    ("a.webm", "libopus", "aac", ".mp4"),
    ("a.avi", "mp2", "aac", ".mp4"),
    ("a.mp4", "aac", "opus", ".webm"),
    ("a.avi", "adpcm_ms", "opus", ".webm"),
]


@pytest.mark.parametrize(("name", "codec", "written", "ending"), COPIES)
def test_sound_is_copied_where_it_fits_or_encoded(tmp_path, name, codec, written, ending):
    rate = 48000 if codec == "libopus" else 44100
    picture_codec = {"a.avi": "mpeg4", "a.webm": "libvpx-vp9"}.get(name, "libx264")
    source = write_clip(
        tmp_path / name, codec=picture_codec, sounds=[{"codec": codec, "rate": rate}]
    )
    if codec == "adpcm_ms":
        assert listen(source)[0] == "adpcm_ms"
    assert matted(source, tmp_path / f"out{ending}") == []
    found, found_rate, channels, begin, end, loudness = listen(tmp_path / f"out{ending}")
    assert found == written and channels == 2
    assert found_rate == (48000 if written == "opus" else rate)
    assert abs(begin) < 0.06 and end == pytest.approx(0.4, abs=0.08)
    assert np.median(loudness) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("rate", [8000, 11025, 37800, 96000, 192000])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_odd_rates(tmp_path, rate, ending):
    source = write_clip(tmp_path / "a.mov", sounds=[{"codec": "pcm_s16le", "rate": rate}])
    assert matted(source, tmp_path / f"out{ending}") == []
    *_, begin, end, loudness = listen(tmp_path / f"out{ending}")
    assert begin == pytest.approx(0, abs=0.03) and end == pytest.approx(0.4, abs=0.15)
    assert np.median(loudness) == pytest.approx(0.5, abs=0.1)


LAYOUTS = [("mono", 1), ("5.1", 6), ("5.1(side)", 6), ("7.1", 8), ("4.0", 2), ("6.1", 2)]


@pytest.mark.parametrize(("layout", "kept"), LAYOUTS)
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_many_channels(tmp_path, layout, kept, ending):
    source = write_clip(tmp_path / "a.mkv", sounds=[{"codec": "pcm_s16le", "layout": layout}])
    notes = matted(source, tmp_path / f"out{ending}")
    assert listen(tmp_path / f"out{ending}")[2] == kept
    if kept != 2:
        assert notes == []
    else:
        assert len(notes) == 1 and "a.mkv: the " in notes[0] and "became 2" in notes[0]


@pytest.mark.parametrize("codec", ["flac", "aac", "ac3"])  # encoded, copied, copied
@pytest.mark.parametrize("layout", ["stereo", "5.1"])
def test_broken_packets_leave_a_gap_and_nothing_moves(tmp_path, codec, layout):
    def spoil(packets):
        return spoilt(packets, (3, 4), lambda data: bytes(b ^ 0x5A for b in data))

    sound = {"codec": codec, "layout": layout, "seconds": 1, "rate": 48000}
    source = write_clip(tmp_path / "a.mkv", sounds=[sound], spoil=spoil)
    notes = matted(source, tmp_path / "out.mp4")
    assert notes == [f"{source}: its sound lacks 2 broken pieces"]
    *_, begin, end, _ = listen(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        last = [p for p in container.demux(audio=0) if p.size][-1]
    assert float(last.pts * last.time_base) == pytest.approx(1, abs=0.06)  # not 2 packets earlier
    assert begin == pytest.approx(0, abs=0.03) and end > 0.7


def test_what_cannot_be_decoded_gives_way_to_the_next_track(tmp_path):
    def spoil(packets):  # the first track only
        tracks.append(None)
        numbers = range(len(packets)) if len(tracks) == 1 else ()
        return spoilt(packets, numbers, lambda data: bytes(len(data)))

    tracks = []
    sounds = [{"codec": "flac"}, {"codec": "flac", "layout": "mono"}]
    source = write_clip(tmp_path / "a.mkv", sounds=sounds, spoil=spoil)
    (note,) = matted(source, tmp_path / "out.mp4")
    assert "of its 2 sound tracks only number 2 went along" in note
    assert "track 1 is left out: nothing of it can be decoded" in note
    assert listen(tmp_path / "out.mp4")[2] == 1


def test_sound_without_a_decoder(tmp_path):
    source = write_clip(tmp_path / "a.mp4", sounds=[{}])
    content = source.read_bytes()
    source.write_bytes(content.replace(b"mp4a", b"apac").replace(b"esds", b"dapa"))
    with av.open(str(source)) as container:
        assert container.streams.audio[0].codec_context is None
    (note,) = matted(source, tmp_path / "out.mp4")
    assert note == f"{source}: sound track 1 is left out: FFmpeg has no decoder for it"
    assert listen(tmp_path / "out.mp4") is None


@pytest.mark.parametrize("codec", ["flac", "libmp3lame"])
def test_time_stamps_that_leap(tmp_path, codec):
    def spoil(packets):
        for packet in packets[3:]:
            packet.pts = packet.dts = packet.pts + round(3600 * 5 / packet.time_base)
        return packets

    sound = {"codec": codec, "seconds": 1}
    source = write_clip(tmp_path / "a.mkv", sounds=[sound], spoil=spoil)
    matted(source, tmp_path / "out.mp4")
    *_, end, loudness = listen(tmp_path / "out.mp4")
    assert end == pytest.approx(1, abs=0.3)
    assert np.median(loudness) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".webm"])
@pytest.mark.parametrize("codec", ["libmp3lame", "flac", "libopus"])
def test_time_stamps_that_stand_still(tmp_path, codec, ending):
    def spoil(packets):  # Matroska has them, MP4 refuses them
        for number in (2, 3, 5):
            packets[number].pts = packets[number].dts = packets[1].dts
        return packets

    sound = {"codec": codec, "rate": 48000, "seconds": 1}
    source = write_clip(tmp_path / "a.mkv", sounds=[sound], spoil=spoil)
    assert matted(source, tmp_path / f"out{ending}") == []
    found, *_, end, loudness = listen(tmp_path / f"out{ending}")
    kept = "mp3" if codec == "libmp3lame" else "aac"
    assert found == ("opus" if ending == ".webm" else kept)  # what can be copied is
    with av.open(str(tmp_path / f"out{ending}")) as container:
        times = [float(p.dts * p.time_base) for p in container.demux(audio=0) if p.size]
    assert np.diff(times).min() > 0.009
    assert end == pytest.approx(1, abs=0.1) and np.median(loudness) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("length", [8, None])  # bytes; None: all of the packet
@pytest.mark.parametrize("codec", ["flac", "aac", "libopus"])
def test_broken_bytes_between_the_packets_leave_the_picture_whole(tmp_path, codec, length):
    """The packet's own length is lost: FFmpeg alone leaves out all that follows, picture too."""
    sound = {"codec": codec, "rate": 48000, "seconds": 2}
    source = write_clip(tmp_path / "a.mkv", sounds=[sound], count=50)
    with av.open(str(source)) as container:
        packet = [packet for packet in container.demux(audio=0) if packet.size][5]
    content = bytearray(source.read_bytes())
    begin = packet.pos - (2 if packet.size < 120 else 3)
    assert content[begin] == 0xA3
    end = begin + length if length else packet.pos + 4 + packet.size
    content[begin:end] = bytes(byte ^ 0x5A for byte in content[begin:end])
    source.write_bytes(content)
    notes = []
    with open_reader(source, tell=notes.append) as reader:
        assert len(list(reader)) == 50
    assert notes == [f"{source} is broken in one place; what can be read behind it is"]
    matted(source, tmp_path / "out.mp4")
    *_, loudness = listen(tmp_path / "out.mp4")
    assert np.median(loudness) == pytest.approx(0.5, abs=0.1)
    with av.open(str(tmp_path / "out.mp4")) as container:  # and nothing moves
        last = [p for p in container.demux(audio=0) if p.size][-1]
    assert float(last.pts * last.time_base) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("codec", ["libmp3lame", "flac"])
@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_sound_that_begins_late_or_outlasts_the_picture(tmp_path, codec, ending):
    source = write_clip(tmp_path / "a.mkv", sounds=[{"codec": codec, "seconds": 2, "begin": 0.5}])
    assert matted(source, tmp_path / f"out{ending}") == []
    *_, begin, end, _ = listen(tmp_path / f"out{ending}")
    assert begin == pytest.approx(0.5, abs=0.05) and end == pytest.approx(2.5, abs=0.1)


def test_a_track_that_changes_its_kind(tmp_path):
    def spoil(packets):  # the second half is 5.1, as in recordings of television
        with av.open(str(tmp_path / "b.mkv"), "w") as container:
            tone = add_sound(container, codec="ac3", rate=48000, layout="5.1", seconds=1)
            others = map(bytes, encode_tone(*tone))
            half = range(len(packets) // 2, len(packets))
            return spoilt(packets, half, lambda _: next(others))

    sound = {"codec": "ac3", "rate": 48000, "seconds": 1}
    source = write_clip(tmp_path / "a.mkv", sounds=[sound], spoil=spoil)
    (note,) = matted(source, tmp_path / "out.webm")
    assert note == f"{source}: the 6 channels of its sound became 2"
    *_, end, loudness = listen(tmp_path / "out.webm")
    assert end == pytest.approx(1, abs=0.1) and np.median(loudness) > 0.4


def test_nothing_is_left_behind(tmp_path):
    source = write_clip(tmp_path / "a.mkv", sounds=[{}])
    matted(source, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mkv", "out.mp4"]
