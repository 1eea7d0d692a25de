"""Repair packages of the MM stack: errors while importing them, missing modules, renamed labels."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import operator
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


def sample_names_of_1_2() -> bool:
    """Give ``ActionDataSample`` of mmaction2 1.1 the attribute names of 1.2.

    1.2 replaced ``gt_labels.item`` by ``gt_label`` and ``pred_scores.item`` by ``pred_score``
    without keeping the old names, so code for one release raises ``AttributeError`` with the other.
    Upstream: https://github.com/open-mmlab/mmaction2/pull/2658
    """
    from mmaction.structures import ActionDataSample

    if hasattr(ActionDataSample, "set_gt_label"):
        return False
    to_dict = ActionDataSample.to_dict
    old_names = dict(gt_label="gt_labels", pred_label="pred_labels", pred_score="pred_scores")

    def to_dict_with_both(self: Any) -> dict:
        content = to_dict(self)
        # Metrics of mmaction2 1.1 read the old names, those of masa_mm the new ones.
        new = {name: content[old]["item"] for name, old in old_names.items() if old in content}
        return content | new

    ActionDataSample.to_dict = to_dict_with_both
    ActionDataSample.set_gt_label = ActionDataSample.set_gt_labels
    for name, old in old_names.items():
        setattr(ActionDataSample, name, property(operator.attrgetter(f"{old}.item")))
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
