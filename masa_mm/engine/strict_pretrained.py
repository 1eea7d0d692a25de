"""Weights of a pretrained module, all of them or an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model.weight_init import update_init_info
from mmengine.registry import WEIGHT_INITIALIZERS
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from masa_mm.errors import UserError

# What only the authors' names have (see masa_mm.models.reference, which maps them).
_AUTHORS_PART = "embed.st_gcn_"


class CheckpointMismatchError(UserError):
    """A checkpoint that does not fit the module it is loaded into."""


@WEIGHT_INITIALIZERS.register_module()
class StrictPretrained:
    """Initialises a module from a checkpoint and accepts no missing, extra or misshapen weight.

    mmengine's ``Pretrained`` loads what happens to fit and trains on with the rest left random.
    Note that mmengine runs the initialisers of child modules after this one; it is meant for
    modules whose children have none, such as :class:`~masa_mm.models.MASAEncoder`.

    Args:
        checkpoint (str): Path or URL, as mmengine's ``CheckpointLoader`` takes it.
        prefix (str): Start of the names to load, e.g. 'backbone.'.
        map_location (str): Device to load to.
        except_for (sequence of str): The module's weights, by full name, that stay as its config
            initialises them, whatever the checkpoint holds.
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
        """Load the weights.

        Raises:
            FileNotFoundError: If there is no such file.
            CheckpointMismatchError: If the checkpoint does not fit.
            UserError: If ``except_for`` names what the module does not have.
        """
        kept = self._kept(module)
        if "://" not in self.checkpoint and not Path(self.checkpoint).is_file():
            raise FileNotFoundError(
                f"{self.checkpoint}: no such checkpoint; pretrain first or set init_cfg.checkpoint"
            )
        checkpoint = CheckpointLoader.load_checkpoint(
            self.checkpoint, map_location=self.map_location
        )
        weights = self._select(weights_by_name(checkpoint, self.checkpoint)) | kept
        problem = describe_mismatch(weights, module.state_dict())
        if problem:
            raise CheckpointMismatchError(
                f"{self.checkpoint} does not fit {type(module).__name__}: {problem}. "
                "Use the model config it was trained with, or another checkpoint"
            )
        module.load_state_dict(weights)
        # By it mmengine's log of initial weights names their source.
        if hasattr(module, "_params_init_info"):
            update_init_info(module, f"{type(self).__name__}: load from {self.checkpoint}")
        print_log(
            f"{type(module).__name__}: {len(weights) - len(kept)} weights from {self.checkpoint}"
            + "".join(f", {name} as initialised" for name in kept),
            logger="current",
        )

    def _kept(self, module: nn.Module) -> dict[str, Tensor]:
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
                f"{self.checkpoint} has no weights whose names begin with {self.prefix!r}; it has "
                f"{', '.join(sorted({name.split('.')[0] for name in weights}))}"
            )
        return selected


def weights_by_name(checkpoint: Any, filename: str) -> dict[str, Tensor]:
    """The weights of a checkpoint that was read: under 'state_dict', or the checkpoint itself.

    Raises:
        CheckpointMismatchError: It holds anything else, or the authors' release as it is.
    """
    weights = checkpoint.get("state_dict", checkpoint) if isinstance(checkpoint, dict) else None
    if not isinstance(weights, dict):
        held = checkpoint if weights is None else weights
        raise CheckpointMismatchError(
            f"{filename} holds {type(held).__name__}, not weights by name"
        )
    for name, value in weights.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise CheckpointMismatchError(
                f"{filename} holds {type(value).__name__} under {name!r}, not weights by name"
            )
    if any(_AUTHORS_PART in name for name in weights):
        raise CheckpointMismatchError(
            f"{filename} holds the weights of the authors' release under their own names; convert "
            f"it first: python tools/convert_reference_checkpoint.py {filename} OUT.pth"
        )
    return weights


def describe_mismatch(weights: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Say in a few words how the weights differ from the wanted ones; '' if they do not."""
    problems = [
        _count("missing", [name for name in wanted if name not in weights]),
        _count("unexpected", [name for name in weights if name not in wanted]),
        _count(
            "of another shape",
            [
                f"{name} {tuple(weights[name].shape)} for {tuple(value.shape)}"
                for name, value in wanted.items()
                if name in weights and weights[name].shape != value.shape
            ],
        ),
    ]
    return "; ".join(filter(None, problems))


def _count(what: str, names: list[str]) -> str:
    return f"{len(names)} {what} (first: {names[0]})" if names else ""
