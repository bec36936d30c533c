#!/usr/bin/env bash
# Train the small network that ships: drawn portraits, and real ones where a folder is named.
#     bash checkpoints/train_demo.sh
#     bash checkpoints/train_demo.sh --portraits FOLDER --backgrounds FOLDER
#     DEVICE=gpu bash checkpoints/train_demo.sh ...    two runs of under 10 minutes: call it twice
# FOLDER of --portraits holds image/ and alpha/; --backgrounds are scenes without people. OUT=DIR is
# where everything goes (train_root/demo_checkpoint). Stopped, it goes on when called again.
set -euo pipefail
cd "$(dirname "$0")/.."

portraits=() backgrounds=""
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
    "--portraits "?*) portraits=(--portraits "$2" --portrait_repeat 12) ;;
    "--backgrounds "?*) backgrounds="$2" ;;
    *)
        echo "error: $1 is not --portraits FOLDER or --backgrounds FOLDER" >&2
        exit 2
        ;;
    esac
    shift 2
done
out="${OUT:-train_root/demo_checkpoint}"
# A CPU of two cores trains on small crops, below two hours; a GPU on larger ones, half of the steps
# in each of two calls.
case "${DEVICE:-cpu}" in
cpu) recipe=(--gpus --crop_size 256 --batch_size 16 --scale 0.6 2.0 --num_workers 1) steps=3200 stop=3200 ;;
gpu)
    recipe=(--gpus 0 --crop_size 512 --batch_size 32 --scale 0.6 2.0 --num_workers 14) steps=6000 stop=3000
    [ ! -e "$out/run/logger/0000003000.pth" ] || stop=6000
    ;;
*)
    echo "error: DEVICE is $DEVICE; give cpu or gpu" >&2
    exit 2
    ;;
esac
source setup.sh

"$PYTHON" -m DemoData.generate --root "$out/data" --train 1600 --test 24 --size 640 --seed 1
mkdir -p "$out/scenes"
for folder in "$out/data/BG-20K/train" ${backgrounds:+"$backgrounds"}; do
    find "$(realpath "$folder")" -maxdepth 1 -type f -exec ln -sf -t "$out/scenes" {} +
done
[ -d "$out/run/logger" ] && resume=(--resume) || resume=()
printf -v last '%010d' "$stop"
[ -e "$out/run/logger/$last.pth" ] || "$PYTHON" train.py --train_dir "$out/run" \
    --model_version demo --data_root "$out/data" "${portraits[@]}" --backgrounds "$out/scenes" \
    --replace_share 0.5 --degrade --lr 1e-3 --schedule cosine --schedule_steps $steps \
    --warmup_steps 100 --max_steps $stop --clip 1 --ema 0.998 --precision auto --seed 7 \
    --loss_weights coarse_alpha_8=3 coarse_trimap_8=3 coarse_alpha_16=2 coarse_alpha_32=2 \
    --save_every 250 --val_every 0 "${recipe[@]}" "${resume[@]}"
"$PYTHON" -m checkpoints.pack --train_dir "$out/run" --output "$out/demo.pth" --overwrite
"$PYTHON" evaluate.py --checkpoint "$out/demo.pth" --data_root "$out/data" --dataset PPM \
    --protocol pad --with_coarse --output "$out/test" --overwrite
