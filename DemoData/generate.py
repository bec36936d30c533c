"""Draw portraits with exact alpha, laid out as the real data sets are.

    python -m DemoData.generate --root ./Datasets-demo --train 200 --test 8 --size 768 --seed 0

N portraits for training; M for each of P3M-500-P, P3M-500-NP, PPM-100 and PhotoMatte85, all
different people; a scene for every fourth portrait in BG-20K. A run that was stopped goes on
where it was when started again with the same arguments.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from DemoData.layouts import SCENES, TESTS, TRAIN, Layout
from DemoData.people import KINDS
from DemoData.portrait import draw_portrait
from DemoData.scenes import NAMES, USUAL, draw_scene
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath, atomic_path
from utils.images import write_image
from utils.parallel import count_cores, map_files

RECORD = "demo_data.json"  # the arguments a folder was drawn with
MIN_SIZE = 64  # px; below this a person has no parts left


@dataclass(frozen=True)
class Task:
    """One portrait of `layout`, or one scene where `layout` is None."""

    number: int  # of the set: enters the seed
    index: int
    folder: str
    layout: Layout | None = None

    def paths(self, root: AnyPath) -> list[Path]:
        name = f"demo_{self.index:05d}"
        if self.layout is None:
            return [Path(root, self.folder, f"{name}.jpg")]
        return self.layout.paths(root, name)


def list_tasks(num_train: int, num_test: int) -> Iterator[Task]:
    """Everything there is to draw."""
    for layout, count in ((TRAIN, num_train), *((layout, num_test) for layout in TESTS)):
        for index in range(count):
            yield Task(layout.number, index, layout.folder, layout)
    for (scenes, folder), count in zip(SCENES, (num_train, num_test), strict=True):
        for index in range(-(-count // 4)):
            yield Task(scenes, index, folder)


def run_task(task: Task, root: AnyPath, size: int, seed: int, people: dict[str, Any]) -> None:
    """Draw and write one portrait or scene; a pure function of the seed and the task."""
    rng = np.random.default_rng([seed, task.number, task.index])
    if task.layout is None:
        scene = draw_scene(rng, size, people["backdrops"], objects=not people["alone"])
        write_image(task.paths(root)[0], scene)
        return
    portrait = draw_portrait(rng, size, hide_face=task.layout.hide_face, **people)
    task.layout.write(root, task.paths(root)[0].stem, portrait)


def claim_folder(root: AnyPath, arguments: dict[str, Any]) -> None:
    """Make `root` ours by writing the arguments into it.

    Raises:
        InputError: if it is a file, holds anything else, or was drawn with other arguments.
    """
    root = Path(root)
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file: give --root a folder")
    record = root / RECORD
    if record.exists():
        try:
            before = json.loads(record.read_text())
        except ValueError:
            before = "something that can't be read"
        if before != arguments:
            raise InputError(
                f"{root} was drawn with {before}, not with {arguments}: "
                "give the same arguments or another --root"
            )
        return
    # A name that begins with a dot is what a run leaves that is killed while it writes.
    others = sorted(p.name for p in root.iterdir() if p.name[0] != ".") if root.exists() else []
    if others:
        raise InputError(
            f"{root} already holds other things ({others[0]}): give --root a new or empty folder"
        )
    with atomic_path(record) as temporary:
        temporary.write_text(json.dumps(arguments))


def generate(
    root: AnyPath,
    *,
    num_train: int,
    num_test: int,
    size: int,
    seed: int,
    num_workers: int,
    kinds: Sequence[str] = tuple(KINDS),
    alone: bool = False,
    backdrops: Sequence[str] = USUAL,
) -> int:
    """Draw everything that is not there yet; returns how many pictures were drawn.

    Raises:
        InputError: as `claim_folder`; or a process was killed.
        OSError: if `root` can't be written, or the disk is full; names the folder.
    """
    try:
        people = {
            "kinds": [kind for kind in KINDS if kind in kinds],
            "alone": alone,
            "backdrops": [name for name in NAMES if name in backdrops],
        }
        return _generate(root, num_train, num_test, size, seed, num_workers, people)
    except OSError as error:
        raise OSError(
            f"{root} can't be written ({error.strerror or error}): what is there is whole, and"
            " the same command goes on; or give another --root"
        ) from error


def _generate(
    root: AnyPath,
    num_train: int,
    num_test: int,
    size: int,
    seed: int,
    num_workers: int,
    people: dict[str, Any],
) -> int:
    record = {"train": num_train, "test": num_test, "size": size, "seed": seed}
    claim_folder(root, record | people)
    tasks = list(list_tasks(num_train, num_test))
    missing = [task for task in tasks if not all(path.exists() for path in task.paths(root))]
    work = partial(run_task, root=root, size=size, seed=seed, people=people)
    for _ in map_files(work, missing, num_workers=num_workers, title=str(root)):
        pass
    return len(missing)


def parse_args() -> argparse.Namespace:
    parser, count = OneSentenceParser(__doc__), number(int, 0)
    parser.add_argument("--root", type=Path, default=Path("Datasets-demo"), help="folder to make")
    parser.add_argument("--train", type=count, default=200, help="portraits for training")
    parser.add_argument("--test", type=count, default=8, help="portraits for each of 4 test sets")
    side = number(int, MIN_SIZE, most=10_000)
    parser.add_argument("--size", type=side, default=768, help="side in pixels")
    parser.add_argument("--seed", type=number(int, 0, most=2**63 - 1), default=0)
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="how people are framed (all)"
    )
    parser.add_argument("--alone", action="store_true", help="one person and nothing else: easier")
    parser.add_argument(
        "--backdrops",
        nargs="+",
        choices=NAMES,
        default=list(USUAL),
        help="kinds (all but screen)",
    )
    parser.add_argument("--num_workers", type=count, default=count_cores(), help="processes")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    generate(
        args.root,
        num_train=args.train,
        num_test=args.test,
        size=args.size,
        seed=args.seed,
        num_workers=args.num_workers,
        kinds=args.kinds,
        alone=args.alone,
        backdrops=args.backdrops,
    )
    print(f"{args.root}: {args.train} portraits for training, {args.test} for each test set")


if __name__ == "__main__":
    run_script(main)
