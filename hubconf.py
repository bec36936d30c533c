"""torch.hub's entry point: the network that ships.

    model = torch.hub.load("<this folder>", "portrait", source="local")
    from models import predict_alpha  # torch.hub has loaded it
    alpha = predict_alpha(model, photo)  # (H, W, 3) uint8 RGB -> (H, W) float32 in [0, 1]

The form for GitHub, torch.hub.load("OWNER/REPOSITORY", "portrait"), gives the same.
"""

from __future__ import annotations

import pathlib  # torch.hub takes whatever can be called here for an entry point
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models import MattingModel

dependencies = ["torch", "timm", "numpy", "cv2", "PIL", "safetensors"]


def portrait(device: str = "cpu") -> MattingModel:
    """The network that predict.py uses, in evaluation mode, float32; see checkpoints/README.md.

    ImportError if the program has modules of its own called `models` or `utils`.
    """
    _check_names()
    from models.checkpoint import DEFAULT_CHECKPOINT, load_model

    return load_model(DEFAULT_CHECKPOINT, device)


def _check_names() -> None:
    """Python keeps one module a name: another `utils` would be imported in place of ours."""
    for name in ("models", "utils"):
        place = getattr(sys.modules.get(name), "__file__", None) or "a namespace"
        ours = pathlib.Path(__file__).resolve().with_name(name) / "__init__.py"
        if name in sys.modules and pathlib.Path(place).resolve() != ours:
            raise ImportError(
                f"this program has loaded another module called {name} ({place}), and this network"
                " needs that name: rename yours, or load the network in a process of its own"
            )
