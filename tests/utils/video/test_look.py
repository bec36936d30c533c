"""Videos are read as players show them, and what is written of them is shown the same."""

import os
from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import SIZE, nits_to_pq, picture, write_clip  # noqa: E402
from utils.video.frame import Look  # noqa: E402
from utils.video.read import open_reader, upright  # noqa: E402
from utils.video.write import open_writer  # noqa: E402

MATRICES = {  # (a, b, c, d), and where the mark of the upper left goes: (bottom?, right?)
    "as it is": ((1, 0, 0, 1), (0, 0)),
    "mirrored": ((-1, 0, 0, 1), (0, 1)),
    "upside down": ((1, 0, 0, -1), (1, 0)),
    "180": ((-1, 0, 0, -1), (1, 1)),
    "90": ((0, 1, -1, 0), (0, 1)),
    "270": ((0, -1, 1, 0), (1, 0)),
    "transposed": ((0, 1, 1, 0), (0, 0)),
    "transposed over the other diagonal": ((0, -1, -1, 0), (1, 1)),
}


def read(path):
    notes = []
    with open_reader(path, tell=notes.append) as reader:
        return reader, [frame.image for frame in reader], notes


def needs_matrices():
    if not hasattr(av.video.stream.VideoStream, "set_display_matrix"):
        pytest.skip("this PyAV can't write a display matrix")


@pytest.mark.parametrize("case", MATRICES)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_all_eight_turns_and_mirrors(tmp_path, case, name):
    needs_matrices()
    matrix, (bottom, right) = MATRICES[case]
    path = write_clip(tmp_path / name, matrix=matrix, count=2)
    found, images, notes = read(path)
    turned = matrix[0] == 0
    H, W = SIZE[::-1] if turned else SIZE
    assert found.size == images[0].shape[:2] == (H, W) and notes == []
    marked = np.argwhere(images[1][..., 1] > 150)  # the second, too
    assert (marked.mean(0) > np.array([H, W]) / 2).tolist() == [bool(bottom), bool(right)]
    expected = upright(picture(), np.reshape(matrix, (2, 2)))
    assert np.abs(images[0].astype(int) - expected).mean() < 6


def test_a_matrix_of_zeros_or_of_other_scales_changes_nothing():
    image = picture()
    for matrix in (np.zeros((2, 2)), np.eye(2) * 5e8, np.eye(2, dtype=np.int32) << 30):
        assert np.array_equal(upright(image, matrix), image)


@pytest.mark.parametrize("turned", [False, True])
def test_pixel_aspect_is_read(tmp_path, turned):
    matrix = MATRICES["90"][0] if turned else None
    if turned:
        needs_matrices()
    found, *_ = read(write_clip(tmp_path / "a.mp4", aspect=Fraction(64, 45), matrix=matrix))
    assert found.look.pixel_aspect == (Fraction(45, 64) if turned else Fraction(64, 45))


@pytest.mark.parametrize(("name", "channels"), [("a.mp4", 3), ("a.mov", 1), ("a.mov", 4)])
@pytest.mark.parametrize("size", [SIZE, (47, 63)])
def test_pixel_aspect_and_colours_are_written(tmp_path, name, channels, size):
    image = np.full((*size, channels), 100, np.uint8)
    look = Look(Fraction(64, 45), 6, 1 if channels == 4 else 13)  # ProRes has no number 13
    path = tmp_path / name
    with open_writer(path, size, channels, Fraction(25), None, look=look) as writer:
        writer.write(image[..., 0] if channels == 1 else image, Fraction(0))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        next(container.decode(stream))
        context = stream.codec_context
        assert stream.sample_aspect_ratio == Fraction(64, 45)
        assert (context.colorspace, context.color_primaries, context.color_trc) == (
            1,
            6,
            look.transfer,
        )


@pytest.mark.parametrize(("aspect", "size"), [("64/45", (48, 91)), ("45/64", (68, 64))])
def test_webm_gets_square_pixels_instead(tmp_path, aspect, size):
    path, notes = tmp_path / "a.webm", []
    look = Look(Fraction(aspect))
    with open_writer(path, SIZE, 3, Fraction(25), None, look=look, tell=notes.append) as writer:
        writer.write(picture(), Fraction(0))
    reader, images, _ = read(path)
    assert reader.size == size and reader.look.pixel_aspect == 1
    assert len(notes) == 1 and f"{size[1]}x{size[0]}" in notes[0]
    assert np.abs(images[0][: size[0] // 3, : size[1] // 3].astype(int) - (20, 200, 60)).mean() < 6


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm"])
@pytest.mark.parametrize("channels", [3, 4])
def test_all_tags_of_bt709_are_written(tmp_path, name, channels):
    if name == "a.mp4" and channels == 4:
        return
    image = np.full((*SIZE, channels), 100, np.uint8)
    with open_writer(tmp_path / name, SIZE, channels, Fraction(25), None) as writer:
        writer.write(image, Fraction(0))
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        next(container.decode(stream))
        context = stream.codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1)
        assert context.color_range == 1


HD = [(720, 1280), (1280, 720), (96, 1280), (578, 64)]
KINDS = [  # by name: codec, pixels
    ("a.mp4", "libx264", "yuv420p"),
    ("a.mkv", "libx264", "yuv420p10le"),
    ("a.avi", "libx264", "yuv420p"),
    ("a.mov", "mjpeg", "yuvj420p"),  # BT.601 at every size
    ("a.avi", "mjpeg", "yuvj420p"),
    ("a.mkv", "ffv1", "bgr0"),
    ("a.mov", "qtrle", "rgb24"),
    ("a.mov", "prores_ks", "yuv422p10le"),
    ("a.webm", "libvpx-vp9", "yuv420p"),
]


@pytest.mark.parametrize("size", [*HD, (480, 640)])
@pytest.mark.parametrize("tagged", [False, True])
def test_untagged_hd_is_bt709_and_untagged_sd_is_bt601(tmp_path, size, tagged):
    space = 5 if size == (480, 640) else 1
    tags = (6 if space == 5 else 1, 2, 2) if tagged else (2, 2, 2)
    path = write_clip(tmp_path / "a.mp4", size=size, count=1, tags=tags, space=space)
    _, images, notes = read(path)
    assert notes == []
    assert np.abs(images[0].astype(int) - picture(size)).mean() < 3


@pytest.mark.parametrize(("name", "codec", "pixels"), KINDS)
@pytest.mark.parametrize("tag", [2, 1])
def test_hd_of_every_kind_has_its_colours(tmp_path, name, codec, pixels, tag):
    """All colours that BT.601's weights don't clip; grey frames before them don't mislead."""
    size, space = (96, 1280), 5 if codec == "mjpeg" else 1
    steps = np.linspace(50, 200, 64).repeat(20)
    image = np.rint(np.stack([steps, steps[::-1], (steps * 3) % 150 + 50], -1)).astype(np.uint8)
    image = np.tile(image, (96, 1, 1))
    path = write_clip(
        tmp_path / name,
        codec=codec,
        pixels=pixels,
        count=3,
        tags=(tag, tag, tag),
        space=space,
        image=image,
        size=size,
    )
    _, images, notes = read(path)
    error = np.abs(images[-1].astype(int) - image).mean()
    assert error < 4 and notes == []


@pytest.mark.parametrize("tags", [(5, 5, 5), (6, 6, 6), (1, 1, 13), (2, 2, 2)])
def test_colours_of_sdr_go_along(tmp_path, tags):
    space = 1 if tags[0] == 1 else 5
    reader, images, notes = read(write_clip(tmp_path / "a.mkv", tags=tags, space=space, count=1))
    assert notes == []
    expected = [1 if tag == 2 else tag for tag in tags[1:]]
    assert [reader.look.primaries, reader.look.transfer] == expected
    assert np.abs(images[0].astype(int) - picture()).mean() < 3


@pytest.mark.parametrize(("transfer", "code"), [(16, float(nits_to_pq(26.0))), (18, 0.38)])
def test_hdr_is_toned_to_sdr_and_that_is_said(tmp_path, transfer, code):
    image = np.full((*SIZE, 3), round(code * 65535), np.uint16)
    image[:8, :8] = 0
    path = write_clip(
        tmp_path / "a.mov",
        pixels="yuv420p10le",
        image=image,
        tags=(9, 9, transfer),
        space=9,
        count=2,
    )
    reader, images, notes = read(path)
    assert reader.look == Look()
    (note,) = notes
    assert "BT.2020" in note and ("PQ" if transfer == 16 else "HLG") in note and "BT.709" in note
    grey = 255 * (26 / 203) ** (1 / 2.4)  # BT.1886
    assert np.abs(images[0][16:, 16:] - grey).max() < 3 and images[0][:4, :4].max() < 4


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("part", [60, 90])
def test_a_video_that_ends_early_is_told_of(tmp_path, name, sound, part):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)  # frames of one size
    whole = write_clip(
        tmp_path / f"whole-{name}",
        codec="mjpeg",
        pixels="yuvj420p",
        image=noise,
        count=50,
        sounds=[{"seconds": 2, "codec": "libmp3lame"}] if sound else [],
    )
    _, images, notes = read(whole)
    assert len(images) == 50 and notes == []
    path = tmp_path / name
    if name == "a.mp4":  # its index goes to the front, or nothing at all could be read
        with (
            av.open(str(whole)) as given,
            av.open(str(path), "w", options={"movflags": "faststart"}) as taken,
        ):
            track = given.streams.video[0]
            stream = taken.add_stream_from_template(track, opaque=True)
            for packet in given.demux(track):
                if packet.size:
                    packet.stream = stream
                    taken.mux(packet)
        whole = path
    content = whole.read_bytes()
    path.write_bytes(content[: len(content) * part // 100])
    _, images, notes = read(path)
    assert 10 < len(images) < 48
    assert sum("ends after" in note and str(path) in note for note in notes) == 1


def test_matroska_tells_of_a_single_frame_that_is_missing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    path = write_clip(tmp_path / "a.mkv", codec="mjpeg", pixels="yuvj420p", image=noise, count=50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 98 // 100])
    _, images, notes = read(path)
    assert 47 < len(images) < 50 and len(notes) == 1 and "ends after" in notes[0]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_uneven_times_are_no_early_end(tmp_path, name):
    times = [0, 40, 50, 200, 210, 1000, 1010, 2000]  # milliseconds
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    path = write_clip(tmp_path / name, codec=codec, times=times)
    notes = []
    with open_reader(path, tell=notes.append) as video:
        frames = list(video)
    assert notes == [] and [round(frame.time * 1000) for frame in frames] == times
    with open_writer(tmp_path / "out.mp4", SIZE, 3, Fraction(25), None) as writer:
        for frame in frames:
            writer.write(frame.image, frame.time)
    with open_reader(tmp_path / "out.mp4") as video:
        found = [round(frame.time * 1000) for frame in video]
    assert len(found) >= 8 and found[-1] == pytest.approx(2000, abs=40)


def test_a_video_that_begins_late_is_no_early_end(tmp_path):
    assert read(write_clip(tmp_path / "a.mkv", times=[500, 540, 580]))[2] == []


def test_sound_that_outlasts_the_picture_is_no_early_end(tmp_path):
    for name in ("a.mkv", "a.mp4"):
        assert read(write_clip(tmp_path / name, sounds=[{"seconds": 3}]))[2] == []


def test_broken_pieces_are_passed_over(tmp_path):
    whole = write_clip(tmp_path / "a.mkv", codec="ffv1", count=20)
    content = bytearray(whole.read_bytes())
    with av.open(str(whole)) as container:
        places = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    for pos, size in places[5:8]:
        content[pos + 8 : pos + 8 + size - 8] = os.urandom(size - 8)
    whole.write_bytes(content)
    _, images, notes = read(whole)
    assert 17 <= len(images) <= 20
    if len(images) < 20:
        assert len(notes) == 1 and "broken piece" in notes[0]


NAMES = ["12:30.mp4", "a:b.mp4", "-clip.mp4", "50%.mp4", "a%03d.mp4", "%s.mp4", "file:a.mp4"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_are_names_of_files(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.replace(write_clip("clip.mp4", count=3), name)
    assert len(read(name)[1]) == 3
    os.mkdir("out")
    for target in (f"out/{name}", f"new-{name}", f"-{name}", f"7:{name}"):
        with open_writer(target, SIZE, 3, Fraction(25), name, tell=[].append) as writer:
            for i in range(3):
                writer.write(picture(), Fraction(i, 25))
        assert len(read(target)[1]) == 3
    assert len(os.listdir()) == 5  # and nothing else was written
