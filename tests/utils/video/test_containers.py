import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import write_clip
from utils.video.containers import is_cut_matroska, mend_matroska, read_header


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
