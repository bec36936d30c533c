#!/usr/bin/env bash
# Profile the latest checkpoint of a run folder. The knobs can also come from the environment:
#     INPUT_SIZE="3456 2304" bash run_profile.sh --precision fp32 bf16
# Further arguments go to profile_model.py; VENV=DIR uses the environment in DIR.
set -euo pipefail
cd "$(dirname "$0")"

SRC_TRAIN_DIR="${SRC_TRAIN_DIR:-./train_root/model}" # run folder; results go to its profile folder
INPUT_SIZE="${INPUT_SIZE:-1792 1152}"                # width and height of the photo, in pixels

more=("$@")
set -- # else they would be setup.sh's
source setup.sh
export KINETO_LOG_LEVEL="${KINETO_LOG_LEVEL:-3}" # PyTorch's profiler (--trace) tells of every step
read -ra size <<<"$INPUT_SIZE"
arguments=(--src_train_dir "$SRC_TRAIN_DIR" --input_size "${size[@]}")
"$PYTHON" profile_model.py "${arguments[@]}" "${more[@]}"
