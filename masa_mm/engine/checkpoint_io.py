"""Read and write checkpoints: load all weights or raise an error, write whole files."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.model.weight_init import update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner import CheckpointLoader, Runner
from torch import Tensor, nn

from masa_mm.atomic_write import atomic_write
from masa_mm.engine.run_state import describe_unfit_state
from masa_mm.errors import UserError

# Only weight names of the authors' release contain it; masa_mm.models.reference converts them.
_AUTHORS_NAME = "embed.st_gcn_"
_PARTLY = "; to load the weights that fit and train the rest: --cfg-options load_partly=True"


class CheckpointMismatchError(UserError):
    """A checkpoint that does not fit the module it is loaded into."""


def unwrap_model(runner: Runner) -> nn.Module:
    """The model of a runner without its wrapper for distributed training."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


@register_backend("atomic", force=True)
class AtomicBackend(LocalBackend):
    """File backend that writes to a temporary file and then renames it.

    A run that is killed while it saves a checkpoint thus leaves no truncated file.
    :class:`~masa_mm.engine.DurableCheckpointHook` selects it.
    """

    def put(self, obj: bytes, filepath: str | os.PathLike) -> None:
        """Write bytes to a file."""
        with atomic_write(filepath) as temporary:
            super().put(obj, temporary)


@WEIGHT_INITIALIZERS.register_module()
class StrictPretrained:
    """Initialize a module from a checkpoint; missing, unexpected and misshapen weights are errors.

    mmengine's ``Pretrained`` instead loads the weights that fit and leaves the others random.
    mmengine runs the initializers of child modules after this one, so use it for modules whose
    children have none, such as :class:`~masa_mm.models.MASAEncoder`.

    Args:
        checkpoint (str): Path or URL, as for mmengine's ``CheckpointLoader``.
        prefix (str): Prefix of the weights to load, such as 'backbone.'; it is removed.
        map_location (str): Device to load to.
        except_for (Sequence[str]): Full names of weights of the module that keep their initial
            values, whether or not the checkpoint has them.

    Raises:
        UserError: If ``except_for`` is a string.
    """

    def __init__(
        self,
        checkpoint: str,
        prefix: str = "",
        map_location: str = "cpu",
        except_for: Sequence[str] = (),
    ) -> None:
        if isinstance(except_for, str):
            raise UserError(f"StrictPretrained: except_for is a list of names, got {except_for!r}")
        self.checkpoint = checkpoint
        self.prefix = prefix
        self.map_location = map_location
        self.except_for = tuple(except_for)

    def __call__(self, module: nn.Module) -> None:
        """Load the weights into a module.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointMismatchError: If the checkpoint does not fit the module.
            UserError: If the module lacks a weight of ``except_for``.
        """
        kept = self._kept_weights(module)
        if "://" not in self.checkpoint and not Path(self.checkpoint).is_file():
            raise FileNotFoundError(
                f"{self.checkpoint}: no such checkpoint; pretrain first or set init_cfg.checkpoint"
            )
        weights = self._select(_load_weights(self.checkpoint, self.map_location)) | kept
        problem = describe_mismatch(weights, module.state_dict())
        if problem:
            raise CheckpointMismatchError(
                f"{self.checkpoint} does not fit {type(module).__name__}: {problem}. "
                "Use the model config it was trained with, or another checkpoint"
            )
        module.load_state_dict(weights)
        # mmengine's log of initial weights shows this text.
        if hasattr(module, "_params_init_info"):
            update_init_info(module, f"{type(self).__name__}: load from {self.checkpoint}")
        print_log(
            f"{type(module).__name__}: {len(weights) - len(kept)} weights from {self.checkpoint}"
            + "".join(f", {name} as initialized" for name in kept),
            logger="current",
        )

    def _kept_weights(self, module: nn.Module) -> dict[str, Tensor]:
        own = module.state_dict()
        unknown = [name for name in self.except_for if name not in own]
        if unknown:
            raise UserError(
                f"StrictPretrained: except_for names {', '.join(unknown)}, which "
                f"{type(module).__name__} does not have"
            )
        return {name: own[name] for name in self.except_for}

    def _select(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        selected = {
            name.removeprefix(self.prefix): value
            for name, value in weights.items()
            if name.startswith(self.prefix)
        }
        if not selected:
            raise CheckpointMismatchError(
                f"{self.checkpoint} has no weights whose names start with {self.prefix!r}; its "
                f"names start with {', '.join(sorted({name.split('.')[0] for name in weights}))}"
            )
        return selected


def load_strictly(runner: Runner, *, resume: bool = False, partly: bool | None = None) -> None:
    """Replace ``runner.load_checkpoint`` by a method that raises an error for a mismatch.

    mmengine instead loads the weights that fit, leaves the others random, and resumes from weights
    without an optimizer state as if they had one. The replaced method raises
    :class:`CheckpointMismatchError`.

    Args:
        runner (Runner): The runner to change.
        resume (bool): Whether the checkpoint must also hold the state of a run.
        partly (bool, optional): True loads the weights that fit, logs how many they are, and raises
            an error only if none does. False requires all weights, and the error names the option
            to load a part. None also requires all weights, where no such option exists.
    """
    load = runner.load_checkpoint

    @functools.wraps(load)
    def load_checkpoint(filename: str, *args: Any, **kwargs: Any) -> dict:
        if partly:
            _check_some_fit(runner, filename)
        try:
            checkpoint = load(filename, *args, **{**kwargs, "strict": not partly})
        # RuntimeError for names and shapes, the others for content that is no dict of tensors.
        except (RuntimeError, AttributeError, TypeError):
            _raise_mismatch(runner, filename, "" if partly is None else _PARTLY)
            raise
        if resume:
            _check_run_state(checkpoint, filename, runner)
        return checkpoint

    runner.load_checkpoint = load_checkpoint


def _raise_mismatch(runner: Runner, filename: str, advice: str) -> None:
    weights, expected, name = _weights_and_expected(runner, filename)
    mismatch = describe_mismatch(weights, expected)
    if mismatch:
        raise CheckpointMismatchError(
            f"{filename}: does not fit the config's {name}: {mismatch}. Use the config it was "
            f"trained with, or another checkpoint{advice}"
        ) from None


def _check_some_fit(runner: Runner, filename: str) -> None:
    weights, expected, name = _weights_and_expected(runner, filename)
    fitting = [n for n in expected if n in weights and weights[n].shape == expected[n].shape]
    mismatch = describe_mismatch(weights, expected)
    if not fitting:
        raise CheckpointMismatchError(
            f"{filename}: none of its {len(weights)} weights fits the config's {name}: {mismatch}"
        )
    print_log(
        f"{filename}: loaded partly, {len(fitting)} of the {len(expected)} weights of {name}; "
        f"{mismatch or 'none differs'}",
        logger="current",
        level=logging.WARNING,
    )


def _check_run_state(checkpoint: dict, filename: str, runner: Runner) -> None:
    meta = checkpoint.get("meta")
    state = {**checkpoint, **(meta if isinstance(meta, dict) else {})}
    needed = ["epoch", "iter", "message_hub", "optimizer"]
    needed += ["param_schedulers"] if runner.param_schedulers else []
    missing = [name for name in needed if name not in state]
    if missing:
        raise CheckpointMismatchError(
            f"{filename}: cannot be resumed, it holds weights without {', '.join(missing)}; start "
            f"a new run from them: --cfg-options load_from={filename}"
        )
    unfit = describe_unfit_state(checkpoint, runner)
    if unfit:
        raise CheckpointMismatchError(
            f"{filename}: its state of a run is damaged or does not fit the config: {unfit}. "
            "Resume from another checkpoint (--resume CHECKPOINT), use the config it was trained "
            f"with, or start a new run from its weights: --cfg-options load_from={filename}"
        )


def _weights_and_expected(
    runner: Runner, filename: str
) -> tuple[dict[str, Tensor], dict[str, Tensor], str]:
    """Weights of a checkpoint, those of the runner's model, and the name of its class."""
    model = unwrap_model(runner)
    weights = {name.removeprefix("module."): w for name, w in _load_weights(filename).items()}
    return weights, model.state_dict(), type(model).__name__


def _load_weights(filename: str, map_location: str = "cpu") -> dict[str, Tensor]:
    """Load a checkpoint's 'state_dict', or all of it; raise CheckpointMismatchError for others."""
    checkpoint = CheckpointLoader.load_checkpoint(filename, map_location=map_location)
    is_dict = isinstance(checkpoint, dict)
    weights = checkpoint.get("state_dict", checkpoint) if is_dict else checkpoint
    if not isinstance(weights, dict):
        raise CheckpointMismatchError(
            f"{filename} holds {type(weights).__name__}, not weights by name"
        )
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointMismatchError(
                f"{filename} holds {type(value).__name__} under {name!r}, not weights by name"
            )
    if any(_AUTHORS_NAME in name for name in weights):
        raise CheckpointMismatchError(
            f"{filename} holds the weights of the authors' release under their original names; "
            f"convert it first: python tools/convert_reference_checkpoint.py {filename} OUT.pth"
        )
    return weights


def describe_mismatch(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """Describe in a few words how names and shapes of weights differ; '' if they do not."""
    problems = {
        "missing": [name for name in expected if name not in weights],
        "unexpected": [name for name in weights if name not in expected],
        "of another shape": [
            f"{name} {tuple(weights[name].shape)} for {tuple(value.shape)}"
            for name, value in expected.items()
            if name in weights and weights[name].shape != value.shape
        ],
    }
    return "; ".join(
        f"{len(names)} {what} (first: {names[0]})" for what, names in problems.items() if names
    )
