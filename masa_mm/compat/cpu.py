"""Machines without CUDA."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any
from unittest import mock

from masa_mm.compat.workarounds import workaround


@workaround("open-mmlab/mmengine (unreported): distributed start needs CUDA and NCCL")
def distributed_without_cuda() -> bool:
    import torch
    from mmengine.dist import utils

    if _has_accelerator():
        return False
    for name in ("_init_dist_pytorch", "_init_dist_mpi", "_init_dist_slurm"):
        setattr(utils, name, _start_with_gloo(getattr(utils, name), torch.cuda))
    return True


def _start_with_gloo(init: Callable, cuda: types.ModuleType) -> Callable:
    @functools.wraps(init)
    def init_with_gloo(backend: str, *args: Any, **kwargs: Any) -> None:
        with mock.patch.object(cuda, "set_device", lambda device: None):
            init("gloo" if backend == "nccl" else backend, *args, **kwargs)

    return init_with_gloo


@workaround("open-mmlab/mmengine (unreported): DistributedDataParallel gets device_ids on a CPU")
def ddp_without_cuda() -> bool:
    from mmengine.model import MMDistributedDataParallel

    if _has_accelerator():
        return False
    init = MMDistributedDataParallel.__init__

    @functools.wraps(init)
    def init_on_cpu(self, module: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.update(device_ids=None, output_device=None)
        init(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = init_on_cpu
    return True


@workaround("open-mmlab/mmengine (unreported): AmpOptimWrapper refuses CPUs, which have bfloat16")
def amp_without_cuda() -> bool:
    import torch
    from mmengine.logging import print_log
    from mmengine.optim import AmpOptimWrapper, OptimWrapper

    if _has_accelerator():
        return False

    @functools.wraps(AmpOptimWrapper.__init__)
    def init_on_cpu(
        self, loss_scale: Any = "dynamic", dtype: Any = None, use_fsdp: bool = False, **kwargs: Any
    ) -> None:
        OptimWrapper.__init__(self, **kwargs)
        if dtype not in (None, "bfloat16", torch.bfloat16):
            print_log(f"AmpOptimWrapper: no {dtype} on a CPU, bfloat16 is used", "current", 30)
        # bfloat16 has float32's range: nothing to scale.
        self.loss_scaler = torch.amp.GradScaler("cpu", enabled=False)
        self.cast_dtype, self._scale_update_param = torch.bfloat16, None

    AmpOptimWrapper.__init__ = init_on_cpu
    return True


@workaround("open-mmlab/mmaction2 (unreported): heads make numpy arrays of bfloat16 scores")
def bfloat16_scores() -> bool:
    import torch
    from mmaction.models.heads import BaseHead

    loss_by_feat = BaseHead.loss_by_feat

    @functools.wraps(loss_by_feat)
    def loss_of_numbers_numpy_has(self, cls_scores: Any, *args: Any, **kwargs: Any) -> dict:
        if cls_scores.dtype == torch.bfloat16:
            cls_scores = cls_scores.float()
        return loss_by_feat(self, cls_scores, *args, **kwargs)

    BaseHead.loss_by_feat = loss_of_numbers_numpy_has
    return True


def _has_accelerator() -> bool:
    from mmengine.device import get_device

    return get_device() not in ("cpu", "mps")
