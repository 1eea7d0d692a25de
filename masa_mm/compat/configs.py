"""Repair configs that inherit from those of installed packages, such as ``mmaction::``."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

from masa_mm import versions
from masa_mm.compat.packages import package_folder


def pkg_resources() -> bool:
    """Replace the functions of mmengine that need ``pkg_resources``.

    setuptools 82 removed it, so ``Config.fromfile`` raises ``ModuleNotFoundError`` for a config
    whose ``_base_`` lies in another package.
    Upstream: https://github.com/open-mmlab/mmengine/pull/1676
    """
    if importlib.util.find_spec("pkg_resources") is not None:
        return False
    from mmengine.utils import package_utils

    for replacement in (is_installed, get_installed_path):
        replace_everywhere(getattr(package_utils, replacement.__name__), replacement)
    return True


def is_installed(package: str) -> bool:
    """Whether a distribution, or a module of that name, is installed."""
    if versions.installed(package) is not None:
        return True
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


def get_installed_path(package: str) -> str:
    """The folder of a module, named by itself or by its distribution ('mmaction2').

    Raises:
        ModuleNotFoundError: If nothing of that name is installed.
    """
    if not is_installed(package):
        raise ModuleNotFoundError(f"{package} is not installed")
    if importlib.util.find_spec(package) is None:
        modules = importlib.metadata.distribution(package).read_text("top_level.txt") or package
        package = modules.split()[0]
    return str(package_folder(package))


def listed_configs_in_metafiles() -> bool:
    """Split the entries of mmaction2 1.1's metafiles that list several configs.

    mmengine expects one config an entry: each ``_base_ = 'mmaction::...'`` raises
    ``AttributeError: 'list' object has no attribute 'partition'``.
    Upstream: https://github.com/open-mmlab/mmaction2/pull/2590
    """
    if versions.release(versions.installed("mmaction2") or "") >= (1, 2):
        return False
    from mmengine.config import utils

    load = utils.load

    @functools.wraps(load)
    def load_metafile(file: Any, *args: Any, **kwargs: Any) -> Any:
        meta = load(file, *args, **kwargs)
        if isinstance(meta, dict) and isinstance(meta.get("Models"), list):
            meta["Models"] = [entry for model in meta["Models"] for entry in _split(model)]
        return meta

    utils.load = load_metafile
    return True


def _split(model: dict) -> list[dict]:
    configs = model.get("Config")
    return [{**model, "Config": c} for c in configs] if isinstance(configs, list) else [model]


def replace_everywhere(original: Callable, replacement: Callable) -> None:
    """Replace a function in every loaded module that has imported it by name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(original.__name__) is original:
            setattr(module, original.__name__, replacement)
