#!/usr/bin/env bash
# Install the package, generate demo data, pretrain a small MASA, finetune it with and without that
# pretraining, test both and draw pictures. All output goes to work_dirs/quickstart.
# Takes about 3 minutes on 2 CPU cores, without the installation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=work_dirs/quickstart
finetune=configs/masa_finetune_demo.py
mkdir -p "$out/logs"
stage=start
trap 'echo "quickstart failed while: $stage" >&2' ERR

# run LOG_NAME STAGE COMMAND...: print one line and write the output to a log; on failure print the log's end.
run() {
    local log="$out/logs/$1.log" begin=$SECONDS
    stage=$2
    shift 2
    printf '%-62s ' "[$(date +%T)] $stage ..."
    if ! "$@" > "$log" 2>&1; then
        echo "failed"
        tail -n 15 "$log" >&2
        echo "quickstart failed while: $stage (whole log: $log)" >&2
        exit 1
    fi
    echo "$((SECONDS - begin)) s  ($log)"
}

last() {
    if [ ! -s "$1/last_checkpoint" ]; then
        echo "$1: training left no checkpoint" >&2
        return 1
    fi
    cat "$1/last_checkpoint"
}

# A second thread slows networks of this size down.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

stage="installing"
. tools/_env.sh

run data "generating demo data" python tools/data/make_demo.py "$out/data"
run pretrain "pretraining a small MASA, without labels" \
    python tools/train.py configs/masa_pretrain_demo.py --work-dir "$out/pretrain"
pretrained=$(last "$out/pretrain")
run finetune "finetuning it on a few labels" \
    python tools/train.py "$finetune" --work-dir "$out/finetune" \
    --cfg-options model.backbone.init_cfg.checkpoint="$pretrained"
run scratch "training the same network without pretraining" \
    python tools/train.py "$finetune" --work-dir "$out/scratch" \
    --cfg-options model.backbone.init_cfg=None
for name in finetune scratch; do
    checkpoint=$(last "$out/$name")
    run "test_$name" "testing ($name)" \
        python tools/test.py "$finetune" "$checkpoint" --work-dir "$out/$name/test" \
        --dump "$out/$name/predictions.pkl" --cfg-options model.backbone.init_cfg=None
done
stage="reporting"
python tools/quickstart_report.py "$out"
echo "done in $((SECONDS / 60)) min $((SECONDS % 60)) s"
