"""What is missing from the packages of mmaction2 and mmcv, and of what they import."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import pickle
import sys
import time
import types
import warnings
from pathlib import Path
from typing import Any

from masa_mm import versions
from masa_mm.compat.workarounds import workaround

# Seconds to wait for a file that takes another process some milliseconds to write.
PATIENCE = 5.0


@workaround(
    "google/yapf#1204: processes that import it first, all at once, read a cache half written"
)
def whole_yapf_cache() -> bool:
    """Imports yapf, as mmengine does, and waits while another process writes its cache."""
    end = time.monotonic() + PATIENCE
    waited = False
    while True:
        try:
            import yapf  # noqa: F401
        except (EOFError, pickle.UnpicklingError) as error:
            if time.monotonic() > end:
                raise ImportError(
                    f"yapf, which mmengine imports, cannot read its cache ({error}): delete the "
                    "folder YAPF of your cache (on Linux: rm -r ~/.cache/YAPF) and try again"
                ) from error
            waited = True
            time.sleep(0.05)
        else:
            return waited


@workaround("open-mmlab/mmaction2#2714: mmaction2 needs importlib_metadata but does not declare it")
def importlib_metadata() -> bool:
    if importlib.util.find_spec("importlib_metadata") is not None:
        return False
    sys.modules["importlib_metadata"] = importlib.metadata
    return True


@workaround("open-mmlab/mmaction2#2714: the 1.2.0 wheel lacks mmaction.models.localizers.drn")
def localizers_drn() -> bool:
    localizers = package_folder("mmaction") / "models" / "localizers"
    imports_drn = ".drn" in (localizers / "__init__.py").read_text(encoding="utf-8")
    if not imports_drn or (localizers / "drn" / "drn.py").exists():
        return False
    from mmaction.registry import MODELS

    @MODELS.register_module()
    class DRN:
        """Stands for the localizer that the wheel forgot."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise NotImplementedError(
                "DRN is missing from the mmaction2 1.2.0 wheel (open-mmlab/mmaction2#2714); "
                "install mmaction2 from its git repository to use it"
            )

    package = "mmaction.models.localizers.drn"
    sys.modules[package] = types.ModuleType(package)
    sys.modules[f"{package}.drn"] = types.ModuleType(f"{package}.drn")
    sys.modules[f"{package}.drn"].DRN = DRN
    return True


@workaround("open-mmlab/mmcv: mmcv-lite warns of an operator that skeletons do not use")
def silent_mmcv_lite() -> bool:
    if "mmcv-lite" not in versions.installed_mmcv():
        return False
    warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")
    return True


def package_folder(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed as a package")
    return Path(spec.origin).parent
