"""A training step asks its device for nothing: the host can go on while the device computes.

torch's 'meta' device stands for the accelerator: it has shapes but no numbers, so whatever would
make the host wait for one (``item``, ``nonzero``, indexing by a mask) raises there.
"""

from contextlib import nullcontext

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import autocast
from torch.utils._python_dispatch import TorchDispatchMode

from masa_mm.frame_plan import pack_plan, plan_batch, plan_recognition
from masa_mm.structures import SignDataSamples


class Crossings(TorchDispatchMode):
    """Counts the tensors that are copied from the host to 'meta'."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = args[1] if func is torch.ops.aten.copy_.default else args[0]
            self.count += out.is_meta and not source.is_meta
        return out


@pytest.fixture
def on_meta(make_masa, monkeypatch):
    # 'meta' has no autocast to leave.
    monkeypatch.setattr(torch, "autocast", lambda device, enabled: nullcontext())

    def make(deferred=True, **changes):
        model = make_masa(**changes).train()
        updates = model.key_encoder.num_updates
        model = model.to("meta")
        # Known from before the move, after which it is asked once.
        model.key_encoder._num_updates.set(model.key_encoder.steps, updates)
        model.finite_check.deferred = deferred
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])
        return model, OptimWrapper(optimizer)

    return make


def planned(batch):
    """The batch with a plan as the loader's worker makes it."""
    inputs, samples = batch
    return dict(inputs={**inputs, "plan": pack_plan(plan_batch(inputs))}, data_samples=samples)


@pytest.fixture
def finetuning_on_meta(make_recognizer, make_poses):
    """A recogniser, its optimizer and a batch with a plan as the loader's worker makes it."""
    model = make_recognizer(head=dict(pooling="learned", dropout=0.1)).train().to("meta")
    keypoint = make_poses((9, 6))[:, None]
    inputs = dict(keypoint=keypoint, plan=pack_plan(plan_recognition(keypoint)))
    data = dict(inputs=inputs, data_samples=SignDataSamples(labels=torch.tensor([2, 5])))
    return model, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)), data


@pytest.mark.parametrize("lengths", [(9, 6), (7, 7), (8, 3, 1)], ids=str)
@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=str)
def test_a_step_reads_nothing_back(on_meta, make_batch, lengths, dtype):
    model, optim_wrapper = on_meta()
    data = planned(make_batch(lengths))
    with autocast("cpu", dtype, enabled=dtype is not None):
        logged = model.train_step(data, optim_wrapper)
    model.alignment.warmup = 0.5
    model.update_key_encoder()
    assert all(value.is_meta for value in logged.values())
    assert logged["loss_motion"].shape == ()


def test_each_tensor_of_a_batch_crosses_once_and_nothing_else_does(on_meta, make_batch):
    model, optim_wrapper = on_meta()
    data = planned(make_batch())
    with Crossings() as crossings:
        model.train_step(data, optim_wrapper)
        model.update_key_encoder()
    # 7 inputs, labels, clip ids and the plan.
    assert crossings.count == 10


@pytest.mark.parametrize("missing", ["plan", "deferred"])
def test_the_test_would_notice(on_meta, make_batch, missing):
    """Without a plan from the worker, or with losses checked at once, a step does read."""
    model, optim_wrapper = on_meta(deferred=missing != "deferred")
    data = planned(make_batch())
    if missing == "plan":
        del data["inputs"]["plan"]
    with pytest.raises((RuntimeError, NotImplementedError), match=r"[Mm]eta"):
        model.train_step(data, optim_wrapper)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16], ids=str)
def test_a_finetuning_step_reads_nothing_back(finetuning_on_meta, dtype):
    model, optim_wrapper, data = finetuning_on_meta
    with autocast("cpu", dtype, enabled=dtype is not None), Crossings() as crossings:
        logged = model.train_step(data, optim_wrapper)
    assert all(value.is_meta for value in logged.values())
    assert {"loss_cls", "top1_acc"} <= logged.keys()
    # Poses, labels, clip ids and the plan.
    assert crossings.count == 4


def test_the_finetuning_test_would_notice(finetuning_on_meta):
    model, optim_wrapper, data = finetuning_on_meta
    del data["inputs"]["plan"]
    with pytest.raises((RuntimeError, NotImplementedError), match=r"[Mm]eta"):
        model.train_step(data, optim_wrapper)


def test_a_plan_changes_no_result(make_masa, make_batch):
    model = make_masa().eval()
    model.alignment.bank.enqueue(torch.randn(5, 8), torch.arange(5))
    inputs, samples = make_batch((9, 6, 2))
    data = model.data_preprocessor(planned((inputs, samples)))
    found = model(**data, mode="loss")
    for name, value in model(inputs, samples, mode="loss").items():
        assert value.equal(found[name]), name


def test_a_plan_of_another_batch_is_noticed(make_masa, make_batch):
    model = make_masa().eval()
    inputs, samples = make_batch((9, 6))
    fewer, _ = make_batch((3, 2))
    with pytest.raises((RuntimeError, IndexError)):
        model({**inputs, "plan": plan_batch(fewer)}, samples, mode="loss")
