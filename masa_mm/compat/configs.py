"""Configs: inherited from mmaction2's, and written."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import sys
from typing import Any

from masa_mm import versions
from masa_mm.compat.packages import package_folder
from masa_mm.compat.workarounds import workaround


@workaround("pypa/setuptools#3085: setuptools >= 82 has no pkg_resources, which mmengine imports")
def pkg_resources() -> bool:
    if importlib.util.find_spec("pkg_resources") is not None:
        return False
    from mmengine.utils import package_utils

    for replacement in (is_installed, get_installed_path, package2module):
        replace_everywhere(getattr(package_utils, replacement.__name__), replacement)
    return True


def is_installed(package: str) -> bool:
    """Whether a distribution, or a module of that name, is installed."""
    if versions.installed(package) is not None:
        return True
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


def get_installed_path(package: str) -> str:
    """The folder of the module that a distribution (or a module of that name) installs.

    Raises:
        ModuleNotFoundError: nothing of that name is installed.
    """
    try:
        module = package if importlib.util.find_spec(package) else package2module(package)
    except importlib.metadata.PackageNotFoundError:
        raise ModuleNotFoundError(f"{package} is not installed") from None
    return str(package_folder(module))


def package2module(package: str) -> str:
    """The name of the first module that a distribution installs ('mmaction2' -> 'mmaction')."""
    names = importlib.metadata.distribution(package).read_text("top_level.txt")
    if not names:
        raise ValueError(f"cannot tell which module {package} installs: it has no top_level.txt")
    return names.split()[0]


@workaround(
    "open-mmlab/mmaction2#2585: a metafile lists several configs where mmengine expects one"
)
def metafile_with_listed_configs() -> bool:
    from mmengine.config import utils

    load = utils.load

    @functools.wraps(load)
    def load_metafile(file: Any, *args: Any, **kwargs: Any) -> Any:
        meta = load(file, *args, **kwargs)
        if isinstance(meta, dict) and isinstance(meta.get("Models"), list):
            meta["Models"] = [one for model in meta["Models"] for one in _one_config_each(model)]
        return meta

    utils.load = load_metafile
    return True


def _one_config_each(model: dict) -> list[dict]:
    configs = model.get("Config")
    return [{**model, "Config": c} for c in configs] if isinstance(configs, list) else [model]


@workaround("open-mmlab/mmengine (unreported): formats its config for a second at each checkpoint")
def config_formatted_once() -> bool:
    from mmengine.config import config

    format_code, formatted = config.FormatCode, {}

    @functools.wraps(format_code)
    def format_once(text: str, **options: Any) -> Any:
        key = text, repr(options)
        if key not in formatted:
            # A run has one config; the bound is for processes of many runs.
            if len(formatted) == 8:
                formatted.clear()
            formatted[key] = format_code(text, **options)
        return formatted[key]

    config.FormatCode = format_once
    return True


@workaround("mmengine takes bases from a fixed list of packages, and only from below a folder")
def configs_of_this_package() -> bool:
    """Let ``_base_ = "masa_mm::masa_finetune_wlasl300.py"`` name a config of the installed package.

    ``Config._get_cfg_path`` raises ``AssertionError: mmengine does not support to load masa_mm
    config`` for packages that ``mmengine.utils`` does not list, and ``ValueError`` for configs that
    lie in no folder. The result is treated like a local base: mmengine would mark every part of a
    package's config with a scope, and masa_mm registers in MMAction2's.
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


def replace_everywhere(original: Any, replacement: Any) -> None:
    """Replace a function in every loaded module that has imported it by name."""
    for module in list(sys.modules.values()):
        if getattr(module, "__dict__", {}).get(original.__name__) is original:
            setattr(module, original.__name__, replacement)
