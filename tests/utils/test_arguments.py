from argparse import ArgumentTypeError

import pytest

from utils.arguments import OneSentenceParser, join_dashes, number
from utils.errors import InputError


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


def test_an_empty_value_is_not_the_folder_one_stands_in(monkeypatch):
    parser = OneSentenceParser()
    parser.add_argument("--input")
    monkeypatch.setattr("sys.argv", ["predict.py", "--input", ""])
    for words in (["--input", ""], None):
        with pytest.raises(InputError, match="a value is empty"):
            parser.parse_args(words)
    assert parser.parse_args(["--input", "."]).input == "."


def test_no_number_is_too_long_to_be_looked_at():
    for kind, most in ((int, {"most": 1}), (int, {}), (float, {})):
        with pytest.raises(ArgumentTypeError, match=r"from 0 to 1(e\+09)?$"):
            number(kind, 0, **most)("1" + "0" * 400)
