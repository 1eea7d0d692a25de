"""Configs that are data: YAML and JSON files, and the text of a config in a checkpoint.

They are read without executing anything, within limits. What they name is checked too, because
mmengine imports what ``type``, ``custom_imports`` and scopes name, and calls what ``type`` names.
"""

from __future__ import annotations

import ast
import functools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from masa_mm.errors import UserError, in_one_line

MAX_BYTES = 256 * 1024  # of a file; the configs of this package dump to 10 kB
MAX_VALUES = 100_000  # with those that YAML aliases repeat
MAX_DEPTH = 64
SUFFIXES = (".yaml", ".yml", ".json")
PACKAGES = ("masa_mm", "mmaction", "mmcv", "mmengine")
NAMED_KEYS = ("type", "runner_type", "constructor")  # mmengine resolves their strings
SCOPE_KEYS = ("_scope_", "default_scope")


class DataConfigError(UserError):
    """A YAML or JSON config, or config text, that is damaged, too large or more than data."""


def read_data_config(path: str | Path) -> dict:
    """Read and check a YAML or JSON config.

    Raises:
        DataConfigError: If it is damaged, too large or more than data.
    """
    path = Path(path)
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DataConfigError(f"{path}: has {size} bytes, a config at most {MAX_BYTES}")
    parse = json.loads if path.suffix == ".json" else _parse_yaml
    config = _parsed(parse, path.read_bytes(), str(path))
    check_inert(config, str(path))
    return config


def literal_config(text: str, where: str) -> dict:
    """Read the Python text of a config whose values are literals and ``dict(...)``.

    Args:
        text (str): Such as mmengine writes into checkpoints.
        where (str): What errors name.

    Raises:
        DataConfigError: If it is damaged, too large or more than literals.
    """
    if len(text) > MAX_BYTES:
        raise DataConfigError(f"{where}: has {len(text)} characters, a config at most {MAX_BYTES}")
    config = _parsed(_parse_literals, text, where)
    check_inert(config, where)
    return config


def check_inert(config: Any, where: str) -> None:
    """Refuse what would make mmengine execute or import something that the user did not name.

    Args:
        config (Any): The parsed config.
        where (str): What errors name.

    Raises:
        DataConfigError: If it is no dict, too deep, or names code.
    """
    if not isinstance(config, dict):
        raise DataConfigError(f"{where}: holds a {type(config).__name__}, not the keys of a config")
    for part in _dicts(config, where):
        for key in NAMED_KEYS:
            _check_registered(part.get(key), key, where)
        for key in SCOPE_KEYS:
            _check_imported(part.get(key), key, where)
        imports = part.get("custom_imports")
        names = imports.get("imports", ()) if isinstance(imports, dict) else imports
        for name in names if isinstance(names, list | tuple) else [names]:
            _check_imported(name, "custom_imports", where)
    bases = config.get("_base_", ())
    for base in bases if isinstance(bases, list | tuple) else [bases]:
        _check_base(base, where)


def _parsed(parse: Callable[[Any], Any], content: Any, where: str) -> Any:
    import yaml

    try:
        return parse(content)
    except DataConfigError as error:
        raise DataConfigError(f"{where}: {error}") from None
    except (RecursionError, MemoryError):
        raise DataConfigError(f"{where}: is nested too deeply for a config") from None
    except (SyntaxError, ValueError, yaml.YAMLError) as error:
        raise DataConfigError(
            f"{where}: cannot be read as a config of plain values ({in_one_line(error, 200)}); "
            "nothing was executed. Correct it, or write a Python config"
        ) from None


def _parse_yaml(content: bytes) -> Any:
    import yaml

    # The loader in Python raises RecursionError where that in C may exhaust the stack.
    loader = safe_loader(yaml.SafeLoader)(content)
    try:
        node = loader.get_single_node()
        _count_values(node, {})
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


@functools.cache
def safe_loader(base: type) -> Any:
    """Make a loader of plain values and of tuples, which mmengine writes as ``!!python/tuple``."""
    loader = type("PlainLoader", (base,), {})
    loader.add_constructor(  # type: ignore[attr-defined]
        "tag:yaml.org,2002:python/tuple",
        lambda self, node: tuple(self.construct_sequence(node, deep=True)),
    )
    return loader


def _count_values(node: Any, known: dict[int, int]) -> int:
    """The values below a YAML node, those behind aliases each time; every node is visited once."""
    if node is None or isinstance(node.value, str):
        return 1
    if known.get(id(node)) == 0:
        raise DataConfigError("an alias contains itself")
    if id(node) not in known:
        known[id(node)] = 0
        children = [
            child for item in node.value for child in (item if isinstance(item, tuple) else (item,))
        ]
        known[id(node)] = 1 + sum(_count_values(child, known) for child in children)
    if known[id(node)] > MAX_VALUES:
        raise DataConfigError(f"its aliases expand to more than {MAX_VALUES} values")
    return known[id(node)]


def _parse_literals(text: str) -> dict:
    config = {}
    for statement in ast.parse(text).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            raise ValueError(f"line {statement.lineno} is no 'name = value'")
        config[statement.targets[0].id] = _literal(statement.value)
    return config


def _literal(node: ast.AST) -> Any:
    """The value of an expression of literals, lists, tuples, dicts and ``dict(name=value)``."""
    if isinstance(node, ast.List | ast.Tuple):
        values = [_literal(value) for value in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    if isinstance(node, ast.Dict) and all(node.keys):
        return {_literal(k): _literal(v) for k, v in zip(node.keys, node.values) if k is not None}
    if isinstance(node, ast.Call):
        named = all(word.arg for word in node.keywords) and not node.args
        if not (named and isinstance(node.func, ast.Name) and node.func.id == "dict"):
            raise ValueError(f"line {node.lineno} calls {ast.unparse(node.func)[:80]}")
        return {word.arg: _literal(word.value) for word in node.keywords}
    return ast.literal_eval(node)


def _dicts(value: Any, where: str, depth: int = 0) -> Iterator[dict]:
    if depth > MAX_DEPTH:
        raise DataConfigError(f"{where}: is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        yield value
    if isinstance(value, dict | list | tuple):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _dicts(child, where, depth + 1)


def _check_registered(name: Any, key: str, where: str) -> None:
    """Registries import and call any name that is not registered, such as ``os.system``."""
    if not isinstance(name, str):
        return
    scope, _, short = name.rpartition(".")
    if (scope and scope not in PACKAGES) or short not in _registered_names():
        raise DataConfigError(
            f"{where}: {key} {name[:100]!r} is not the registered name of a class, and a config "
            "that is data may name no other code; nothing was executed. Correct the name, or "
            "write a Python config"
        )


def _registered_names() -> set[str]:
    import mmaction.registry
    import mmengine.registry
    from mmaction.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    return {
        name
        for module in (mmengine.registry, mmaction.registry)
        for registry in vars(module).values()
        if isinstance(registry, mmengine.registry.Registry)
        for name in registry.module_dict
    }


def _check_imported(name: Any, key: str, where: str) -> None:
    if name is None or name in PACKAGES or name in sys.modules:
        return
    if str(name).partition(".")[0] not in PACKAGES:
        raise DataConfigError(
            f"{where}: {key} names {str(name)[:100]!r}, and a config that is data may import no "
            "code; nothing was executed. Import it in a Python config"
        )


def _check_base(base: Any, where: str) -> None:
    if not isinstance(base, str):
        raise DataConfigError(f"{where}: _base_ must be a path or a list of paths, got {base!r}")
    if not base.endswith(SUFFIXES) and base.partition("::")[0] not in PACKAGES:
        raise DataConfigError(
            f"{where}: _base_ {base!r} is no YAML or JSON config, and a config that is data may "
            "execute no Python; name a config of a package ('masa_mm::...') or write a Python "
            "config"
        )
