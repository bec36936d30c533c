"""A page in the browser to try a model on: drop a photo, see alpha, cut-out and composite.

    python demo_page.py --port 7860

Needs `pip install -r requirements-page.txt`. It listens on this machine alone unless --host says
otherwise; photos stay on the machine that runs it, and are deleted there after ten minutes.
"""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.photos import Predictor
from engine.prediction.predictors import load_predictor, needs_torch
from utils.arguments import OneSentenceParser, number
from utils.errors import InputError, run_script
from utils.files import AnyPath
from utils.images import read_photo
from utils.images.colour import convert_colours
from utils.images.metadata import read_metadata

BACKGROUNDS = ("green", "white", "black", "blur:25", "blur:60")
KEPT = 600  # seconds that uploads and results stay on the disk
MAX_UPLOAD, MAX_PIXELS = 30 * 2**20, 25_000_000  # bytes and pixels of a photo


def parse_args() -> argparse.Namespace:
    parser = OneSentenceParser(__doc__)
    parser.add_argument("--checkpoint", type=Path, help=".pth or .onnx (default: what ships)")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 lets other machines in")
    parser.add_argument("--port", type=number(int, 0, most=65535), default=7860)
    parser.add_argument("--gpus", type=int, nargs="*", help="the first is used; none: the CPU")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with ExitStack() as stack:
        device = None
        if needs_torch(args.checkpoint):
            from engine.distributed import join

            device = stack.enter_context(join(args.gpus)).device
        predictor, about = load_predictor(args.checkpoint, device=device, precision="auto")
        page = build_page(predictor, about)
        print(about)
        launch(page, args.host, args.port)


def build_page(predictor: Predictor, about: str) -> Any:
    """Return the page, a gradio.Blocks; one visitor's photo is worked on at a time.

    Raises:
        InputError: gradio is not installed.
    """
    try:
        import gradio as gr
    except ImportError as error:
        raise InputError("gradio is not installed; pip install -r requirements-page.txt") from error

    def show(path: str | None, background: str) -> tuple[Any, ...]:
        if path is None:
            return None, None, None
        try:
            photo, layers = make_layers(predictor, path, background)
        except InputError as error:
            # The visitor knows the photo, not where it lies here.
            raise gr.Error(str(error).replace(path, Path(path).name)) from error
        return (photo, layers["composite"]), layers["alpha"], layers["cutout"]

    options: dict[str, Any] = {"analytics_enabled": False, "delete_cache": (KEPT, KEPT)}
    with gr.Blocks(title="Portrait matting", **options) as page:
        gr.Markdown(f"# Portrait matting\n{about}")
        result: dict[str, Any] = {"format": "png", "interactive": False}
        with gr.Row():
            photo = gr.Image(
                label="Photo", type="filepath", image_mode=None, sources=["upload", "clipboard"]
            )
            slider = gr.ImageSlider(label="Photo and composite", **result)
        background = gr.Radio(BACKGROUNDS, value="green", label="Background")
        result["buttons"] = ["download", "fullscreen"]  # not gradio's that shares with the world
        with gr.Row():
            alpha = gr.Image(label="Alpha", **result)
            cutout = gr.Image(label="Cut-out", image_mode="RGBA", **result)
        changes, inputs = [photo.change, background.change], [photo, background]
        gr.on(changes, show, inputs, [slider, alpha, cutout], concurrency_limit=1)
    page.queue(max_size=16)
    return page


def make_layers(
    predictor: Predictor, path: AnyPath, background: str
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the photo, and its alpha, cut-out and composite, in sRGB: the page names no profile.

    Raises:
        InputError: the photo can't be read, or the background is none of BACKGROUNDS.
    """
    if background not in BACKGROUNDS:  # read_background would take a path on this machine, too
        raise InputError(f"background {background!r} is none of {', '.join(BACKGROUNDS)}")
    photo = convert_colours(read_photo(path, MAX_PIXELS), read_metadata(path).icc, None)
    (matte,) = predictor([photo])
    maker = LayerMaker(["alpha", "cutout", "composite"], read_background(background))
    return photo, maker(photo, matte)


def launch(page: Any, host: str, port: int, **options: Any) -> None:
    """Serve the page until Ctrl-C; `options` go to gradio's launch()."""
    from gradio.themes import Default

    options |= {"server_name": host, "server_port": port, "max_file_size": MAX_UPLOAD}
    theme = Default(font="system-ui", font_mono="monospace")  # loads no font
    try:
        page.launch(theme=theme, share=False, footer_links=[], **options)
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {port} of {host} can't be listened on: {error}") from error


if __name__ == "__main__":
    run_script(main)
