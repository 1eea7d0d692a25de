#!/usr/bin/env bash
# Test with several processes, on GPUs or, without CUDA, on the CPU:
#   bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options of tools/test.py]
# Several machines: run it on each with NNODES, NODE_RANK, MASTER_ADDR and PORT set.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [options]" >&2; exit 2; }
tools="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
processes=$3
set -- "$tools/test.py" "$1" "$2" --launcher pytorch "${@:4}"
. "$tools/_torchrun.sh"
