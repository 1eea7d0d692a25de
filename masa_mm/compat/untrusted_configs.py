"""Keep configs that are data from executing code: YAML, JSON, and the text in checkpoints."""

from __future__ import annotations

import functools
from typing import Any

from masa_mm.compat.config_data import SUFFIXES, literal_config, read_data_config, safe_loader


def safe_yaml() -> bool:
    """Load YAML files of mmengine as plain values.

    ``YamlHandler`` uses the full loader, which executes ``!!python/object/apply:os.system``.
    Upstream: no report found.
    """
    import yaml
    from mmengine.fileio.handlers import YamlHandler

    load = YamlHandler.load_from_fileobj
    loader = safe_loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    @functools.wraps(load)
    def load_plain_values(self: Any, file: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("Loader", loader)
        return load(self, file, **kwargs)

    YamlHandler.load_from_fileobj = load_plain_values
    return True


def inert_data_configs() -> bool:
    """Check each YAML and JSON config, also an inherited one, before mmengine reads it.

    ``Config.fromfile`` imports what ``custom_imports`` names, and registries import and call any
    ``type``, ``dict(type="os.system", command=...)``. Neither limits size or depth.
    Upstream: no report found.
    """
    from mmengine.config import Config

    file2dict = Config._file2dict

    @functools.wraps(file2dict)
    def file2dict_of_data(filename: str, *args: Any, **kwargs: Any) -> tuple:
        if str(filename).endswith(SUFFIXES):
            read_data_config(filename)
        return file2dict(filename, *args, **kwargs)

    Config._file2dict = staticmethod(file2dict_of_data)
    return True


def inert_config_text() -> bool:
    """Read config text as literals where mmengine executes it as Python.

    ``Config.fromstring`` gets its text from checkpoints: ``BaseInferencer(weights=...)`` without a
    model, and ``resume`` of the runners. A downloaded checkpoint can thus execute any code.
    Upstream: no report found.
    """
    from mmengine.config import Config

    fromstring = Config.fromstring

    @functools.wraps(fromstring)
    def fromstring_of_data(cfg_str: str, file_format: str) -> Config:
        if file_format != ".py":
            return fromstring(cfg_str, file_format)
        return Config(literal_config(cfg_str, "config text"), cfg_text=cfg_str)

    Config.fromstring = staticmethod(fromstring_of_data)
    return True
