"""What decided a number: code, versions, device, file contents."""

import platform
import subprocess
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from utils.files import AnyPath

PACKAGES = ("torch", "torchvision", "timm", "numpy", "scipy", "opencv-python", "pillow")
REPOSITORY = Path(__file__).resolve().parents[2]


def file_hash(path: AnyPath) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    return sha256(Path(path).read_bytes()).hexdigest()


def versions() -> dict[str, str]:
    """Python's and the packages' versions; "unknown" where a package comes under another name."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # as opencv-python-headless instead of opencv-python
        return "unknown"


def device_name(device: torch.device) -> str:
    """The device as its maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(names, platform.processor() or platform.machine())
    return f"{device.type} ({processor}, {torch.backends.cpu.get_cpu_capability()})"


def commit() -> str:
    """The repository's commit, with `+changes` if tracked files differ from it."""
    git = ["git", "-C", str(REPOSITORY), "describe", "--always", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.check_output(
            [*git, "--dirty=+changes"], stderr=subprocess.DEVNULL, text=True
        ).strip()
    except (OSError, subprocess.CalledProcessError):  # no git on this machine, or not a clone
        return "unknown"
