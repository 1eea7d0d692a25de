"""Check a config before anything of it is built: its sections, names, options and numbers."""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from mmengine.config import Config
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from masa_mm.apis.number_rules import check_numbers
from masa_mm.apis.registered import SCOPES, all_options, nearest, options_of, registered
from masa_mm.errors import UserError

# Sections that mmengine takes all together or not at all.
GROUPS = (
    ("train_dataloader", "train_cfg", "optim_wrapper"),
    ("val_dataloader", "val_cfg", "val_evaluator"),
    ("test_dataloader", "test_cfg", "test_evaluator"),
)
LISTS = ("val_evaluator", "test_evaluator", "param_scheduler", "custom_hooks", "vis_backends")
KINDS: dict[str, tuple[type, ...]] = {
    **{name: (dict,) for group in GROUPS for name in group},
    **dict.fromkeys(("model", "default_hooks", "env_cfg", "auto_scale_lr", "randomness"), (dict,)),
    **dict.fromkeys(("log_processor", "visualizer"), (dict,)),
    **dict.fromkeys(("val_evaluator", "test_evaluator", "param_scheduler"), (dict, list, tuple)),
    "custom_hooks": (list, tuple),
    "load_from": (str,),
    "work_dir": (str,),
    "default_scope": (str,),
    "experiment_name": (str,),
}
OPTIONAL = ("cls_head", "neck", "motion_loss", "alignment", "data_preprocessor")
MODEL_PARTS = ("backbone", "decoder", *OPTIONAL)
COMPONENTS = (*KINDS, "data_preprocessor", "model_wrapper_cfg")
# Keys of configs with a type that mmengine itself takes.
OF_BUILDERS = {"type", "_scope_", "_delete_", "priority", "constructor", "paramwise_cfg"}
OF_BUILDERS |= {"convert_to_iter_based", "optimizer", "loss_scale"}
OF_LOADERS = {"dataset", "num_batch_per_epoch", "disable_subprocess_warning"}
# What the launchers set for each process.
LAUNCHERS = dict(
    pytorch=(("RANK",), "needs torchrun: use tools/dist_train.sh, dist_test.sh"),
    slurm=(
        ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_NODELIST"),
        "needs a Slurm job: use tools/slurm_train.sh, or leave --launcher out",
    ),
    mpi=(
        ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
        "needs Open MPI: start it by mpirun, or leave --launcher out",
    ),
)


def check_launcher(launcher: str) -> None:
    """Check that the launcher has started this process.

    Raises:
        UserError: If it has not.
    """
    variables, advice = LAUNCHERS.get(launcher, ((), ""))
    missing = [name for name in variables if name not in os.environ]
    if missing:
        raise UserError(f"--launcher {launcher} {advice} ({', '.join(missing)} is not set)")


def check_config(cfg: Config) -> None:
    """Check what can be known of a config without building it.

    Raises:
        UserError: If it lacks a section, or a section, name, option or number is wrong.
    """
    where = cfg.filename or "config"
    check_kinds(cfg)
    _check_parts(cfg, where)
    _check_spelling(cfg, where)
    _check_groups(cfg, where)
    for name in (group[0] for group in GROUPS):
        _check_loader(cfg.get(name), f"{where}: {name}")
    check_numbers(cfg, where)
    _check_optimizer(cfg.get("optim_wrapper") or {}, f"{where}: optim_wrapper")
    if _check_scope(cfg, where) in SCOPES:
        for name in COMPONENTS:
            for path, part in _dicts(cfg.get(name), name):
                _check_component(part, f"{where}: {path}")


def check_kinds(cfg: Config) -> None:
    """Check that the sections are dicts, lists or names, before options are applied to them.

    Raises:
        UserError: If one is of another kind.
    """
    where = cfg.filename or "config"
    for name, kinds in KINDS.items():
        value = cfg.get(name)
        if value is not None and not isinstance(value, kinds):
            words = " or ".join(kind.__name__ for kind in kinds)
            raise UserError(f"{where}: {name} must be a {words}, got {value!r}")


def _check_parts(cfg: Config, where: str) -> None:
    if cfg.get("model") is None:
        raise UserError(f"{where}: has no model; inherit a config that has one, or add it")
    for name in MODEL_PARTS:
        part = cfg.model.get(name)
        if name in cfg.model and not (
            isinstance(part, dict) or (part is None and name in OPTIONAL)
        ):
            raise UserError(f"{where}: model.{name} must be a dict, got {part!r}")
        # A model of the user's may build its other parts itself.
        if name == "backbone" and isinstance(part, dict) and "type" not in part:
            raise UserError(f"{where}: model.{name} has no type; add the name of its class")
    for name in LISTS:
        value = cfg.get(name)
        for number, part in enumerate(value if isinstance(value, list | tuple) else ()):
            if isinstance(part, str | int | float | None):
                raise UserError(f"{where}: {name}[{number}] must be a dict, got {part!r}")
    for name, part in (cfg.get("default_hooks") or {}).items():
        if isinstance(part, str | int | float | list):
            raise UserError(f"{where}: default_hooks.{name} must be a dict or None, got {part!r}")


def _check_spelling(cfg: Config, where: str) -> None:
    """Name a section that mmengine would ignore because its name is misspelt."""
    known = set(inspect.signature(Runner.__init__).parameters) - {"self", "cfg"}
    absent = [name for name in known if name not in cfg]
    for name in cfg:
        close = [] if name in known else difflib.get_close_matches(name, absent, 1, 0.88)
        if close:
            raise UserError(f"{where}: {name} is no section of a config; is it {close[0]}?")


def _check_groups(cfg: Config, where: str) -> None:
    for group in GROUPS:
        missing = [name for name in group if cfg.get(name) is None]
        if missing and len(missing) < len(group):
            present = ", ".join(name for name in group if name not in missing)
            raise UserError(
                f"{where}: has {present} but no {', '.join(missing)}; they belong together: give "
                "all of them, or set all to None"
            )
    if cfg.get("param_scheduler") is not None and cfg.get("optim_wrapper") is None:
        raise UserError(f"{where}: has param_scheduler but no optim_wrapper; add or remove one")


def _check_loader(loader: Any, where: str) -> None:
    if loader is None:
        return
    if not isinstance(loader.get("dataset"), dict):
        raise UserError(f"{where}.dataset must be a dict, got {loader.get('dataset')!r}")
    samplers = [name for name in ("sampler", "batch_sampler") if loader.get(name)]
    if not samplers:
        raise UserError(f"{where} needs a sampler: sampler=dict(type='DefaultSampler', ...)")
    for name in ("sampler", "batch_sampler", "collate_fn", "worker_init_fn"):
        value = loader.get(name)
        if name in loader and not (isinstance(value, dict) or callable(value) or value is None):
            raise UserError(f"{where}.{name} must be a dict with a type, got {value!r}")
    if "batch_size" not in loader:
        raise UserError(f"{where} has no batch_size; set it to a number of clips")
    known = set(inspect.signature(DataLoader.__init__).parameters) - {"self"} | OF_LOADERS
    _refuse_unknown(set(loader) - {"_delete_", "_scope_"}, known, where)


def _check_optimizer(wrapper: dict, where: str) -> None:
    """Check what mmengine reads first when it steps, or multiplies without looking."""
    optimizer, clip = wrapper.get("optimizer"), wrapper.get("clip_grad")
    if isinstance(optimizer, dict) and "type" not in optimizer:
        raise UserError(f"{where}.optimizer has no type; name its class, such as 'AdamW'")
    if isinstance(optimizer, dict) and wrapper.get("paramwise_cfg") and "lr" not in optimizer:
        raise UserError(f"{where}.optimizer has no lr; set the learning rate")
    keys = (wrapper.get("paramwise_cfg") or {}).get("custom_keys") or {}
    for name, options in keys.items() if isinstance(keys, dict) else ():
        if not isinstance(options, dict):
            raise UserError(
                f"{where}.paramwise_cfg.custom_keys.{name} must be a dict with lr_mult or "
                f"decay_mult, got {options!r}"
            )
    if not isinstance(clip, dict):
        return
    by_value = clip.get("type") == "value"
    clipping = torch.nn.utils.clip_grad_value_ if by_value else torch.nn.utils.clip_grad_norm_
    known = set(inspect.signature(clipping).parameters) - {"parameters"} | {"type"}
    _refuse_unknown(set(clip) - {"_delete_"}, known, f"{where}.clip_grad")


def _check_scope(cfg: Config, where: str) -> Any:
    """Return the scope whose registries the config uses."""
    scope = cfg.get("default_scope") or "mmengine"
    if importlib.util.find_spec(scope.partition(".")[0]) is None:
        raise UserError(f"{where}: default_scope {scope!r} is no installed package; use 'mmaction'")
    return scope


def _dicts(value: Any, path: str) -> Iterator[tuple[str, dict]]:
    """Yield the dicts in a part of a config, with their paths."""
    if isinstance(value, dict):
        yield path, value
        for key, child in value.items():
            yield from _dicts(child, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for number, child in enumerate(value):
            yield from _dicts(child, f"{path}[{number}]")


def _check_component(part: dict, where: str) -> None:
    kind = part.get("type")
    _check_pipeline(part, where)
    if "type" not in part or part.get("_scope_") not in (None, *SCOPES):
        return
    if isinstance(kind, str):
        scope = kind.partition(".")[0] if "." in kind else ""
        candidates = registered(kind)
        if not candidates and (not scope or scope in SCOPES or not _is_module(scope)):
            raise UserError(f"{where}: type {kind!r} is not registered; {nearest(kind)}")
        if not candidates:
            raise UserError(f"{where}: type {kind!r} does not exist in the module {scope}")
    elif callable(kind):
        candidates = [kind]
    else:
        raise UserError(f"{where}: type must be a registered name, got {kind!r}")
    _check_options(part, candidates, where)


def _check_pipeline(part: dict, where: str) -> None:
    """Check that each step of a pipeline is a dict or a function."""
    for name in ("pipeline", "key"):
        steps = part.get(name)
        if name not in part or (name == "key" and part.get("type") != "AlignmentViews"):
            continue
        if not isinstance(steps, list | tuple):
            raise UserError(f"{where}.{name} must be a list of transforms, got {steps!r}")
        for number, step in enumerate(steps):
            if not (callable(step) or isinstance(step, dict)):
                raise UserError(f"{where}.{name}[{number}] must be a transform, got {step!r}")


def _is_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _check_options(part: dict, candidates: list[Callable], where: str) -> None:
    """Refuse an option that none of the classes of a name takes."""
    given = set(part) - OF_BUILDERS
    unknown = []
    for built in candidates:
        known = options_of(built)
        if known is None or given <= known:
            return
        unknown.append((len(given - known), getattr(built, "__name__", str(built)), built, known))
    _, name, built, known = min(unknown, key=lambda item: item[:2])
    shown = set(all_options(built)) if inspect.isclass(built) else known
    _refuse_unknown(given, shown | known, f"{where}: {name}")


def _refuse_unknown(given: set[str], known: set[str], where: str) -> None:
    for name in sorted(given - known, key=str):
        close = difflib.get_close_matches(str(name), known, 1)
        hint = f" (is it {close[0]}?)" if close else ""
        options = ", ".join(sorted(known)) or "none"
        raise UserError(f"{where} has no option {name!r}{hint}; its options: {options}")
