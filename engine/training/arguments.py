"""The values of a training run: flags, defaults, checks, and what a resumed run may change.

A value comes from the command line, else from the run folder's record (on --resume), else from the
defaults below.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.augment import RANGES, V2_SCALE
from engine.training.run_state import check_new, read_arguments
from models import CONFIGS, MattingConfig
from models.config import with_settings
from models.losses import LOSSES
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError
from utils.trimap import TRAINING_ELLIPSE

# What doesn't shape the result: a resumed run may be given other values of these.
FREE = {
    "gpus", "train_dir", "resume", "data_root", "portraits", "backgrounds", "num_workers",
    "val_portraits", "val_split", "keep_data", "max_steps", "save_every", "keep_last", "keep_every",
    "val_every", "val_images", "log_every", "panel_every", "precision", "compile", "accumulate",
}  # fmt: skip
UNSET: Any = object()


STARTS = ("pretrained", "pretrained_file", "no_pretrained", "init", "init_coarse")


class _HelpWithDefaults(argparse.RawDescriptionHelpFormatter):
    def _get_help_string(self, action: argparse.Action) -> str | None:
        told = isinstance(action.default, int | float | str | Path | list) and action.default
        return f"{action.help} (%(default)s)" if told and action.dest != "help" else action.help


def weight(text: str) -> list[Any]:
    """NAME=VALUE, a loss term and its weight; a list, as JSON hands it back."""
    name, _, value = text.partition("=")
    if name not in LOSSES:
        raise argparse.ArgumentTypeError(f"{name} is no loss term; there are {', '.join(LOSSES)}")
    return [name, number(float, 0)(value)]


def make_parser(description: str) -> argparse.ArgumentParser:
    """Every flag of train.py with its default, the paper's where it has one."""
    parser = OneSentenceParser(
        description=description,
        formatter_class=_HelpWithDefaults,
        allow_abbrev=False,
    )
    count, positive = number(int, 0), number(int, 1)
    fraction = number(float, 0)

    group = parser.add_argument_group("run")
    add = group.add_argument
    add("--train_dir", type=Path, required=True, help="folder of the run")
    add("--resume", action="store_true", help="go on with the run in --train_dir, exactly")
    add("--gpus", type=int, nargs="*", help="one process on each; no number: the CPU (all GPUs)")
    add("--max_steps", type=positive, default=400_000, help="end; --lr does not depend on it")
    add("--seed", type=count, default=0, help="of weights, data order and augmentation")
    add("--num_workers", type=count, help="data processes of each (all cores; no GPU: a quarter)")

    group = parser.add_argument_group("data")
    add = group.add_argument
    add("--data_root", type=Path, default=Path("Datasets"), help="folder that holds P3M-10K")
    folders: dict[str, Any] = {"type": Path, "nargs": "+", "default": [], "metavar": "FOLDER"}
    add("--portraits", help="folders with image/ and alpha/, trained on as well", **folders)
    add(
        "--portrait_repeat",
        type=positive,
        nargs="+",
        default=[1],
        help="times each portrait counts in an epoch; one number, or one for each folder",
    )
    add(
        "--edge_weight",
        type=fraction,
        nargs="+",
        default=[1.0],
        help="how much the full-size losses of --portraits count; one number, or one a folder",
    )
    add("--split", metavar="FILE.csv:PART", help="of --portraits those that this table gives PART")
    add("--no_p3m", action="store_true", help="train on --portraits alone")
    add("--backgrounds", type=Path, help="folder of scenes (default: BG-20K/train, if it is there)")
    add("--replace_share", type=fraction, default=0.5, help="of samples given one of these")
    add("--empty_share", type=fraction, default=0.0, help="of these shown without anybody")
    add(
        "--augmentation",
        choices=tuple(RANGES),
        default="V2",
        help="as P3M, as BackgroundMattingV2, or wider, for few portraits",
    )
    scales: dict[str, Any] = {"nargs": 2, "default": [*V2_SCALE], "metavar": ("LOW", "HIGH")}
    add(
        "--scale",
        type=number(float, 0, excluded=True),
        help="of the photo in V2 and strong; 1: it just covers the crop",
        **scales,
    )
    add("--recombine", action="store_true", help="second people, other light and writing on these")
    add("--degrade", action="store_true", help="blur, noise, JPEG and grey on some samples")
    add(
        "--trimap_ellipse",
        type=positive,
        default=TRAINING_ELLIPSE,
        help="pixels; what lies within it of an edge is unknown",
    )
    add("--keep_data", action="store_true", help="decoded, in the memory of each data process")
    add(
        "--crop_size",
        type=positive,
        default=896,
        help="side of a sample, a multiple of 128 (of 32 with a convolutional --backbone)",
    )
    add("--batch_size", type=positive, default=8, help="samples a step, of all processes together")
    add("--accumulate", type=positive, default=1, help="parts a batch is run in, to save memory")

    group = parser.add_argument_group("network")
    add = group.add_argument
    add("--model_version", choices=CONFIGS, default="model", help="the paper's network, or demo")
    add("--backbone", help="another Swin transformer or feature pyramid, by timm's name")
    add("--num_neighbours", type=positive, help="K of the cross region attention")
    add("--no_attention", action="store_true", help="ablation: refine every region by itself")
    add("--no_refinement", action="store_true", help="ablation: coarse network only")
    add(
        "--set",
        nargs="+",
        default=[],
        metavar="FIELD=VALUE",
        help="of models/config.py, as depths=(2,2,2,2)",
    )
    start = group.add_mutually_exclusive_group()
    add = start.add_argument
    add("--pretrained", action="store_true", help="begin with ImageNet weights (default of model)")
    add("--pretrained_file", type=Path, help="the same from a file")
    add("--no_pretrained", action="store_true", help="begin with random weights (default of demo)")
    add("--init", type=Path, help="fine-tune: begin with this checkpoint, ours or the authors'")
    add("--init_coarse", type=Path, help="its coarse network alone; the refinement begins anew")
    add = group.add_argument
    add("--freeze_bn", action="store_true", help="keep the batch norms' statistics")
    add("--freeze_early", action="store_true", help="keep the backbone's stages up to stride 4")
    add("--freeze_coarse", action="store_true", help="train the refinement alone; with --init*")

    group = parser.add_argument_group("optimisation")
    add = group.add_argument
    positive_float = number(float, 0, excluded=True)
    add(
        "--optimizer",
        choices=("adam", "muon"),
        default="adam",
        help="the paper's, or one that learns faster from random weights",
    )
    add("--lr", type=positive_float, default=1e-4, help="learning rate, of either")
    add("--schedule", choices=("steps", "cosine"), default="steps", help="how --lr falls")
    add("--lr_steps", type=positive, nargs="*", default=[120_000, 240_000], help="where it drops")
    add("--lr_drop", type=positive_float, default=0.1, help="factor of each drop")
    add("--schedule_steps", type=positive, help="length of --schedule cosine, warm-up included")
    add("--warmup_steps", type=count, default=0, help="steps over which the rate rises from 0")
    add("--weight_decay", type=fraction, default=1e-6, help="L2 on weights, not on biases or norms")
    add("--clip", type=fraction, default=0.0, help="largest gradient norm; 0: any")
    add("--ema", type=fraction, default=0.0, help="decay of averaged weights, as 0.999; 0: none")
    add("--refined_share", type=fraction, default=0.25, help="of the cells, at most, in a step")
    add("--loss_weights", type=weight, nargs="+", default=[], metavar="TERM=W", help="where not 1")
    add(
        "--precision",
        choices=("auto", "fp32", "bf16", "fp16"),
        default="auto",
        help="of the forward pass",
    )
    add("--compile", action="store_true", help="compile the coarse network first (minutes)")

    group = parser.add_argument_group("watching")
    add = group.add_argument
    add("--save_every", type=positive, default=2000, help="steps between checkpoints")
    add("--keep_last", type=positive, default=3, help="newest checkpoints kept")
    add("--keep_every", type=positive, default=50_000, help="multiples of this are kept for good")
    add("--val_every", type=count, default=2000, help="steps between validations; 0: none")
    add("--val_images", type=positive, default=50, help="number of photos to measure")
    add("--val_portraits", help="folders to measure on instead of P3M-500-P", **folders)
    add("--val_split", metavar="FILE.csv:PART", help="as --split, for --val_portraits")
    add("--log_every", type=positive, default=50, help="steps between points in TensorBoard")
    add("--panel_every", type=count, default=1000, help="steps between picture panels; 0: none")
    return parser


def parse_arguments(description: str, argv: Sequence[str] | None = None) -> dict[str, Any]:
    """All values of a run, checked as far as they can be without opening the data.

    Raises:
        InputError: for a value that can't work, a folder that holds another run, or a resumed run
            whose result the command line would change.
    """
    parser = make_parser(description)
    names = [action.dest for action in parser._actions if action.dest != "help"]
    values = {name: parser.get_default(name) for name in names}
    unset = argparse.Namespace(**dict.fromkeys(names, UNSET))
    given = {k: v for k, v in vars(parser.parse_args(argv, unset)).items() if v is not UNSET}
    train_dir = given["train_dir"]
    if given.get("resume"):
        values |= from_plain(parser, read_arguments(train_dir))
        for name in sorted(given.keys() - FREE):
            if given[name] != values[name]:
                raise InputError(
                    f"--{name} {given[name]} differs from {values[name]}, with which the run in"
                    f" {train_dir} began; leave it out, or begin a new run with --init"
                )
    else:
        check_new(train_dir)
    values |= given
    if not any(values[name] for name in STARTS):
        config = network_config(values)
        values["pretrained"] = config.embed_dim is None and config.depths is None
    check(values)
    return values


def check(values: Mapping[str, Any]) -> None:
    """Raise InputError for values that don't fit together."""
    if values["scale"][0] > values["scale"][1]:
        raise InputError("--scale takes the smaller number first, as 0.5 1.5")
    if values["ema"] >= 1:
        raise InputError(f"--ema {values['ema']} would never move; give a decay below 1, as 0.999")
    for name in ("replace_share", "empty_share", "refined_share"):
        if values[name] > 1:
            raise InputError(f"--{name} {values[name]} is more than 1, which is all")
    for name in ("portrait_repeat", "edge_weight"):
        if len(values[name]) not in (1, len(values["portraits"])):
            raise InputError(f"--{name} takes one number, or one for each folder of --portraits")
    without = {name for name, value in values["loss_weights"] if not value}
    if without == set(LOSSES):
        raise InputError("--loss_weights leaves nothing to learn from: every term has the weight 0")
    length, warmup = values["schedule_steps"], values["warmup_steps"]
    if values["schedule"] == "cosine" and (length is None or length <= warmup):
        raise InputError("--schedule cosine needs --schedule_steps, more than --warmup_steps")
    if values["freeze_coarse"] and (
        values["no_refinement"] or not (values["init"] or values["init_coarse"])
    ):
        raise InputError(
            "--freeze_coarse trains the refinement alone: leave out --no_refinement, and name a"
            " trained coarse network with --init or --init_coarse"
        )
    if values["no_p3m"] and not values["portraits"]:
        raise InputError("--no_p3m leaves nothing to train on; name a folder with --portraits")


def network_config(values: Mapping[str, Any]) -> MattingConfig:
    """The network that the options ask for."""
    paper = {
        "backbone": values["backbone"],
        "num_neighbours": values["num_neighbours"],
        "cross_region_attention": False if values["no_attention"] else None,
        "refinement": False if values["no_refinement"] else None,
    }
    settings = [f"{name}={value}" for name, value in paper.items() if value is not None]
    return with_settings(CONFIGS[values["model_version"]], [*settings, *values["set"]])


def to_plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as JSON knows them: paths become text."""
    return json.loads(json.dumps(dict(values), default=str))


def from_plain(parser: argparse.ArgumentParser, plain: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `to_plain`; what this version has no flag for is dropped."""
    paths = {action.dest for action in parser._actions if action.type is Path}
    known = {action.dest for action in parser._actions}

    def restore(value: Any) -> Any:
        return [Path(item) for item in value] if isinstance(value, list) else Path(value)

    return {
        name: restore(value) if name in paths and value is not None else value
        for name, value in plain.items()
        if name in known
    }
