"""The settings of a training run: each declared once, with its default, its check and its help.

Every field is a flag of train.py; engine/training/arguments.py builds the parser from them.
"""

# ruff: noqa: RUF009 - what option() returns is a dataclass field

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from data.augment import RANGES, V2_SCALE
from models import CONFIGS, MattingConfig
from models.config import with_settings
from models.inference import PRECISIONS
from models.losses import LOSSES
from utils.arguments import number
from utils.errors import InputError
from utils.trimap import TRAINING_ELLIPSE

# What doesn't shape the result: a resumed run may be given other values of these.
FREE = {
    "gpus", "train_dir", "resume", "data_root", "portraits", "backgrounds", "num_workers",
    "val_portraits", "val_split", "keep_data", "max_steps", "save_every", "keep_last", "keep_every",
    "val_every", "val_images", "log_every", "panel_every", "precision", "compile", "accumulate",
}  # fmt: skip
# What a new run begins with; at most one of these.
STARTS = ("pretrained", "pretrained_file", "no_pretrained", "init", "init_coarse")

POSITIVE, COUNT = number(int, 1), number(int, 0)
ABOVE_0, FROM_0, SHARE = number(float, 0, excluded=True), number(float, 0), number(float, 0, most=1)
PART = "use only those of {} that this table (columns name and split) assigns to PART"


def weight(text: str) -> tuple[str, float]:
    """NAME=VALUE, a loss term and its weight."""
    name, _, value = text.partition("=")
    if name not in LOSSES:
        raise argparse.ArgumentTypeError(f"{name} is no loss term; there are {', '.join(LOSSES)}")
    return name, number(float, 0)(value)


def option(help: str, default: Any = False, kind: Any = str, **more: Any) -> Any:
    """A setting that is off unless its flag is given, or one with a value, made of words by `kind`.

    `more` is for argparse.
    """
    more |= {"action": "store_true"} if default is False else {"type": kind}
    several = isinstance(default, tuple)
    if default:
        help += f" (default: {' '.join(map(str, default)) if several else default})"
    return field(
        default=default, metadata=({"nargs": "+"} if several else {}) | {"help": help} | more
    )


@dataclass(frozen=True)
class Run:
    """Where the run is kept, how long it takes and what it runs on."""

    train_dir: Path = option("folder in which the run is kept", None, Path, required=True)
    resume: bool = option("go on with the run in --train_dir, exactly as if it had not stopped")
    gpus: tuple[int, ...] | None = option(
        "numbers of the GPUs to train on; none named: the CPU (default: all)", None, int, nargs="*"
    )
    max_steps: int = option("steps after which the run ends", 400_000, POSITIVE)
    seed: int = option("fixes all random choices: weights, order, augmentation", 0, COUNT)
    num_workers: int | None = option(
        "processes that load data, for each GPU (default: all cores; on a CPU a quarter)",
        None,
        COUNT,
    )


@dataclass(frozen=True)
class Data:
    """What the network learns from."""

    data_root: Path = option("folder that holds P3M-10K", Path("Datasets"), Path)
    portraits: tuple[Path, ...] = option(
        "folders with image/ and alpha/ to train on as well", (), Path, metavar="FOLDER"
    )
    portrait_repeat: tuple[int, ...] = option(
        "times that --portraits count in an epoch: one number, or one a folder", (1,), POSITIVE
    )
    edge_weight: tuple[float, ...] = option(
        "how much edges of --portraits count: one number, or one a folder", (1.0,), FROM_0
    )
    split: str | None = option(PART.format("--portraits"), None, metavar="FILE.csv:PART")
    no_p3m: bool = option("train on --portraits alone, without P3M-10K")
    backgrounds: Path | None = option(
        "folder of scenes without people (default: BG-20K/train in --data_root)", None, Path
    )
    replace_share: float = option("share of samples to set before one of --backgrounds", 0.5, SHARE)
    empty_share: float = option("share of --backgrounds shown with nobody before them", 0.0, SHARE)
    augmentation: str = option(
        "V1: as in P3M, V2: as in BackgroundMattingV2, strong: for few photos", "V2", choices=RANGES
    )
    scale: tuple[float, float] = option(
        "range of photo sizes, not in V1; 1: it just covers the crop", V2_SCALE, ABOVE_0, nargs=2
    )
    recombine: bool = option("add people, other light and writing to samples before --backgrounds")
    degrade: bool = option("give some samples blur, noise, JPEG artefacts or no colour")
    trimap_ellipse: int = option(
        "size in pixels of the ellipse that widens the unknown zone", TRAINING_ELLIPSE, POSITIVE
    )
    keep_data: bool = option("read each photo once and keep it in memory, in each data process")
    crop_size: int = option(
        "side of a sample in pixels: a multiple of 128, or 32 for most backbones", 896, POSITIVE
    )
    batch_size: int = option("samples in a step, over all GPUs", 8, POSITIVE)
    accumulate: int = option("run each batch in so many parts, which saves memory", 1, POSITIVE)

    def __post_init__(self) -> None:
        if self.scale[0] > self.scale[1]:
            raise InputError("--scale takes the smaller number first, as 0.5 1.5")
        for name in ("portrait_repeat", "edge_weight"):
            if len(getattr(self, name)) not in (1, len(self.portraits)):
                raise InputError(
                    f"--{name} takes one number, or one for each folder of --portraits"
                )
        if self.no_p3m and not self.portraits:
            raise InputError("--no_p3m leaves nothing to train on; name a folder with --portraits")


@dataclass(frozen=True)
class Network:
    """Which network is trained, and what it begins with."""

    model_version: str = option(
        "model: the paper's; demo: small, for CPUs; portrait: what ships", "model", choices=CONFIGS
    )
    backbone: str | None = option("by its name in timm: a Swin or a feature pyramid", None)
    num_neighbours: int | None = option("how many others each region looks at", None, POSITIVE)
    no_attention: bool = option("ablation: refine each region without a look at others")
    no_refinement: bool = option("ablation: train the coarse network alone")
    set: tuple[str, ...] = option(
        "change fields of models/config.py, as depths=(2,2,2,2)", (), metavar="FIELD=VALUE"
    )
    pretrained: bool = option("begin with timm's ImageNet weights (default, except for demo)")
    pretrained_file: Path | None = option("begin with ImageNet weights from this file", None, Path)
    no_pretrained: bool = option("begin with random weights (default for demo)")
    init: Path | None = option("fine-tune this checkpoint, ours or the authors'", None, Path)
    init_coarse: Path | None = option(
        "begin with the coarse network of this checkpoint and a random refinement", None, Path
    )
    freeze_bn: bool = option("leave the batch norms' statistics as they begin, for small batches")
    freeze_early: bool = option("leave the backbone's first stages, up to stride 4, as they begin")
    freeze_coarse: bool = option("train the refinement alone; needs --init or --init_coarse")

    def __post_init__(self) -> None:
        if self.freeze_coarse and (self.no_refinement or not (self.init or self.init_coarse)):
            raise InputError(
                "--freeze_coarse trains the refinement alone: leave out --no_refinement, and name a"
                " trained coarse network with --init or --init_coarse"
            )
        if not any(getattr(self, name) for name in STARTS):
            as_named = self.config.embed_dim is None and self.config.depths is None
            object.__setattr__(self, "pretrained", as_named)

    @property
    def config(self) -> MattingConfig:
        """The network that the options ask for.

        Raises:
            InputError: --set names no field, or a value that cannot be its.
        """
        paper = {
            "backbone": self.backbone,
            "num_neighbours": self.num_neighbours,
            "cross_region_attention": False if self.no_attention else None,
            "refinement": False if self.no_refinement else None,
        }
        settings = [f"{name}={value}" for name, value in paper.items() if value is not None]
        return with_settings(CONFIGS[self.model_version], [*settings, *self.set])


@dataclass(frozen=True)
class Optimisation:
    """How the weights change."""

    optimizer: str = option(
        "muon learns faster from random weights than adam", "adam", choices=("adam", "muon")
    )
    lr: float = option("learning rate, before it falls", 1e-4, ABOVE_0)
    schedule: str = option(
        "how the rate falls: at --lr_steps, or as a cosine", "steps", choices=("steps", "cosine")
    )
    lr_steps: tuple[int, ...] = option(
        "steps at which the rate falls by --lr_drop", (120_000, 240_000), POSITIVE, nargs="*"
    )
    lr_drop: float = option("factor of the learning rate at each of --lr_steps", 0.1, ABOVE_0)
    schedule_steps: int | None = option("steps of --schedule cosine, warm-up too", None, POSITIVE)
    warmup_steps: int = option("first steps, in which the learning rate rises from 0", 0, COUNT)
    weight_decay: float = option("L2 penalty on weights, not on biases or norms", 1e-6, FROM_0)
    clip: float = option("scale larger gradients down to this norm; 0: never", 0.0, FROM_0)
    ema: float = option("decay of an average of the weights, as 0.999; 0: no average", 0.0, FROM_0)
    refined_share: float = option("largest share of a step's regions to refine", 0.25, SHARE)
    loss_weights: tuple[tuple[str, float], ...] = option(
        "weights of loss terms, as alpha=2; the others weigh 1", (), weight, metavar="TERM=WEIGHT"
    )
    precision: str = option(
        "number format in the forward pass; auto: bf16 where faster", "auto", choices=PRECISIONS
    )
    compile: bool = option("compile the coarse network at the start, which takes minutes")

    def __post_init__(self) -> None:
        if self.ema >= 1:
            raise InputError(f"--ema {self.ema} would never move; give a decay below 1, as 0.999")
        if {name for name, value in self.loss_weights if not value} == set(LOSSES):
            raise InputError("--loss_weights leaves nothing to learn from: all terms weigh 0")
        if self.schedule == "cosine" and (self.schedule_steps or 0) <= self.warmup_steps:
            raise InputError("--schedule cosine needs --schedule_steps, more than --warmup_steps")


@dataclass(frozen=True)
class Watching:
    """What is kept, measured and shown on the way."""

    save_every: int = option("steps from one checkpoint to the next", 2000, POSITIVE)
    keep_last: int = option("number of the newest checkpoints to keep", 3, POSITIVE)
    keep_every: int = option("keep checkpoints of multiples of this step, too", 50_000, POSITIVE)
    val_every: int = option("steps from one validation to the next; 0: none", 2000, COUNT)
    val_images: int = option("number of photos that a validation measures", 50, POSITIVE)
    val_portraits: tuple[Path, ...] = option(
        "folders with image/ and alpha/ to validate on, not P3M-500-P", (), Path, metavar="FOLDER"
    )
    val_split: str | None = option(PART.format("--val_portraits"), None, metavar="FILE.csv:PART")
    log_every: int = option("steps from point to point of TensorBoard's curves", 50, POSITIVE)
    panel_every: int = option("steps from one panel of pictures to the next; 0: none", 1000, COUNT)


@dataclass(frozen=True)
class RunSettings:
    """All settings of a run. A section raises InputError if its values don't fit together."""

    run: Run
    data: Data
    network: Network
    optimisation: Optimisation
    watching: Watching

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> RunSettings:
        """From values by name, as the command line or `plain` gives them.

        Those that are missing have their defaults; names of other versions are passed over.

        Raises:
            InputError: a value is of another type or out of its range, or some don't fit together.
        """
        sections: dict[str, Any] = {}
        for name, section in SECTIONS.items():
            given = {s.name: _typed(values[s.name], s) for s in fields(section) if s.name in values}
            sections[name] = section(**given)
        return cls(**sections)

    def plain(self) -> dict[str, Any]:
        """The values by name as JSON knows them: paths become text, tuples lists."""
        values = {k: v for section in asdict(self).values() for k, v in section.items()}
        return json.loads(json.dumps(values, default=str))


SECTIONS: dict[str, Any] = get_type_hints(RunSettings)


def _typed(value: Any, setting: Field[Any]) -> Any:
    """A value as its flag makes it of words; undoes `plain`, and checks what a file holds.

    Raises:
        InputError: it is none that the flag could have.
    """
    more = setting.metadata
    several, count = "nargs" in more, more.get("nargs")
    if (value is None and setting.default is None) or ("action" in more and type(value) is bool):
        return value
    try:
        if "action" in more or isinstance(value, (list, tuple)) != several:
            raise TypeError(value)
        items = tuple(_item(item, more) for item in (value if several else [value]))
        if isinstance(count, int) and len(items) != count:
            raise ValueError(value)
    except (TypeError, ValueError, argparse.ArgumentTypeError) as error:
        raise InputError(f"{setting.name} can't be {value!r}; correct it") from error
    return items if several else items[0]


def _item(value: Any, more: Mapping[str, Any]) -> Any:
    if value is None or isinstance(value, (bool, dict)):
        raise TypeError(value)
    pair = isinstance(value, (list, tuple))  # a loss term and its weight
    item = more["type"]("=".join(map(str, value)) if pair else str(value))
    if item not in more.get("choices", [item]):
        raise ValueError(value)
    return item
