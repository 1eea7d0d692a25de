"""Repair configs that inherit from those of installed packages, such as ``mmaction::``."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

from masa_mm import versions
from masa_mm.compat.packages import package_folder
from masa_mm.errors import UserError


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
        name = replacement.__name__
        original = getattr(package_utils, name)
        for module in list(sys.modules.values()):  # other modules have imported it by name
            if getattr(module, "__dict__", {}).get(name) is original:
                setattr(module, name, replacement)
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


def configs_of_this_package() -> bool:
    """Let ``_base_ = "masa_mm::masa_finetune_wlasl300.py"`` name a config of the installed package.

    ``Config._get_cfg_path`` raises ``AssertionError: mmengine does not support to load masa_mm
    config`` for packages outside a fixed list, and ``ValueError`` for configs that lie in no
    folder. The result is treated like a local base: mmengine would mark every part of a package's
    config with a scope, which the Runner then passes on to collate functions.
    Upstream: no report found.
    """
    from mmengine.config import Config

    get_path = Config._get_cfg_path

    @functools.wraps(get_path)
    def get_path_with_own(cfg_path: str, filename: str) -> tuple[str, str | None]:
        package, _, name = cfg_path.partition("::")
        if package != "masa_mm" or not name:
            return get_path(cfg_path, filename)
        path = package_folder("masa_mm") / ".mim" / "configs" / name
        if not path.is_file():
            raise FileNotFoundError(f"{filename}: no config {cfg_path} ({path} does not exist)")
        return str(path), None

    Config._get_cfg_path = staticmethod(get_path_with_own)
    return True


def configs_that_inherit_themselves() -> bool:
    """Name the files of a circle of ``_base_``.

    ``Config.fromfile`` follows it until ``RecursionError`` or ``OSError: Too many open files``.
    Upstream: no report found.
    """
    from mmengine.config import Config

    file2dict = Config._file2dict
    open_files: list[Path] = []

    @functools.wraps(file2dict)
    def file2dict_once(filename: str, *args: Any, **kwargs: Any) -> tuple:
        path = Path(filename).expanduser().resolve()
        if path in open_files:
            circle = " -> ".join(str(p) for p in [*open_files[open_files.index(path) :], path])
            raise UserError(f"{path}: inherits itself ({circle}); correct its _base_")
        open_files.append(path)
        try:
            return file2dict(filename, *args, **kwargs)
        finally:
            open_files.pop()

    Config._file2dict = staticmethod(file2dict_once)
    return True
