# To be sourced: puts the python of an environment with everything installed first in PATH.
#
# The active virtual environment is used; without one, .venv at the root of the repository, which is
# made when it is missing. An installed torch or mmcv stays as it is. An environment that is up to
# date is left alone at once.
#
# MASA_VENV=FOLDER makes and uses that environment, whichever is active.
# MASA_CONSTRAINTS=FILE names the releases to install; defaults to constraints.txt.

MASA_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
MASA_CONSTRAINTS="${MASA_CONSTRAINTS:-constraints.txt}"

# The first Python of 3.10 or later. The oldest releases are tested with the oldest Python there is.
_masa_python() {
    local python candidates="python3"
    [ "$MASA_CONSTRAINTS" = constraints-oldest.txt ] && candidates="python3.10 python3.11 python3"
    for python in $candidates; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "masa_mm needs Python 3.10 or later; 'python3' is $(python3 --version 2>&1). Install one," \
        "make an environment with it (python3.11 -m venv .venv) and run this again" >&2
    return 1
}

_masa_activate() {
    local folder="$MASA_ROOT/${MASA_VENV:-.venv}" python
    if [ -z "${MASA_VENV:-}" ]; then
        [ -n "${VIRTUAL_ENV:-}" ] && return
        [ -n "${CONDA_PREFIX:-}" ] && [ "${CONDA_DEFAULT_ENV:-base}" != base ] && return
    fi
    if [ ! -x "$folder/bin/pip" ]; then
        python="$(_masa_python)" || return 1
        echo "making the virtual environment $folder"
        "$python" -m venv "$folder" || return 1
    fi
    . "$folder/bin/activate"
}

# Everything that the environment depends on. Changes when the requirements do.
_masa_requirements() {
    echo "$MASA_ROOT"
    (cd "$MASA_ROOT" && cat setup.cfg setup.py pyproject.toml "$MASA_CONSTRAINTS" | cksum)
}

_masa_has() {
    python - "$@" <<'PY'
import sys
from importlib import metadata

installed = {(d.metadata["Name"] or "").lower().replace("_", "-") for d in metadata.distributions()}
sys.exit(not installed.issuperset(sys.argv[1:]))
PY
}

_masa_pip_install() {
    python -m pip install --quiet --disable-pip-version-check "$@"
}

_masa_install() {
    local stamp constraints extras=dev
    stamp="$(python -c 'import sys; print(sys.prefix)')/.masa_mm_installed"
    if [ "$(cat "$stamp" 2>/dev/null)" = "$(_masa_requirements)" ] \
        && _masa_has torch mmaction2 masa-mm; then
        return
    fi
    echo "installing masa_mm and what it needs (one to three minutes, the first time)"
    # numpy of the same release comes with torch, or torch would bring the newest.
    _masa_has torch || _masa_pip_install -c "$MASA_ROOT/$MASA_CONSTRAINTS" \
        "$(grep '^torch==' "$MASA_ROOT/$MASA_CONSTRAINTS")" || return 1
    _masa_has mmcv || _masa_has mmcv-full || extras=lite,dev
    constraints="$(mktemp)"
    # An installed torch is kept, whichever CUDA it is for.
    grep -v '^torch==' "$MASA_ROOT/$MASA_CONSTRAINTS" > "$constraints"
    echo "torch==$(python -c 'from importlib.metadata import version; print(version("torch"))')" \
        >> "$constraints"
    _masa_pip_install -c "$constraints" -e "$MASA_ROOT[$extras]" || { rm -f "$constraints"; return 1; }
    rm -f "$constraints"
    _masa_requirements > "$stamp"
}

_masa_activate && _masa_install || { echo "masa_mm could not be installed, see above" >&2; exit 1; }
