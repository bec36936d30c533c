#!/usr/bin/env bash
# The paper's central claim, small: refinement without and with cross region attention (CRA).
#     COARSE=coarse.pth DATA=folder TEST=folder bash checkpoints/ablation.sh
# COARSE is a checkpoint whose coarse network all of them keep as it is, so that the refinements alone
# differ; DATA holds drawn portraits to learn from, TEST others to measure on (all as
# checkpoints/train_demo.sh leaves them). SEEDS, STEPS and OUT are free. A run that is there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${COARSE:?names a checkpoint}" "${DATA:?names a data root}" "${TEST:?names a data root}"
out="${OUT:-train_root/ablation}" steps="${STEPS:-400}"
source setup.sh

for seed in ${SEEDS:-1 2 3}; do
    for variant in with_CRA without_CRA; do
        run="$out/$variant-$seed" options=()
        [ $variant = with_CRA ] || options=(--no_attention)
        printf -v last '%010d' "$steps"
        [ -e "$run/logger/$last.pth" ] || "$PYTHON" train.py --train_dir "$run" --gpus --model_version demo \
            --init_coarse "$COARSE" --freeze_coarse --data_root "$DATA" --seed "$seed" \
            --crop_size 256 --batch_size 16 --scale 0.7 1.7 --degrade --lr 1e-3 --schedule cosine \
            --schedule_steps "$steps" --warmup_steps "$((steps / 20))" --max_steps "$steps" --clip 1 \
            --refined_share 0.08 --val_every 0 --panel_every 0 --precision "${PRECISION:-auto}" "${options[@]}"
        "$PYTHON" evaluate.py --checkpoint "$run/logger/$last.pth" --data_root "$TEST" --dataset PPM \
            --protocol pad --max_area "${AREA:-65536}" --with_coarse --output "$run/test" --overwrite
    done
done
