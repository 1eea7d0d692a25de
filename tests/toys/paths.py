"""Where the repository lies, and the data beside it that only some machines have."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
