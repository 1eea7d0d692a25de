"""Repair the inferencers of the MM stack for recognisers of poses."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from masa_mm.errors import UserError

# Transforms that need poses or make a network's input of them.
POSE_TRANSFORMS = {"PoseDecode", "FormatGCNInput", "GeneratePoseTarget", "PackSignInputs"}


def inferencer_collate_options() -> bool:
    """Let inferencers read ``collate_fn=dict(type=...)`` from a config, as the ``Runner`` does.

    ``BaseInferencer._init_collate`` takes only a name, which the ``Runner`` in turn refuses. For a
    dict it raises ``TypeError: The key argument of `Registry.get` must be a str``.
    Upstream: no report found.
    """
    from mmengine.infer import BaseInferencer
    from mmengine.registry import FUNCTIONS

    init_collate = BaseInferencer._init_collate

    @functools.wraps(init_collate)
    def init_collate_with_options(self: Any, cfg: Any) -> Callable:
        collate = (cfg.get("test_dataloader") or {}).get("collate_fn")
        if not isinstance(collate, dict):
            return init_collate(self, cfg)
        options = dict(collate)
        kind = options.pop("type")
        return functools.partial(FUNCTIONS.get(kind) if isinstance(kind, str) else kind, **options)

    BaseInferencer._init_collate = init_collate_with_options
    return True


def action_inferencer_of_poses() -> bool:
    """Let ``ActionRecogInferencer`` refuse videos for a recogniser of poses when it is built.

    For videos, frames and arrays it replaces any transform named ``*Decode``, so also
    ``PoseDecode``, by a video decoder. Every skeleton config then fails in the first call, with
    ``KeyError: 'keypoint'`` or for a missing video reader. With ``input_format='dict'``, which its
    documentation omits, it takes annotations of poses and works.
    Upstream: no report found.
    """
    from mmaction.apis.inferencers import ActionRecogInferencer

    init_pipeline = ActionRecogInferencer._init_pipeline

    @functools.wraps(init_pipeline)
    def init_pipeline_of_poses(self: Any, cfg: Any) -> Any:
        _check_input(self.input_format, cfg)
        return init_pipeline(self, cfg)

    ActionRecogInferencer._init_pipeline = init_pipeline_of_poses
    return True


def inference_of_pretrained_models() -> bool:
    """Let ``inference_recognizer`` and ``inference_skeleton`` refuse a config without a test.

    They read ``model.cfg.test_pipeline``, which a config of pretraining has no use for, and raise
    ``AttributeError: 'ConfigDict' object has no attribute 'test_pipeline'``.
    Upstream: no report found.
    """
    import mmaction.apis
    from mmaction.apis import inference

    for name in ("inference_recognizer", "inference_skeleton"):
        function = getattr(inference, name, None)  # inference_skeleton came with mmaction2 1.2
        if function is not None:
            checked = _with_pipeline(function, inspect.signature(function))
            setattr(inference, name, checked)
            setattr(mmaction.apis, name, checked)
    return True


def _with_pipeline(function: Callable, signature: inspect.Signature) -> Callable:
    @functools.wraps(function)
    def with_pipeline(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        config = getattr(given["model"], "cfg", None)
        if given.get("test_pipeline") is None and "test_pipeline" not in (config or {}):
            raise UserError(
                f"{function.__name__}: the config has no test_pipeline. A pretraining model has no "
                "classes: give the config and checkpoint of its finetuning; or give test_pipeline="
            )
        return function(*args, **kwargs)

    return with_pipeline


def _check_input(input_format: str, cfg: Any) -> None:
    if not cfg.get("test_dataloader"):
        raise UserError(
            "ActionRecogInferencer: the config has no test_dataloader. A pretraining model has no "
            "classes: give the config and checkpoint of its finetuning"
        )
    kinds = (step["type"] for step in cfg.test_dataloader.dataset.get("pipeline", ()))
    steps = {getattr(kind, "__name__", kind) for kind in kinds}  # a name or a class
    if input_format != "dict" and steps & POSE_TRANSFORMS:
        raise UserError(
            f"ActionRecogInferencer: input_format={input_format!r} is for videos, but "
            f"{cfg.model.type} recognises poses. Give input_format='dict' and annotations with "
            "'keypoint' and 'keypoint_score', or use mmaction.apis.inference_skeleton"
        )
