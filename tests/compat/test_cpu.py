"""Machines without CUDA."""

import functools

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.dist import utils as dist_utils
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper

needs_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="is about machines without CUDA")


@needs_cpu
def test_amp_on_a_cpu_is_bfloat16():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    wrapper = AmpOptimWrapper(optimizer=optimizer, loss_scale="dynamic", clip_grad=dict(max_norm=1))
    before = model.weight.detach().clone()
    with wrapper.optim_context(model):
        out = model(torch.ones(1, 3))
    assert out.dtype == torch.bfloat16
    wrapper.update_params(out.float().sum())
    assert not torch.equal(model.weight, before)
    wrapper.load_state_dict(wrapper.state_dict())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mmaction2s_heads_take_bfloat16_scores(dtype):
    head = MODELS.build(dict(type="GCNHead", num_classes=6, in_channels=4))
    scores = torch.eye(6, dtype=dtype, requires_grad=True)
    samples = [ActionDataSample().set_gt_label(label) for label in range(6)]
    losses = head.loss_by_feat(scores, samples)
    assert losses["top1_acc"] == 1
    expected = torch.nn.functional.cross_entropy(torch.eye(6), torch.arange(6))
    torch.testing.assert_close(losses["loss_cls"], expected)


@needs_cpu
def test_one_gloo_process_without_cuda(monkeypatch):
    """Through mmengine's own start; two processes train in tests/tools/test_train_cli.py."""
    for name, value in dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR="127.0.0.1").items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_PORT", str(free_port()))
    dist_utils.init_dist("pytorch", backend="nccl")
    try:
        assert torch.distributed.get_backend() == "gloo"
        wrapped = MMDistributedDataParallel(module=torch.nn.Linear(2, 2), device_ids=[0])
        assert wrapped(torch.ones(1, 2)).shape == (1, 2)
    finally:
        torch.distributed.destroy_process_group()


@functools.cache
def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
