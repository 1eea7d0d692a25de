"""Find the checkpoint from which a run is resumed."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from masa_mm.compat.checkpoints import load_from_local
from masa_mm.errors import UserError

LAST_CHECKPOINT = "last_checkpoint"
_RUN_STATE = ("state_dict", "optimizer", "message_hub")


def recorded_checkpoint(work_dir: str | Path) -> str:
    """The checkpoint that ``last_checkpoint`` of a folder names, if it exists; else ''.

    The file holds the path at the time of writing; the folder may have been moved since.
    """
    record = Path(work_dir) / LAST_CHECKPOINT
    if not record.is_file():
        return ""
    text = record.read_bytes()[:4096].decode("utf-8", "replace").strip()
    if not text or not text.isprintable():
        return ""
    moved = Path(work_dir) / Path(text).name
    return next((str(path) for path in (moved, Path(text)) if path.is_file()), "")


def find_latest(work_dir: str | Path) -> tuple[str, str]:
    """Find the newest checkpoint of a folder that loads and holds the state of a run.

    It is the one that ``last_checkpoint`` names. If this file or that checkpoint is missing or
    damaged, the other checkpoints are tried, the last written one first.

    Args:
        work_dir (str | Path): Folder of a run.

    Returns:
        tuple: Path of the checkpoint, and why it is not the one of ``last_checkpoint``, '' if it
            is. Both are '' if the folder has no checkpoint.

    Raises:
        UserError: If there are traces of checkpoints, but none loads.
    """
    recorded = recorded_checkpoint(work_dir)
    damaged = describe_damage(recorded) if recorded else ""
    if recorded and not damaged:
        return recorded, ""
    record = Path(work_dir) / LAST_CHECKPOINT
    reason = f"{recorded} is damaged ({damaged})" if recorded else f"{record} is damaged"
    if not recorded and not record.is_file():
        reason = f"{record} is missing"
    others = [path for path in _newest_first(work_dir) if path != Path(recorded)]
    for path in others:
        if not describe_damage(path):
            return str(path), reason
    if others or recorded or record.is_file():
        raise UserError(
            f"--resume: {reason}, and no other checkpoint in {work_dir} can be resumed; start "
            "again without --resume, or name a checkpoint: --resume CHECKPOINT"
        )
    return "", ""


def describe_damage(path: str | Path) -> str:
    """Say in a few words why a file is no checkpoint of a run; '' if it is one."""
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()  # torch does not compare the checksums
        if broken:
            return f"{broken} has another checksum"
        content: Any = load_from_local(path, map_location="cpu")
    except (zipfile.BadZipFile, EOFError, OSError):
        return "incomplete or no checkpoint"
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    missing = [name for name in _RUN_STATE if not isinstance(content, dict) or name not in content]
    return f"without {', '.join(missing)}" if missing else ""


def _newest_first(work_dir: str | Path) -> list[Path]:
    paths = [path for path in Path(work_dir).glob("*.pth") if path.is_file()]
    # A best checkpoint has no optimizer state.
    runs = [path for path in paths if not path.name.startswith("best_")]
    return sorted(runs, key=lambda path: path.stat().st_mtime_ns, reverse=True)
