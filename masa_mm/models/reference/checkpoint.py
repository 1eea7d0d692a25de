"""Conversion of the checkpoints of the authors' release to weights of the reference preset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from masa_mm.compat import CheckpointError, load_from_local
from masa_mm.models.alignment.memory_bank import UNKNOWN
from masa_mm.models.reference.checkpoint_names import Source, source_of, unused_names

PREFIX = "module."

# State that the authors' checkpoint lacks: the momentum copy has been updated, and the clips of the
# bank's keys are unknown.
_ADDED = {"key_encoder.steps": 1, "alignment.bank.clip_ids": UNKNOWN}


class ReferenceReport(NamedTuple):
    """How each name of a checkpoint was converted, without a data-parallel prefix.

    Attributes:
        mapped (dict): The shape of each tensor that was used, and our names that it became.
        unused (dict): Shapes of tensors that take no part in the forward pass; they are not kept.
        missing (dict): Shapes of tensors that the checkpoint lacks.
        unexpected (dict): Shapes of unknown tensors.
        misshapen (dict): Descriptions of tensors that do not fit.
    """

    mapped: dict[str, tuple[tuple[int, ...], list[str]]]
    unused: dict[str, tuple[int, ...]]
    missing: dict[str, tuple[int, ...] | None]
    unexpected: dict[str, tuple[int, ...]]
    misshapen: dict[str, str]

    @property
    def problem(self) -> str:
        """Describe in a few words what is wrong; '' if nothing is."""
        names = dict(missing=list(self.missing), unexpected=list(self.unexpected))
        found = [f"{len(n)} {what} (first: {n[0]})" for what, n in names.items() if n]
        if self.misshapen:
            name, text = next(iter(self.misshapen.items()))
            found.append(f"{len(self.misshapen)} that do not fit (first: {name} {text})")
        return "; ".join(found)

    def lines(self) -> Iterator[str]:
        """List every name, one per line."""
        for name, (shape, ours) in self.mapped.items():
            yield f"mapped      {name} {shape} -> {', '.join(ours)}"
        for name, shape in self.unused.items():
            yield f"unused      {name} {shape}"
        for name, expected in self.missing.items():
            yield f"missing     {name} {expected or ''}".rstrip()
        for name, shape in self.unexpected.items():
            yield f"unexpected  {name} {shape}"
        for name, text in self.misshapen.items():
            yield f"does not fit {name} {text}"


def read_reference(path: str | Path) -> tuple[dict[str, Tensor], int | None]:
    """Read a checkpoint of the authors' release as data, without executing anything of it.

    Args:
        path (str | Path): A dict with the weights under 'state_dict', or the weights themselves;
            their names may have the data-parallel prefix 'module.'.

    Returns:
        tuple: Weights by name, without prefix, and the epoch if the file states it.

    Raises:
        FileNotFoundError: If there is no such file.
        CheckpointError: If the file is damaged, holds more than data, or is no such checkpoint.
    """
    checkpoint = load_from_local(path, map_location="cpu")
    weights: Any = None
    if isinstance(checkpoint, dict):
        weights = checkpoint.get("state_dict", checkpoint)
    problem = _not_weights(weights)
    if problem:
        raise CheckpointError(f"{path}: {problem}, so it is no checkpoint of the authors' release")
    epoch = checkpoint.get("epoch")
    weights = {name.removeprefix(PREFIX): value for name, value in weights.items()}
    return weights, epoch if isinstance(epoch, int) else None


def _not_weights(weights: Any) -> str:
    """Describe why these are not tensors by name, with or without the prefix; '' if they are."""
    if not isinstance(weights, dict) or not weights:
        return "holds no weights by name"
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            return f"{name!r} is {type(value).__name__}, not a tensor by name"
    prefixed = sum(name.startswith(PREFIX) for name in weights)
    if 0 < prefixed < len(weights):
        return f"{prefixed} of {len(weights)} names begin with {PREFIX!r}, it must be all or none"
    return ""


def convert_reference(
    weights: dict[str, Tensor], state: dict[str, Tensor]
) -> tuple[dict[str, Tensor], ReferenceReport]:
    """Turn the authors' weights into those of the reference preset.

    Args:
        weights (dict): Their weights, names without a data-parallel prefix.
        state (dict): The state of our ``MASA``; its values may be on torch's 'meta' device.

    Returns:
        tuple: Our weights, with the names and dtypes of ``state``, and a :class:`ReferenceReport`.
            The weights are empty if the report has a ``problem``.
    """
    sources = {name: source_of(name, state) for name in state if name not in _ADDED}
    report = _compare(weights, sources, state)
    if report.problem:
        return {}, report
    converted = {
        name: source.make([weights[theirs] for theirs in source.names])
        .to(state[name].dtype)
        .contiguous()
        .clone()
        for name, source in sources.items()
    }
    for name, value in _ADDED.items():
        converted[name] = torch.full(state[name].shape, value, dtype=state[name].dtype)
    return {name: converted[name] for name in state}, report


def _compare(
    weights: dict[str, Tensor], sources: dict[str, Source], state: dict[str, Tensor]
) -> ReferenceReport:
    expected: dict[str, tuple[tuple[int, ...], list[str]]] = {}
    misshapen = {}
    for ours, source in sources.items():
        for theirs in source.names:
            expected.setdefault(theirs, (source.shape, []))[1].append(ours)
            if theirs in weights:
                text = _mismatch(weights[theirs], source.shape, state[ours])
                misshapen.update({theirs: text} if text else {})
    unused = unused_names(expected)
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    return ReferenceReport(
        mapped={name: entry for name, entry in expected.items() if name in weights},
        unused={name: shape for name, shape in shapes.items() if name in unused},
        missing={
            **{name: shape for name, (shape, _) in expected.items() if name not in weights},
            **{name: None for name in sorted(unused) if name not in weights},
        },
        unexpected={
            name: shape
            for name, shape in shapes.items()
            if name not in expected and name not in unused
        },
        misshapen=misshapen,
    )


def _mismatch(value: Tensor, shape: tuple[int, ...], ours: Tensor) -> str:
    """Describe in a few words what is wrong with their tensor; '' if nothing is."""
    if tuple(value.shape) != shape:
        return f"{tuple(value.shape)} for {shape}"
    if value.is_floating_point() != ours.is_floating_point() or value.is_complex():
        return f"of {value.dtype}"
    if value.is_floating_point() and not bool(value.isfinite().all()):
        return "not finite"
    return ""
