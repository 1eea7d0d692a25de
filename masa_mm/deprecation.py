"""Old names that keep working for one release: modules, options and where options went."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, TypeVar

from mmengine.registry import Registry

Class = TypeVar("Class", bound=type)

# Modules of release 0.1 and where they are now; a package stands for all that lies in it.
MOVED_MODULES = {
    "masa_mm.audit.checks": "masa_mm.preparation.audit",
    "masa_mm.audit": "masa_mm.preparation.audit",
    "masa_mm.beside": "masa_mm.atomic_write",
    "masa_mm.checkpoints": "masa_mm.models.reference",
    "masa_mm.datasets.clip_checks": "masa_mm.pose.clip_checks",
    "masa_mm.datasets.clip_choice": "masa_mm.datasets.clip_selection",
    "masa_mm.datasets.clip_names": "masa_mm.pose.store_format",
    "masa_mm.datasets.crop": "masa_mm.pose.crop",
    "masa_mm.datasets.demo": "masa_mm.preparation.demo",
    "masa_mm.datasets.foreign_files": "masa_mm.pose.files",
    "masa_mm.datasets.held_out": "masa_mm.datasets.held_out_split",
    "masa_mm.datasets.pickle_writer": "masa_mm.pose.pose_pickle",
    "masa_mm.datasets.pose_pickle": "masa_mm.pose.pose_pickle",
    "masa_mm.datasets.safe_pickle": "masa_mm.pose.safe_pickle",
    "masa_mm.datasets.sources": "masa_mm.sources",
    "masa_mm.datasets.sources.catalog": "masa_mm.sources",
    "masa_mm.datasets.sources.conversion": "masa_mm.preparation.convert",
    "masa_mm.datasets.sources.files": "masa_mm.pose.files",
    "masa_mm.datasets.sources.rtmlib": "masa_mm.sources.mmpose",
    "masa_mm.datasets.sources.signer": "masa_mm.sources.signer_selection",
    "masa_mm.datasets.sources.wlasl_hands": "masa_mm.sources.wlasl",
    "masa_mm.datasets.sources.wlasl_upper_body": "masa_mm.sources.wlasl",
    "masa_mm.datasets.store": "masa_mm.pose.store",
    "masa_mm.datasets.store_format": "masa_mm.pose.store_format",
    "masa_mm.datasets.store_writer": "masa_mm.pose.store_writer",
    "masa_mm.datasets.transforms.affine": "masa_mm.datasets.transforms.geometry",
    "masa_mm.datasets.transforms.corruption": "masa_mm.datasets.transforms.detector_errors",
    "masa_mm.datasets.transforms.hand_frames": "masa_mm.datasets.transforms.sampling",
    "masa_mm.datasets.transforms.interpolation": "masa_mm.datasets.transforms.detector_errors",
    "masa_mm.datasets.transforms.mirror": "masa_mm.datasets.transforms.geometry",
    "masa_mm.datasets.transforms.views": "masa_mm.datasets.transforms.sampling",
    "masa_mm.engine.strict_loading": "masa_mm.engine.checkpoint_io",
    "masa_mm.engine.strict_pretrained": "masa_mm.engine.checkpoint_io",
    "masa_mm.evaluation.predictions": "masa_mm.evaluation.score_files",
    "masa_mm.extraction": "masa_mm.preparation.extraction",
    "masa_mm.frame_counts": "masa_mm.frame_plan",
    "masa_mm.models.data_preprocessor": "masa_mm.models.recognizers.data_preprocessor",
    "masa_mm.models.backbones.mask_token_encoder": "masa_mm.models.reference.encoder",
    "masa_mm.skeleton": "masa_mm.pose.skeleton",
    "masa_mm.visualization.confusion": "masa_mm.visualization.results",
    "masa_mm.visualization.curves": "masa_mm.visualization.results",
}

# Members that a moved module no longer has: the module that has them now.
MOVED_MEMBERS = {"masa_mm.datasets.sources": {"convert": "masa_mm.preparation.convert"}}


def warn_deprecated(message: str) -> None:
    """Warn about an old name. ``FutureWarning`` is the category that Python shows to end users."""
    warnings.warn(f"{message}; the next release drops the old form", FutureWarning, stacklevel=3)


class MovedModuleFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import hook that gives the module of today for a name of release 0.1."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module that moved; None for every other name."""
        if current_name(fullname) is None:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module under its name of today."""
        current = current_name(spec.name)
        assert current is not None
        warn_deprecated(f"module {spec.name} is now {current}")
        module = importlib.import_module(current)
        self._current_spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own spec back, which the import system has just replaced."""
        moved = MOVED_MEMBERS.get(module.__spec__.name if module.__spec__ else "")
        module.__spec__ = self._current_spec
        if moved:
            module.__dict__["__getattr__"] = functools.partial(moved_member, moved)


def current_name(module: str) -> str | None:
    """The name of today of a module that moved, or None.

    Example:
        >>> current_name("masa_mm.datasets.sources.base")
        'masa_mm.sources.base'
    """
    old = module
    while old:  # from the module up to the package: the most specific entry counts
        if old in MOVED_MODULES:
            return MOVED_MODULES[old] + module[len(old) :]
        old = old.rpartition(".")[0]
    return None


def moved_member(moved: dict[str, str], name: str) -> Any:
    """Look a member up in the module that has it now.

    Raises:
        AttributeError: If it did not move.
    """
    if name not in moved:
        raise AttributeError(f"module has no attribute {name!r}")
    warn_deprecated(f"{name} is now in {moved[name]}")
    return getattr(importlib.import_module(moved[name]), name)


def install_moved_modules() -> None:
    """Let old module names be imported. Comes first: a moved package's path holds its modules."""
    sys.meta_path.insert(0, MovedModuleFinder())


def renamed_options(**names: str) -> Callable[[Class], Class]:
    """Let a class take options under their old names, such as ``bank_length="queue_len"``.

    Put this class decorator below ``register_module``.
    """

    def decorate(cls: Class) -> Class:
        init = cls.__init__  # type: ignore[misc]

        @functools.wraps(init)
        def renaming_init(self: Any, *args: Any, **kwargs: Any) -> None:
            for old, new in names.items():
                if old in kwargs:
                    warn_deprecated(f"{cls.__name__}: option {old!r} is now {new!r}")
                    kwargs[new] = kwargs.pop(old)
            init(self, *args, **kwargs)

        cls.__init__ = renaming_init  # type: ignore[misc]
        _add_old_options(cls, names)
        return cls

    return decorate


def moved_options(
    registry: Registry, target: str, *options: str, **values: Any
) -> Callable[[Class], Class]:
    """Let a class take options that a registered subclass has now, by building that one.

    Put this class decorator below ``register_module``.

    Args:
        registry (Registry): Where the subclass is registered.
        target (str): Its registered name.
        *options (str): The options it has and the class has no longer.
        **values (Any): Options of which the class no longer takes this value,
            ``fallback="elbow_wrist_50px"``.
    """

    def decorate(cls: Class) -> Class:
        @functools.wraps(cls.__init__)  # type: ignore[misc]
        def choose_class(asked: type, *args: Any, **kwargs: Any) -> Any:
            moved = [option for option in options if option in kwargs]
            moved += [
                f"{name}={kwargs[name]!r}" for name in values if kwargs.get(name) == values[name]
            ]
            if asked is cls and moved:
                warn_deprecated(f"{cls.__name__}: {', '.join(moved)} moved to type='{target}'")
                asked = registry.get(target)
            return object.__new__(asked)

        cls.__new__ = choose_class  # type: ignore[assignment,method-assign]
        _add_old_options(cls, options)
        return cls

    return decorate


def _add_old_options(cls: Any, names: Iterable[str]) -> None:
    """Tell checks of configs which options a class takes besides those of its constructor."""
    cls.old_options = frozenset(getattr(cls, "old_options", ())) | frozenset(names)
