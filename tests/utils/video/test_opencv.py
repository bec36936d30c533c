import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import write_clip
from utils.video.containers import read_header
from utils.video.opencv import stream_matrix

KINDS = [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx265"), ("a.avi", "libx264")]


@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("tags", [(1, 1, 1), (6, 6, 6), (1, 2, 2), (2, 2, 2)])
def test_the_matrix_is_in_the_stream_too(tmp_path, name, codec, tags):
    path = write_clip(tmp_path / name, codec=codec, tags=tags, count=1)
    content = path.read_bytes().replace(b"colr", b"free").replace(b"\x55\xb0", b"\x55\xf9")
    path.write_bytes(content)
    assert read_header(path).matrix == 2 and stream_matrix(path) == tags[0]


def test_a_video_without_a_first_picture_names_no_matrix(tmp_path):
    path = write_clip(tmp_path / "a.mp4", codec="mpeg4")
    assert stream_matrix(path) == 2
    path.write_bytes(b"no video")
    assert stream_matrix(path) == 2
