#!/usr/bin/env bash
# Train with several processes, on GPUs or, without CUDA, on the CPU:
#   bash tools/dist_train.sh CONFIG GPUS [options of tools/train.py]
# Several machines: run it on each with NNODES, NODE_RANK, MASTER_ADDR and PORT set.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: bash tools/dist_train.sh CONFIG GPUS [options]" >&2; exit 2; }
tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
processes=$2
set -- "$tools/train.py" "$1" --launcher pytorch "${@:3}"
. "$tools/_torchrun.sh"
