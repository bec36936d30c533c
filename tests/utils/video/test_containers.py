import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import write_clip
from utils.video.containers import is_cut_matroska, mend_matroska, read_header

KINDS = [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx265"), ("a.avi", "libx264")]


@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("tags", [(1, 1, 1), (6, 6, 6), (1, 2, 2), (2, 2, 2)])
def test_the_matrix_is_read_from_the_stream_where_the_container_names_none(
    tmp_path, name, codec, tags
):
    path = write_clip(tmp_path / name, codec=codec, tags=tags, count=1)
    assert read_header(path).matrix == tags[0]
    content = path.read_bytes().replace(b"colr", b"free").replace(b"\x55\xb0", b"\x55\xf9")
    path.write_bytes(content)
    assert read_header(path).matrix == tags[0]


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_tags_of_a_long_video_are_those_of_its_beginning(tmp_path, name):
    path = write_clip(tmp_path / name, tags=(1, 1, 1), count=1)
    content = path.read_bytes().replace(b"\x55\xb0", b"\x55\xf9")
    path.write_bytes(content + b"\x63\xa2\0\0\1\x67" * 1_000_000)
    assert read_header(path).matrix == 1


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm"])
def test_hdr_is_seen(tmp_path, name):
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    header = read_header(write_clip(tmp_path / name, codec=codec, tags=(9, 9, 18), count=1))
    assert (header.matrix, header.primaries, header.transfer) == (9, 9, 18)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_damage_of_any_kind_raises_nothing(tmp_path, name):
    content = write_clip(tmp_path / name, sounds=[{}]).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(content[: rng.integers(1, len(content))])
        for at in rng.integers(len(broken), size=5):
            broken[at] = rng.integers(256)
        (tmp_path / name).write_bytes(broken)
        read_header(tmp_path / name), mend_matroska(tmp_path / name)
        is_cut_matroska(tmp_path / name)
        assert (tmp_path / name).read_bytes() == broken  # the file stays as it is
