"""Classes that a config may name: where they are registered and which options they take."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import mmaction.registry
import mmengine.registry
from mmaction.utils import register_all_modules
from mmengine.registry import Registry
from mmengine.utils import get_object_from_string

SCOPES = ("mmaction", "mmengine")


def registered(name: str) -> list[Callable]:
    """The classes that a ``type`` may mean in any registry; [] for an unknown one."""
    scope, _, short = name.rpartition(".")
    if scope in ("", *SCOPES):
        found = [r.module_dict[short] for r in _registries() if short in r.module_dict]
        if found:
            return list(dict.fromkeys(found))
    if scope:
        try:
            # Imports the module, as the registry would: a Python config may name any class.
            named = get_object_from_string(name)
        except Exception:
            return []
        return [] if named is None else [named]
    return []


def nearest(name: str) -> str:
    """The registered names most like a wrong one, as advice."""
    names = {known for registry in _registries() for known in registry.module_dict}
    by_case = {known.lower(): known for known in sorted(names)}
    close = difflib.get_close_matches(name.rpartition(".")[2].lower(), by_case, n=3, cutoff=0.5)
    if not close:
        return "register the class (custom_imports) or correct the name"
    return f"the nearest registered: {', '.join(by_case[match] for match in close)}"


def options_of(built: Callable) -> set[str] | None:
    """The options that a class or function takes; None if it takes any."""
    function = vars(built).get("__init__", built) if inspect.isclass(built) else built
    if inspect.isclass(function):  # without a constructor of its own
        bases = [base for base in function.__mro__[1:] if "__init__" in vars(base)]
        return options_of(bases[0]) if bases and bases[0] is not object else set()
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters} - {"self"} | old_options(built)


def all_options(built: type) -> list[str]:
    """The options of a class with those that it passes on to its bases, for messages."""
    names: dict[str, None] = {}
    for base in inspect.getmro(built):
        if "__init__" not in vars(base) or base is object:
            continue
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        names |= dict.fromkeys(p.name for p in parameters if p.kind in named and p.name != "self")
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(names)


def old_options(built: Any) -> set[str]:
    """Options under names that :mod:`masa_mm.deprecation` still takes."""
    return set(getattr(built, "old_options", ()))


def _registries() -> Iterator[Registry]:
    register_all_modules(init_default_scope=False)
    for module in (mmaction.registry, mmengine.registry):
        yield from (value for value in vars(module).values() if isinstance(value, Registry))
