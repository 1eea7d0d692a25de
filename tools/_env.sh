# To be sourced: an environment with everything installed, its python first in PATH.
#
# The active virtual environment is used; without one, .venv at the root of the repository, made at
# need. A torch or mmcv that is already there stays as it is. Costs nothing when all is installed.

MASA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

_masa_activate() {
    [ -n "${VIRTUAL_ENV:-}" ] && return
    [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-base}" != base ] && return
    if [ ! -x "$MASA_ROOT/.venv/bin/pip" ]; then
        if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
            echo "masa_mm needs Python 3.10 or later, 'python3' is $(python3 --version 2>&1): install one," \
                "make an environment with it (python3.11 -m venv .venv) and run this again" >&2
            return 1
        fi
        echo "making the virtual environment $MASA_ROOT/.venv"
        python3 -m venv "$MASA_ROOT/.venv" || return 1
    fi
    . "$MASA_ROOT/.venv/bin/activate"
}

# What the environment must agree with; changes when the requirements do.
_masa_wanted() {
    echo "$MASA_ROOT"
    (cd "$MASA_ROOT" && cat setup.cfg pyproject.toml constraints.txt | cksum)
}

_masa_has() {
    python - "$@" <<'PY'
import sys
from importlib import metadata

installed = {(d.metadata["Name"] or "").lower().replace("_", "-") for d in metadata.distributions()}
sys.exit(not installed.issuperset(sys.argv[1:]))
PY
}

_masa_install() {
    local stamp constraints extras=dev
    stamp="$(python -c 'import sys; print(sys.prefix)')/.masa_mm_installed"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(_masa_wanted)" ] && _masa_has torch mmaction2 masa-mm; then
        return
    fi
    echo "installing masa_mm and what it needs (about a minute, the first time)"
    if ! _masa_has torch; then
        python -m pip install --quiet --disable-pip-version-check \
            "$(grep '^torch==' "$MASA_ROOT/constraints.txt")" || return 1
    fi
    _masa_has mmcv || _masa_has mmcv-full || extras=lite,dev
    constraints="$(mktemp)"
    # Whatever torch is there, for whichever CUDA, is kept.
    grep -v '^torch==' "$MASA_ROOT/constraints.txt" > "$constraints"
    echo "torch==$(python -c 'from importlib.metadata import version; print(version("torch"))')" \
        >> "$constraints"
    python -m pip install --quiet --disable-pip-version-check \
        -c "$constraints" -e "$MASA_ROOT[$extras]" || { rm -f "$constraints"; return 1; }
    rm -f "$constraints"
    _masa_wanted > "$stamp"
}

_masa_activate && _masa_install || { echo "masa_mm could not be installed, see above" >&2; exit 1; }
