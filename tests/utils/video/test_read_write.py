from fractions import Fraction

import numpy as np
import pytest

from utils.errors import InputError, MissingError

av = pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from utils.video.read import open_reader  # noqa: E402
from utils.video.write import open_writer  # noqa: E402

RATE = Fraction(30000, 1001)
SIZE = (48, 64)


def picture(number, size=SIZE, channels=3):
    """A grey ramp to the right with a red square that moves down; alpha falls to the right."""
    H, W = size
    image = np.repeat(np.linspace(20, 230, W)[None, :, None], H, 0).repeat(3, 2)
    image[4 + number : 16 + number, 4:16] = (220, 30, 30)
    if channels == 4:
        image = np.dstack([image, np.repeat(np.linspace(255, 0, W)[None], H, 0)])
    image = np.rint(image).astype(np.uint8)
    return np.ascontiguousarray(image[..., 1]) if channels == 1 else image


def write(path, count=6, size=SIZE, channels=3, times=None, sound=None):
    with open_writer(path, size, channels, RATE, sound) as writer:
        for i in range(count):
            writer.write(picture(i, size, channels), times[i] if times else i / RATE)
    return path


def read(path):
    with open_reader(path) as reader:
        return reader, list(reader)


def error(image, other):
    return np.abs(image.astype(int) - other).mean()


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm", "größe 大.mp4"])
def test_frames_times_and_rate_are_kept(tmp_path, name):
    reader, frames = read(write(tmp_path / name))
    assert reader.size == SIZE and reader.rate == RATE and len(frames) == 6
    assert reader.count in (5, 6)  # WebM does not store it
    for i, frame in enumerate(frames):
        assert abs(frame.time - i / RATE) <= Fraction(1, 1000)
        assert error(frame.image, picture(i)) < 6
    assert frames[0].image[10, 10, 0] > 180 > 80 > frames[0].image[10, 10, 2]  # RGB, not BGR


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_colours_are_kept(tmp_path, ending):
    """Written by BT.601's weights and read by BT.709's, they would be 20 levels off."""
    colours = [(230, 20, 20), (20, 200, 40), (30, 30, 220), (255, 255, 255), (0, 0, 0)]
    with open_writer(tmp_path / f"a{ending}", SIZE, 3, RATE, None) as writer:
        for i, colour in enumerate(colours):
            writer.write(np.full((*SIZE, 3), colour, np.uint8), i / RATE)
    _, frames = read(tmp_path / f"a{ending}")
    for frame, colour in zip(frames, colours, strict=True):
        assert np.abs(frame.image[20, 30].astype(int) - colour).max() <= 5


def test_uneven_times_are_kept(tmp_path):
    times = [Fraction(n, 1000) for n in (0, 40, 50, 200, 210, 1000)]
    _, frames = read(write(tmp_path / "a.mp4", times=times))
    assert [frame.time for frame in frames] == times


@pytest.mark.parametrize("ending", [".mp4", ".webm"])
def test_odd_sizes_lose_nothing(tmp_path, ending):
    _, frames = read(write(tmp_path / f"a{ending}", size=(47, 63)))
    even = (48, 64) if ending == ".mp4" else (47, 63)
    assert frames[0].image.shape[:2] == even
    assert error(frames[0].image[:47, :63], picture(0, (47, 63))) < 6


@pytest.mark.parametrize("decoder", ["prores", "libvpx-vp9"])
@pytest.mark.parametrize("size", [SIZE, (47, 63)])
def test_alpha_goes_along(tmp_path, decoder, size):
    path = write(tmp_path / ("a.mov" if decoder == "prores" else "a.webm"), size=size, channels=4)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = av.CodecContext.create(decoder, "r")  # FFmpeg's own VP9 decoder drops alpha
        codec.extradata = stream.codec_context.extradata
        if decoder == "prores":
            codec = stream.codec_context
        packets = list(container.demux(stream))
        frames = [frame for packet in packets for frame in codec.decode(packet)]
    assert len(frames) == 6
    for i, frame in enumerate(frames):
        assert error(frame.to_ndarray(format="rgba"), picture(i, size, 4)) < 6


def test_grey_becomes_a_grey_video(tmp_path):
    _, frames = read(write(tmp_path / "a.mp4", channels=1))
    assert error(frames[3].image, picture(3, channels=1)[..., None]) < 3


@pytest.fixture
def with_sound(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", 44100)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        tone = np.sin(np.arange(44100) / 44100 * 2 * np.pi * 440).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(np.repeat(tone, 2, 0), "fltp", "stereo")
        frame.rate, frame.pts = 44100, 0
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
        for i in range(25):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(i % 9), "rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("ending", "codec"), [(".mp4", "aac"), (".mov", "aac"), (".webm", "opus")])
def test_sound_goes_along(tmp_path, with_sound, ending, codec):
    times = [Fraction(i, 25) for i in range(25)]
    path = write(tmp_path / f"a{ending}", 25, times=times, sound=with_sound)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = [f.to_ndarray() for f in container.decode(stream)]
        rate = stream.rate
        assert stream.codec_context.name in (codec, f"lib{codec}")
    heard = np.concatenate([f.reshape(-1, 1)[:: 1 if f.shape[0] == 2 else 2] for f in frames])
    assert sum(f.size for f in frames) / 2 / rate == pytest.approx(1, abs=0.08)
    assert heard.std() > 0.3


def test_silent_video_stays_silent(tmp_path):
    source = write(tmp_path / "a.mp4")
    path = write(tmp_path / "b.mp4", sound=source)
    with av.open(str(path)) as container:
        assert not container.streams.audio


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_frames_come_upright(tmp_path, angle):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuv420p"
        if not hasattr(stream, "set_display_rotation"):
            pytest.skip("this PyAV can't write a rotation")
        stream.set_display_rotation(angle)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(0), "rgb24")))
        container.mux(stream.encode(None))
    upright = np.rot90(picture(0), angle // 90)
    reader, frames = read(path)
    assert reader.size == upright.shape[:2]
    assert error(frames[0].image, upright) < 6


def test_a_video_that_changes_its_size(tmp_path):
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "yuvj420p"
        for i, size in enumerate([SIZE, SIZE, (32, 32)]):
            frame = av.VideoFrame.from_ndarray(picture(0, size), "rgb24")
            codec = av.CodecContext.create("mjpeg", "w")
            codec.height, codec.width, codec.pix_fmt = *size, "yuvj420p"
            codec.time_base = Fraction(1, 25)
            for packet in codec.encode(frame.reformat(format="yuvj420p")):
                packet.stream, packet.pts, packet.dts = stream, i, i
                packet.time_base = Fraction(1, 25)
                container.mux(packet)
    with pytest.raises(InputError, match=r"a\.avi changes its size from 48x64 to 32x32 at frame 3"):
        read(tmp_path / "a.avi")


def broken_videos(folder):
    good = write(folder / "good.mp4", 20).read_bytes()
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("hello" * 100)
    (folder / "head.mp4").write_bytes(good[: len(good) // 2])
    with av.open(str(folder / "sound.mp4"), "w") as container:
        sound = container.add_stream("aac", 44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.float32), "fltp", "mono")
        frame.rate = 44100
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    return ["empty.mp4", "text.mp4", "head.mp4", "sound.mp4"]


def test_what_is_no_video(tmp_path):
    for name in broken_videos(tmp_path):
        with pytest.raises(InputError, match=name):
            read(tmp_path / name)
    with pytest.raises(MissingError, match=r"none\.mp4"):
        read(tmp_path / "none.mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_failure_leaves_nothing_behind(tmp_path, name):
    write(tmp_path / "a.mp4", 2)
    before = (tmp_path / "a.mp4").read_bytes()
    with pytest.raises(RuntimeError), open_writer(tmp_path / name, SIZE, 3, RATE, None) as writer:
        writer.write(picture(0), Fraction(0))
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == before


@pytest.mark.parametrize(("name", "channels"), [("a.gif", 3), ("a.mkv", 3), ("a.mp4", 4), ("a", 3)])
def test_what_cannot_be_written(tmp_path, name, channels):
    with pytest.raises(InputError, match=rf"{name}.*use \.mov|{name}.*use \.mp4"):
        write(tmp_path / name, channels=channels)
