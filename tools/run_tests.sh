#!/usr/bin/env bash
# Install and run the whole test suite. Arguments go to pytest: bash tools/run_tests.sh tests/datasets -x
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/_env.sh

# Two workers of one thread each: more threads on small tensors only wait for one another.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

ruff check .
ruff format --check .
exec python -m pytest -n 2 "$@"
