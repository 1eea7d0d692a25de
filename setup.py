"""Build hook for what setup.cfg cannot say: the wheel carries ``masa_mm/.mim``.

MIM and mmengine look there for a package's configs, tools and model index: ``mim train masa_mm
CONFIG`` and ``_base_ = "masa_mm::NAME.py"`` work in an environment that holds only the wheel. An
editable installation gets links to the checkout instead, so that edited configs take effect.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CONTENT = ("configs", "tools", "model-index.yml")
# Of use in a checkout only.
CHECKOUT_ONLY = shutil.ignore_patterns(
    "__pycache__", "benchmark", "docs", "_env.sh", "quickstart*", "run_tests.sh"
)


class BuildWithMim(build_py):
    """Build the package and its ``.mim`` folder."""

    def run(self):
        """Copy the folder into the build, or link it in an editable installation."""
        super().run()
        if self.editable_mode:
            target, put = ROOT / "masa_mm" / ".mim", link
        else:
            target, put = Path(self.build_lib, "masa_mm", ".mim"), copy
        target.mkdir(parents=True, exist_ok=True)
        for name in CONTENT:
            put(ROOT / name, target / name)


def link(source, target):
    """Link a file or folder; copy it where the system allows no links."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        shutil.rmtree(target)
    try:
        target.symlink_to(os.path.relpath(source, target.parent))
    except OSError:
        copy(source, target)


def copy(source, target):
    """Copy a file or folder."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=CHECKOUT_ONLY, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


setup(cmdclass=dict(build_py=BuildWithMim))
