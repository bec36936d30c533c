"""Work shared out among processes."""

import os

import pytest

from utils.errors import InputError
from utils.parallel import map_files


def square(number):
    return number**2


def die(number):
    os._exit(number)


@pytest.mark.parametrize("workers", [0, 2])
def test_every_item_is_worked_on(workers):
    assert sorted(map_files(square, range(5), num_workers=workers, title="")) == [0, 1, 4, 9, 16]


def test_a_process_that_was_killed_is_told_in_a_sentence():
    with pytest.raises(InputError, match=r"squares: a process was killed.*--num_workers 1"):
        list(map_files(die, [9, 9], num_workers=2, title="squares"))
