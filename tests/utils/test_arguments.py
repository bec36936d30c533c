import pytest

from utils.arguments import OneSentenceParser
from utils.errors import InputError


def test_an_empty_value_is_not_the_folder_one_stands_in(monkeypatch):
    parser = OneSentenceParser()
    parser.add_argument("--input")
    monkeypatch.setattr("sys.argv", ["predict.py", "--input", ""])
    for words in (["--input", ""], None):
        with pytest.raises(InputError, match="a value is empty"):
            parser.parse_args(words)
    assert parser.parse_args(["--input", "."]).input == "."
