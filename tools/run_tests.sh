#!/usr/bin/env bash
# Install and run linters, the type checker and the test suite.
#
#   bash tools/run_tests.sh                      all of it
#   bash tools/run_tests.sh tests/datasets -x    arguments go to pytest
#   bash tools/run_tests.sh --oldest             the suite with the oldest supported releases, in an
#                                                environment of its own (downloads about 3 GB)
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${1:-}" = --oldest ]; then
    shift
    MASA_CONSTRAINTS=constraints-oldest.txt MASA_VENV=.venv-oldest
fi
. tools/_env.sh

# Two workers of one thread each: more threads on small tensors only wait for one another.
export OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

if [ -z "${MASA_VENV:-}" ]; then
    ruff check .
    ruff format --check .
    mypy
fi
exec python -m pytest -n 2 "$@"
