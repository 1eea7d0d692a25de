"""Repair imports: modules that packages of the MM stack lack, and errors while importing them."""

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

# Another process writes the cache in some milliseconds.
YAPF_TIMEOUT = 5.0  # seconds


def yapf_cache_race() -> bool:
    """Import yapf, which mmengine imports, and retry while another process writes its cache.

    Processes that import yapf for the first time at the same moment can read a partly written cache
    file, which raises ``EOFError`` or ``UnpicklingError``.
    Upstream: https://github.com/google/yapf/issues/1204

    Raises:
        ImportError: If the cache file stays damaged.
    """
    end = time.monotonic() + YAPF_TIMEOUT
    retried = False
    while True:
        try:
            import yapf  # noqa: F401
        except (EOFError, pickle.UnpicklingError) as error:
            if time.monotonic() > end:
                raise ImportError(
                    f"yapf, which mmengine imports, cannot read its cache ({error}): delete the "
                    "folder YAPF of your cache (on Linux: rm -r ~/.cache/YAPF) and try again"
                ) from error
            retried = True
            time.sleep(0.05)
        else:
            return retried


def importlib_metadata() -> bool:
    """Provide ``importlib_metadata`` by the module of the standard library.

    ``mmaction.utils.dependency`` imports it, but mmaction2 does not require it: without it
    ``import mmaction.utils`` raises ``ModuleNotFoundError``.
    Upstream: no report found.
    """
    if importlib.util.find_spec("importlib_metadata") is not None:
        return False
    sys.modules["importlib_metadata"] = importlib.metadata
    return True


def localizers_drn() -> bool:
    """Provide a placeholder for ``mmaction.models.localizers.drn``.

    The wheel of mmaction2 1.2.0 lacks this module, so ``import mmaction.models`` raises
    ``ModuleNotFoundError``.
    Upstream: https://github.com/open-mmlab/mmaction2/issues/2714
    """
    localizers = package_folder("mmaction") / "models" / "localizers"
    imports_drn = ".drn" in (localizers / "__init__.py").read_text(encoding="utf-8")
    if not imports_drn or (localizers / "drn" / "drn.py").exists():
        return False
    from mmaction.registry import MODELS

    @MODELS.register_module()
    class DRN:
        """Placeholder for the localizer that the wheel lacks."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            raise NotImplementedError(
                "DRN is missing from the mmaction2 1.2.0 wheel (open-mmlab/mmaction2#2714); "
                "install mmaction2 from its git repository to use it"
            )

    package = "mmaction.models.localizers.drn"
    module = types.ModuleType(f"{package}.drn")
    vars(module)["DRN"] = DRN
    sys.modules.update({package: types.ModuleType(package), module.__name__: module})
    return True


def mmcv_lite_warning() -> bool:
    """Filter the warning of mmcv-lite about an operator that it lacks by design.

    The warning appears at each import and recommends installing mmcv, which would overwrite files
    of mmcv-lite. Skeleton models do not use the operator.
    Upstream: https://github.com/open-mmlab/mmcv/issues/1975
    """
    if "mmcv-lite" not in versions.installed_mmcv():
        return False
    warnings.filterwarnings("ignore", message="Fail to import ``MultiScaleDeformableAttention``")
    return True


def package_folder(module: str) -> Path:
    """The folder of an installed package.

    Raises:
        ModuleNotFoundError: If there is no package of that name.
    """
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} is not installed as a package")
    return Path(spec.origin).parent
