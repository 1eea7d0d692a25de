#!/usr/bin/env bash
# Train on a Slurm cluster:
#   [GPUS=8] [GPUS_PER_NODE=8] [CPUS_PER_TASK=5] [SRUN_ARGS=...] \
#       bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options of tools/train.py]
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [options]" >&2; exit 2; }
tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
per_node="${GPUS_PER_NODE:-8}"
# Jobs that share a node must not share a port.
export MASTER_PORT="${MASTER_PORT:-$((12000 + RANDOM % 20000))}"
# SRUN_ARGS has several options, separated by spaces.
# shellcheck disable=SC2086
exec srun --partition="$1" --job-name="$2" --gres="gpu:$per_node" --ntasks="${GPUS:-8}" \
    --ntasks-per-node="$per_node" --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
    ${SRUN_ARGS:-} \
    python -u "$tools/train.py" "$3" --launcher slurm "${@:4}"
