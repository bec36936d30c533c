"""The network; knows nothing of files, folders of photos or command lines."""

from models.checkpoint import load_model
from models.config import CONFIGS, MattingConfig
from models.inference import predict_alpha, prepare
from models.matting import MattingModel, build_model
