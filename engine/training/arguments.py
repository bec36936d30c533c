"""From the command line of train.py to the settings of a run.

A value comes from the command line, else from the run folder's record (on --resume), else from the
defaults of engine/training/settings.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.training.run_state import RECORD, check_new, read_arguments
from engine.training.settings import FREE, SECTIONS, STARTS, RunSettings
from utils.arguments import OneSentenceParser
from utils.errors import InputError


def make_parser(description: str) -> argparse.ArgumentParser:
    """A flag for every setting; only what is given becomes a value."""
    suppress = argparse.SUPPRESS
    parser = OneSentenceParser(description, argument_default=suppress, allow_abbrev=False)
    for name, section in SECTIONS.items():
        group: Any = parser.add_argument_group(name, section.__doc__)
        start = group.add_mutually_exclusive_group() if name == "network" else group
        for setting in fields(section):
            place = start if setting.name in STARTS else group
            place.add_argument(f"--{setting.name}", **setting.metadata)
    return parser


def parse_arguments(description: str, argv: Sequence[str] | None = None) -> RunSettings:
    """The settings of a run, checked as far as they can be without opening the data.

    Raises:
        InputError: for a value that can't work, a folder that holds another run, or a resumed run
            whose result the command line would change.
    """
    given = vars(make_parser(description).parse_args(argv))
    train_dir = given["train_dir"]
    if not given.get("resume"):
        check_new(train_dir)
        return RunSettings.of(given)
    record = read_arguments(train_dir)
    try:
        before = RunSettings.of(record).plain()
    except InputError as error:
        raise InputError(f"{Path(train_dir, RECORD)}: {error}") from error
    settings = RunSettings.of(record | given)
    now = settings.plain()
    for name in sorted(given.keys() - FREE):
        if now[name] != before[name]:
            raise InputError(
                f"--{name} {now[name]} differs from {before[name]}, with which the run in"
                f" {train_dir} began; leave it out, or begin a new run with --init"
            )
    return settings
