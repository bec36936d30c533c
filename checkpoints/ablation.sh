#!/usr/bin/env bash
# The paper's central claim, small: refinement without and with cross region attention (CRA).
#     FROM=train_root/demo_checkpoint bash checkpoints/ablation.sh
# FROM is the folder in which checkpoints/train_demo.sh trained on a CPU. All runs keep its coarse network
# as it is, so that the refinements alone differ; these begin anew, are trained as its last stage, but shorter and
# at the rate of the one before, and measured on the held-out portraits. SEEDS, STEPS, PRECISION and OUT are free.
# A run that is there is kept.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${FROM:?names the folder in which checkpoints/train_demo.sh trained}"
coarse="$(ls "$FROM"/run/logger/[0-9]*.pth 2>/dev/null | tail -1)" || true
[ -n "$coarse" ] || {
    echo "error: $FROM/run/logger holds no checkpoint; run checkpoints/train_demo.sh first" >&2
    exit 2
}
out="${OUT:-train_root/ablation}" steps="${STEPS:-400}" real=()
[ ! -d "$FROM/small/real" ] || real=(--portraits "$FROM/small/real" --portrait_repeat 24)
source setup.sh

for seed in ${SEEDS:-1 2 3}; do
    for variant in with_CRA without_CRA; do
        run="$out/$variant-$seed" options=()
        [ $variant = with_CRA ] || options=(--no_attention)
        printf -v last '%010d' "$steps"
        [ -e "$run/logger/$last.pth" ] || "$PYTHON" train.py --train_dir "$run" --gpus --model_version demo \
            --init_coarse "$coarse" --freeze_coarse --data_root "$FROM/small" "${real[@]}" --seed "$seed" \
            --backgrounds "$FROM/scenes" --replace_share 0.6 --recombine --degrade --keep_data --num_workers 0 \
            --crop_size 384 --batch_size 8 --scale 0.6 1.7 --trimap_ellipse 20 --optimizer muon --lr 3e-3 \
            --schedule cosine --schedule_steps "$steps" --warmup_steps "$((steps / 20))" --max_steps "$steps" \
            --clip 1 --ema 0.998 --refined_share 0.2 --val_every 0 --panel_every 0 --precision "${PRECISION:-auto}" "${options[@]}"
        "$PYTHON" evaluate.py --checkpoint "$run/logger/$last.pth" --data_root "$FROM/held_out" --dataset PPM \
            --protocol pad --max_area "${AREA:-262144}" --with_coarse --output "$run/test" --overwrite
    done
done
