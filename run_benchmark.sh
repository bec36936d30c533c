#!/usr/bin/env bash
# Measure the latest checkpoint of a run folder. The knobs below can also come from the environment:
#     DATASET=PPM MAX_AREA=4K bash run_benchmark.sh --report
# Further arguments go to evaluate.py; VENV=DIR uses the environment in DIR.
set -euo pipefail
cd "$(dirname "$0")"

SRC_TRAIN_DIR="${SRC_TRAIN_DIR:-./train_root/model}" # run folder; results go to its test_$DATASET
DATASET="${DATASET:-P3M}"                            # one of --dataset's: bash run_benchmark.sh --help
PRIVACY_DATA="${PRIVACY_DATA:-1}"                    # P3M: 1 blurred faces (P3M-500-P), 0 plain (NP)
SAVE_IMGS="${SAVE_IMGS:-0}"                          # 1 writes every alpha as PNG
MAX_AREA="${MAX_AREA:-}"                             # HD, 4K, none, pixels; empty as in the paper
DATA_ROOT="${DATA_ROOT:-./Datasets}"
[[ "$SAVE_IMGS" = [01] ]] || { echo "error: SAVE_IMGS is $SAVE_IMGS; give 0 or 1" >&2 && exit 2; }

more=("$@")
set -- # else they would be setup.sh's
source setup.sh
arguments=(--src_train_dir "$SRC_TRAIN_DIR" --dataset "$DATASET" --privacy_data "$PRIVACY_DATA")
arguments+=(--data_root "$DATA_ROOT")
[ -z "$MAX_AREA" ] || arguments+=(--max_area "$MAX_AREA")
[ "$SAVE_IMGS" = 0 ] || arguments+=(--save_imgs)
"$PYTHON" evaluate.py "${arguments[@]}" "${more[@]}"
