import pytest

from utils.arguments import join_dashes


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        (["--input", "-a.mp4", "--output", "-b"], ["--input=-a.mp4", "--output=-b"]),
        (["--input", "-", "--smooth"], ["--input", "-", "--smooth"]),  # a list of paths
        (["--input", "--output", "a"], ["--input", "--output", "a"]),
        (["--gpus", "-1", "--input=a", "-h"], ["--gpus", "-1", "--input=a", "-h"]),
    ],
)
def test_names_that_begin_with_a_dash_are_values(words, joined):
    assert join_dashes(words, "--input", "--output") == joined
