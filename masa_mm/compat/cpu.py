"""Repair distributed training and mixed precision on machines without CUDA."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest import mock


def distributed_without_cuda() -> bool:
    """Let distributed runs start with gloo where the config asks for nccl.

    Three calls fail on a CPU. ``init_dist`` calls ``torch.cuda.set_device`` and starts nccl, both
    of which raise ``RuntimeError``. ``Runner.wrap_model`` passes ``device_ids=[LOCAL_RANK]``, for
    which ``DistributedDataParallel`` raises ``ValueError``.
    Upstream: no report found.
    """
    from mmengine.dist import utils
    from mmengine.model import MMDistributedDataParallel

    if _has_accelerator():
        return False
    for name in ("_init_dist_pytorch", "_init_dist_mpi", "_init_dist_slurm"):
        setattr(utils, name, _with_gloo(getattr(utils, name)))
    init = MMDistributedDataParallel.__init__

    @functools.wraps(init)
    def init_on_cpu(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        init(self, module, *args, **{**kwargs, "device_ids": None, "output_device": None})

    MMDistributedDataParallel.__init__ = init_on_cpu
    return True


def _with_gloo(init_dist: Callable) -> Callable:
    @functools.wraps(init_dist)
    def init_with_gloo(backend: str, *args: Any, **kwargs: Any) -> None:
        with mock.patch("torch.cuda.set_device"):
            init_dist("gloo" if backend == "nccl" else backend, *args, **kwargs)

    return init_with_gloo


def amp_without_cuda() -> bool:
    """Let ``AmpOptimWrapper`` train in bfloat16 on a CPU.

    Its constructor raises ``AssertionError`` without an accelerator, though torch has autocast to
    bfloat16 on CPUs.
    Upstream: https://github.com/open-mmlab/mmpretrain/issues/1556
    """
    import torch
    from mmengine.logging import print_log
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    if _has_accelerator():
        return False

    @functools.wraps(AmpOptimWrapper.__init__)
    def init_on_cpu(
        self: Any,
        loss_scale: Any = "dynamic",
        dtype: Any = None,
        use_fsdp: bool = False,
        **kwargs: Any,
    ) -> None:
        OptimWrapper.__init__(self, **kwargs)
        if dtype not in (None, "bfloat16", torch.bfloat16):
            print_log(f"AmpOptimWrapper: no {dtype} on a CPU, bfloat16 is used", "current", 30)
        # bfloat16 has the range of float32, so losses need no scaling.
        self.loss_scaler = torch.amp.GradScaler(enabled=False)
        self.cast_dtype, self._scale_update_param = torch.bfloat16, None

    AmpOptimWrapper.__init__ = init_on_cpu
    return True


def bfloat16_scores() -> bool:
    """Compute the losses of mmaction2's heads from float32 scores under autocast to bfloat16.

    ``BaseHead.loss_by_feat`` converts the scores to numpy, which raises ``TypeError: Got
    unsupported ScalarType BFloat16``.
    Upstream: no report found.
    """
    import torch
    from mmaction.models.heads import BaseHead

    loss_by_feat = BaseHead.loss_by_feat

    @functools.wraps(loss_by_feat)
    def loss_of_float_scores(self: Any, cls_scores: Any, *args: Any, **kwargs: Any) -> dict:
        if cls_scores.dtype == torch.bfloat16:
            cls_scores = cls_scores.float()
        return loss_by_feat(self, cls_scores, *args, **kwargs)

    BaseHead.loss_by_feat = loss_of_float_scores
    return True


def _has_accelerator() -> bool:
    from mmengine.device import get_device

    return get_device() not in ("cpu", "mps")
