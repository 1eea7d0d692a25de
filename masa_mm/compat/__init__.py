"""Repairs of what is broken in released versions of the MM stack, and nothing else.

``import masa_mm`` calls :func:`apply` before it imports mmaction. A repair is a function that
checks whether the defect is present, repairs it, and returns whether it did. Its docstring names
the upstream report. Importing this package imports neither torch nor the MM stack.
"""

from __future__ import annotations

from collections.abc import Callable

from masa_mm import versions
from masa_mm.compat import (
    checkpoints,
    configs,
    cpu,
    inferencers,
    packages,
    transforms,
    untrusted_configs,
)
from masa_mm.compat.checkpoints import CheckpointError, load_from_local

__all__ = ["REPAIRS", "CheckpointError", "active", "apply", "load_from_local"]

# The order matters: mmengine imports yapf, mmaction imports importlib_metadata and mmengine.
REPAIRS: tuple[Callable[[], bool], ...] = (
    packages.yapf_cache_race,
    packages.importlib_metadata,
    packages.localizers_drn,
    packages.mmcv_lite_warning,
    packages.sample_names_of_1_2,
    transforms.numpy_infinity,
    configs.pkg_resources,
    configs.listed_configs_in_metafiles,
    configs.configs_of_this_package,
    configs.configs_that_inherit_themselves,
    untrusted_configs.safe_yaml,
    untrusted_configs.inert_data_configs,
    untrusted_configs.inert_config_text,
    checkpoints.safe_checkpoints,
    checkpoints.inert_checkpoint_config,
    cpu.distributed_without_cuda,
    cpu.amp_without_cuda,
    cpu.bfloat16_scores,
    inferencers.inferencer_collate_options,
    inferencers.action_inferencer_of_poses,
    inferencers.inference_of_pretrained_models,
)

_applied: dict[Callable[[], bool], bool] = {}  # repair -> whether it was needed


def apply() -> None:
    """Check the installed releases and repair their known defects; further calls do nothing.

    Raises:
        ImportError: If a required release is missing or does not work. The message has the command
            that fixes it.
    """
    problems = versions.problems()
    if problems:
        raise ImportError("\n".join(str(problem) for problem in problems))
    for repair in REPAIRS:
        if repair not in _applied:
            _applied[repair] = repair()


def active() -> list[Callable[[], bool]]:
    """The repairs that were needed in this environment."""
    return [repair for repair in REPAIRS if _applied.get(repair)]
