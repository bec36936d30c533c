#!/usr/bin/env bash
# The main job on embedded data, from nothing: draw portraits, train, evaluate, profile, predict.
#     bash run_demo.sh                 at most 10 minutes on two cores, installation included
#     DEMO=short bash run_demo.sh      a few steps of every stage
# Run again, it goes on where it was. OUT=DIR puts the results elsewhere than ./demo.
set -euo pipefail
cd "$(dirname "$0")"

case "${DEMO:-full}" in
full) out="${OUT:-demo}" train=500 test=12 size=256 crop=256 batch=8 steps=500 ;;
short) out="${OUT:-demo/short}" train=6 test=2 size=192 crop=128 batch=2 steps=4 ;;
*)
    echo "error: DEMO is $DEMO; give full or short" >&2
    exit 2
    ;;
esac
set -- # else these would be setup.sh's
source setup.sh

data="$out/Datasets" run="$out/train_root"
step() { echo && echo "== $*"; }

step "1/5 draw $train portraits to train on and $test of each test set"
# One person a portrait, head and shoulders, before a film studio's screen: what a network can learn
# in four minutes on two cores.
"$PYTHON" -m DemoData.generate --root "$data" --train $train --test $test --size $size --seed 0 \
    --kinds bust --alone --backdrops screen

step "2/5 train the small network from random weights: $steps steps"
[ -d "$run/logger" ] && resume=(--resume) || resume=()
[ -e "$run/logger/$(printf %010d $steps).pth" ] || "$PYTHON" train.py --gpus --model_version demo --data_root "$data" --train_dir "$run" \
    --crop_size $crop --batch_size $batch --max_steps $steps --lr 1e-3 --schedule cosine \
    --schedule_steps 500 --warmup_steps 30 --clip 1 --scale 0.9 1.2 --replace_share 0 \
    --refined_share 0.06 --loss_weights coarse_alpha_8=2 coarse_trimap_8=3 composite=0 \
    --num_workers 1 --val_every 50 --val_images 12 --panel_every 100 "${resume[@]}"

step "3/5 measure it on portraits that it has not seen"
SRC_TRAIN_DIR="$run" DATASET=P3M PRIVACY_DATA=0 SAVE_IMGS=1 DATA_ROOT="$data" VENV="$venv" \
    bash run_benchmark.sh --protocol pad --with_coarse --report --overwrite

step "4/5 profile it"
SRC_TRAIN_DIR="$run" INPUT_SIZE="768 512" VENV="$venv" bash run_profile.sh --output "$out/profile" --overwrite

step "5/5 matte the same portraits, and put them before green"
"$PYTHON" predict.py --input "$data/P3M-10K/validation/P3M-500-NP/original_image" \
    --checkpoint "$(ls "$run"/logger/0*.pth | tail -n 1)" --output "$out/mattes" \
    --write alpha cutout composite --background green --overwrite
"$PYTHON" -m engine.contact_sheet --checkpoint "$run" --data_root "$data" --rows 6 \
    --output "$out/contact_sheet.png" --overwrite

echo
echo "Look at:"
printf '  %-36s %s\n' "$out/contact_sheet.png" "photo, truth, coarse alpha, refined alpha, composite" \
    "$out/mattes/" "alphas, cut-outs and composites" \
    "$run/test_P3M/" "metrics (CSV), summary, report.html" \
    "$out/profile/" "parameters, multiply-adds, time and memory" \
    "$run/logger/" "checkpoints; tensorboard --logdir $run/logger"
echo
# What the refinement is for; a few steps can't show it.
result="$(ls "$run"/test_P3M/*_pad_*.json | tail -n 1)"
[ "${DEMO:-full}" = full ] && require=(--require_gain 25) || require=()
"$PYTHON" -m utils.report compare "${result%.json}_coarse.csv" "${result%.json}.csv" \
    --names coarse refined --metrics SAD_TRIMAP SAD MAD GRAD "${require[@]}"
