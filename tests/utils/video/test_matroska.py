import numpy as np
import pytest

pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")

from tests.utils.video.clips import write_clip
from utils.video.matroska import mend_matroska


def test_damage_of_any_kind_raises_nothing(tmp_path):
    content = write_clip(tmp_path / "a.mkv", sounds=[{}]).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(content[: rng.integers(1, len(content))])
        for at in rng.integers(len(broken), size=5):
            broken[at] = rng.integers(256)
        (tmp_path / "a.mkv").write_bytes(broken)
        mend_matroska(tmp_path / "a.mkv")
        assert (tmp_path / "a.mkv").read_bytes() == broken  # the file stays as it is
