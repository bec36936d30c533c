"""The settings of a training run: each a flag of train.py, declared once.

A value comes from the command line, else from the run folder's record (on --resume), else it is
the default.
"""

# ruff: noqa: RUF009 - what option() returns is a dataclass field

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from data.augment import RANGES, V2_SCALE
from engine.training.run_state import RECORD, check_new, read_arguments
from models import CONFIGS, MattingConfig
from models.config import with_settings
from models.inference import PRECISIONS
from models.losses import LOSSES
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError
from utils.trimap import TRAINING_ELLIPSE

# What a new run begins with; at most one of these.
STARTS = ("pretrained", "pretrained_file", "no_pretrained", "init", "init_coarse")

POSITIVE, COUNT, SEED = number(int, 1), number(int, 0), number(int, 0, most=2**63 - 1)
MODERATE = number(int, 1, most=10_000)  # of what takes memory by its square, or for each sample
ABOVE_0, FROM_0, SHARE = number(float, 0, excluded=True), number(float, 0), number(float, 0, most=1)
FOLDERS: dict[str, Any] = {"kind": Path, "metavar": "FOLDER"}
SPLIT = {"metavar": "FILE.csv:PART"}
PART = "use only those of {} that this table (columns name and split) assigns to PART"


def weight(text: str) -> tuple[str, float]:
    """NAME=VALUE, a loss term and its weight."""
    name, _, value = text.partition("=")
    if name not in LOSSES:
        raise argparse.ArgumentTypeError(f"{name} is no loss term; there are {', '.join(LOSSES)}")
    return name, FROM_0(value)


def option(help: str, default: Any = False, kind: Any = str, **more: Any) -> Any:
    """A setting: off unless its flag is given, or with a value made of words by `kind`."""
    more |= {"action": "store_true"} if default is False else {"type": kind}
    several = isinstance(default, tuple)
    if default:
        help += f" (default: {' '.join(map(str, default)) if several else default})"
    more = {"help": help} | ({"nargs": "+"} if several else {}) | more
    return field(default=default, metadata=more)


@dataclass(frozen=True)
class Run:
    """Where the run is kept, how long it takes and what it runs on."""

    train_dir: Path = option("folder in which the run is kept", None, Path, required=True)
    resume: bool = option("go on with the run in --train_dir, exactly as if it had not stopped")
    gpus: tuple[int, ...] | None = option(
        "numbers of the GPUs to train on; none named: the CPU (default: all)", None, int, nargs="*"
    )
    max_steps: int = option("steps after which the run ends", 400_000, POSITIVE)
    seed: int = option("fixes all random choices: weights, order, augmentation", 0, SEED)
    num_workers: int | None = option(
        "processes that load data, for each GPU (default: all cores; on a CPU a quarter)",
        None,
        number(int, 0, most=1000),
    )


@dataclass(frozen=True)
class Data:
    """What the network learns from."""

    data_root: Path = option("folder that holds P3M-10K", Path("Datasets"), Path)
    portraits: tuple[Path, ...] = option("folders with image/ and alpha/ to add", (), **FOLDERS)
    portrait_repeat: tuple[int, ...] = option(
        "times that --portraits count in an epoch: one number, or one a folder", (1,), POSITIVE
    )
    edge_weight: tuple[float, ...] = option(
        "how much edges of --portraits count: one number, or one a folder", (1.0,), FROM_0
    )
    split: str | None = option(PART.format("--portraits"), None, **SPLIT)
    no_p3m: bool = option("train on --portraits alone, without P3M-10K")
    backgrounds: Path | None = option("folder of scenes (default: BG-20K/train)", None, Path)
    replace_share: float = option("share of samples to set before one of --backgrounds", 0.5, SHARE)
    empty_share: float = option("share of --backgrounds shown with nobody before them", 0.0, SHARE)
    augmentation: str = option("V1: P3M's; V2: paper's; strong: few photos", "V2", choices=RANGES)
    scale: tuple[float, float] = option(
        "range of photo sizes, not in V1; 1: it just covers the crop", V2_SCALE, ABOVE_0, nargs=2
    )
    recombine: bool = option("add people, other light and writing to samples before --backgrounds")
    degrade: bool = option("give some samples blur, noise, JPEG artefacts or no colour")
    trimap_ellipse: int = option("pixels; widens the unknown zone", TRAINING_ELLIPSE, MODERATE)
    keep_data: bool = option("read each photo once and keep it in memory, in each data process")
    crop_size: int = option("pixels, a multiple of 128, or 32 for most backbones", 896, MODERATE)
    batch_size: int = option("samples in a step, over all GPUs", 8, MODERATE)
    accumulate: int = option("run each batch in so many parts, which saves memory", 1, POSITIVE)

    def __post_init__(self) -> None:
        if self.scale[0] > self.scale[1]:
            raise InputError("--scale takes the smaller number first, as 0.5 1.5")
        for name in ("portrait_repeat", "edge_weight"):
            if len(getattr(self, name)) not in (1, len(self.portraits)):
                raise InputError(f"--{name} takes one number, or one for each of --portraits")
        if self.no_p3m and not self.portraits:
            raise InputError("--no_p3m leaves nothing to train on; name a folder with --portraits")


@dataclass(frozen=True)
class Network:
    """Which network is trained, and what it begins with."""

    model_version: str = option(
        "model: the paper's; demo: small, for CPUs; portrait: what ships", "model", choices=CONFIGS
    )
    backbone: str | None = option("by its name in timm: a Swin or a feature pyramid", None)
    num_neighbours: int | None = option("how many others each region looks at", None, MODERATE)
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
                "--freeze_coarse needs --init or --init_coarse; leave out --no_refinement"
            )
        if not any(getattr(self, name) for name in STARTS):
            as_named = self.config.embed_dim is None and self.config.depths is None
            object.__setattr__(self, "pretrained", as_named)

    @property
    def config(self) -> MattingConfig:
        """The network that the options ask for; InputError if --set names what can't be."""
        names = ("backbone", "num_neighbours")
        changes = [f"{n}={value}" for n in names if (value := getattr(self, n)) is not None]
        changes += ["cross_region_attention=False"] * self.no_attention
        changes += ["refinement=False"] * self.no_refinement
        return with_settings(CONFIGS[self.model_version], [*changes, *self.set])


@dataclass(frozen=True)
class Optimisation:
    """How the weights change."""

    optimizer: str = option("muon learns faster from nothing", "adam", choices=("adam", "muon"))
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
        if {name for name, value in self.loss_weights if not value} == {*LOSSES}:
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
    val_portraits: tuple[Path, ...] = option("folders to validate on, not P3M-500-P", (), **FOLDERS)
    val_split: str | None = option(PART.format("--val_portraits"), None, **SPLIT)
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
        """From values by name; what is missing has its default, other names are passed over."""
        known = {name: tuple(x) if isinstance(x, list) else x for name, x in values.items()}
        sections = {}
        for name, section in SECTIONS.items():
            own = {field.name for field in fields(section)}
            sections[name] = section(**{n: value for n, value in known.items() if n in own})
        return cls(**sections)

    def plain(self) -> dict[str, Any]:
        """The values by name as JSON knows them: paths become text, tuples lists."""
        return _plain({k: v for section in asdict(self).values() for k, v in section.items()})


SECTIONS: dict[str, Any] = get_type_hints(RunSettings)
# What doesn't shape the result: a resumed run may be given other values of these.
FREE = {setting.name for setting in fields(Watching)} | {
    "gpus", "train_dir", "resume", "data_root", "portraits", "backgrounds", "num_workers",
    "keep_data", "max_steps", "precision", "compile", "accumulate",
}  # fmt: skip


def parse_arguments(description: str, argv: Sequence[str] | None = None) -> RunSettings:
    """The settings of a run, checked as far as they can be without opening the data.

    InputError for a value that can't work, a folder that holds another run, or a resumed run whose
    result the command line would change.
    """
    parser = _make_parser(description)
    given = vars(parser.parse_args(argv))
    train_dir = given["train_dir"]
    if not given.get("resume"):
        check_new(train_dir)
        return RunSettings.of(given)
    record = read_arguments(train_dir)
    try:
        recorded = vars(parser.parse_args(_words(record)))
        for name, value in _plain(recorded).items():
            if value != record[name]:
                raise InputError(f"{name} can't be {record[name]!r}; correct it")
        before = RunSettings.of(recorded).plain()
    except InputError as error:
        raise InputError(f"{Path(train_dir, RECORD)}: {error}") from error
    settings = RunSettings.of(recorded | given)
    now = settings.plain()
    for name in sorted(given.keys() - FREE):
        if now[name] != before[name]:
            differs = f"--{name} {now[name]} differs from {before[name]}, with which the run began"
            raise InputError(f"{differs}; leave it out, or begin a new run with --init")
    return settings


def _make_parser(description: str) -> argparse.ArgumentParser:
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


def _words(record: Mapping[str, Any]) -> list[str]:
    """The command line for what a record holds; names of other versions are passed over."""
    words: list[str] = []
    for setting in (s for section in SECTIONS.values() for s in fields(section)):
        default = _plain(setting.default)
        value, flag = record.get(setting.name, default), f"--{setting.name}"
        if isinstance(value, list) and value != default:  # also of loss terms with their weights
            items = (x if isinstance(x, list) else [x] for x in value)
            words += [flag, *("=".join(map(str, item)) for item in items)]
        elif value != default:
            words.append(flag if value is True and default is False else f"{flag}={value}")
    return words


def _plain(values: Any) -> Any:
    return json.loads(json.dumps(values, default=str))
