#!/usr/bin/env bash
# Train the small network that ships: drawn portraits, and real ones where a folder is named.
#     bash checkpoints/train_demo.sh
#     bash checkpoints/train_demo.sh --portraits FOLDER --backgrounds FOLDER
#     DEVICE=gpu bash checkpoints/train_demo.sh ...    two runs of under 10 minutes: call it twice
# FOLDER of --portraits holds image/ and alpha/; --backgrounds are scenes without people. OUT=DIR is
# where everything goes (train_root/demo_checkpoint), PRECISION as for train.py. Stopped, it goes on when called again.
set -euo pipefail
cd "$(dirname "$0")/.."

portraits="" backgrounds=""
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
    "--portraits "?*) portraits="$2" ;;
    "--backgrounds "?*) backgrounds="$2" ;;
    *)
        echo "error: $1 is not --portraits FOLDER or --backgrounds FOLDER" >&2
        exit 2
        ;;
    esac
    shift 2
done
for folder in ${portraits:+"$portraits"} ${backgrounds:+"$backgrounds"}; do
    [ -d "$folder" ] || {
        echo "error: $folder is no folder; name one that is there" >&2
        exit 2
    }
done
out="${OUT:-train_root/demo_checkpoint}"
device="${DEVICE:-cpu}"
case "$device" in
cpu | gpu) ;;
*)
    echo "error: DEVICE is $device; give cpu or gpu" >&2
    exit 2
    ;;
esac
source setup.sh

# draw FOLDER COUNT TESTS SIDE SEED: drawn portraits and scenes, and the real portraits at that size
draw() {
    "$PYTHON" -m DemoData.generate --root "$out/$1" --train "$2" --test "$3" --size "$4" --seed "$5"
    [ -z "$portraits" ] || [ "$2" = 0 ] || "$PYTHON" -m checkpoints.shrink --portraits "$portraits" --side "$4" --output "$out/$1/real"
}

# scenes FOLDER TIMES: what people are set before; of real scenes there are few, so each counts several times
scenes() {
    local i file
    mkdir -p "$out/scenes"
    for ((i = 1; i <= $2; i++)); do
        for file in "$(realpath "$1")"/*.*; do
            ln -sf "$file" "$out/scenes/$(basename "$(dirname "$file")")-$i-$(basename "$file")"
        done
    done
}

# learn RUN DATA STOP STEPS OPTION...: train up to STOP of STEPS, or go on
learn() {
    local run="$out/$1" data="$out/$2" stop="$3" steps="$4" resume=() real=() last
    shift 4
    [ -z "$portraits" ] || real=(--portraits "$data/real" --portrait_repeat 24)
    [ ! -d "$run/logger" ] || resume=(--resume)
    printf -v last '%010d' "$stop"
    [ -e "$run/logger/$last.pth" ] || "$PYTHON" train.py --train_dir "$run" --model_version demo \
        --data_root "$data" "${real[@]}" --backgrounds "$out/scenes" --replace_share 0.6 --recombine \
        --degrade --scale 0.6 1.7 --schedule cosine --schedule_steps "$steps" --max_steps "$stop" --clip 1 \
        --optimizer muon --ema 0.998 \
        --precision "${PRECISION:-auto}" --seed 7 --save_every 500 --val_every 0 "$@" "${resume[@]}"
}

draw held_out 0 24 768 2
if [ "$device" = cpu ]; then data=small count=4000 side=400; else data=data count=3000 side=640; fi
area=262144
draw $data $count 0 $side 11
scenes "$out/$data/BG-20K/train" 1
[ -z "$portraits" ] || scenes "$out/$data/real/bg" 2
[ -z "$backgrounds" ] || scenes "$backgrounds" 8
coarse_alone=(--no_refinement --loss_weights alpha=0 composite=0 laplacian=0 coarse_alpha_8=3 coarse_trimap_8=3)
strong=(--augmentation strong --scale 0.6 2.2)
if [ "$device" = cpu ]; then
    # The coarse network needs many samples: on smaller crops first, then on larger ones. Then the
    # refinement, first of the few cells that the coarse network calls unknown, which is fast, then of many.
    # The portraits are kept in memory: 14 GB in all.
    here=(--gpus --keep_data --num_workers 0)
    learn small_crops $data 6000 6000 "${here[@]}" --crop_size 256 --batch_size 32 --lr 3e-3 --warmup_steps 100 \
        "${coarse_alone[@]}"
    learn coarse $data 4800 4800 "${here[@]}" --crop_size 384 --batch_size 16 --lr 1.5e-3 --warmup_steps 100 \
        "${strong[@]}" --init_coarse "$out/small_crops/logger/0000006000.pth" "${coarse_alone[@]}"
    learn few_cells $data 2400 2400 "${here[@]}" --crop_size 384 --batch_size 8 --lr 3e-3 --warmup_steps 50 \
        --init_coarse "$out/coarse/logger/0000004800.pth" --freeze_coarse --refined_share 0.08
    "$PYTHON" -m checkpoints.calibrate --checkpoint "$out/few_cells/logger/0000002400.pth" --unknown 1 --slope 1.5 \
        --output "$out/calibrated.pth" --overwrite
    learn run $data 900 900 "${here[@]}" --crop_size 384 --batch_size 8 --lr 2e-3 --warmup_steps 20 \
        --init "$out/calibrated.pth" --freeze_coarse --refined_share 0.2 --trimap_ellipse 20
else
    stop=3000
    [ ! -e "$out/run/logger/0000003000.pth" ] || stop=6000
    learn run data $stop 6000 --gpus 0 "${strong[@]}" --crop_size 512 --batch_size 32 \
        --lr 3e-3 --warmup_steps 100 --num_workers 14 --keep_every 3000 \
        --loss_weights coarse_alpha_8=3 coarse_trimap_8=3
fi
"$PYTHON" -m checkpoints.pack --train_dir "$out/run" --max_area $area --output "$out/demo.pth" --overwrite
"$PYTHON" evaluate.py --checkpoint "$out/demo.pth" --data_root "$out/held_out" --dataset PPM \
    --protocol pad --max_area $area --with_coarse --output "$out/test" --overwrite
