"""SemanticAlignment: two views of a clip against the bank."""

import math

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict
from torch.nn import functional as F

from masa_mm.models import SemanticAlignment
from masa_mm.models.alignment import Projector


def make(**changes):
    torch.manual_seed(0)
    return SemanticAlignment(
        **{**dict(in_channels=6, hidden_channels=5, out_channels=4, queue_len=6), **changes}
    )


def unit(*shape):
    return F.normalize(torch.randn(*shape), dim=-1)


def test_projector_gives_vectors_of_length_one_also_for_a_clip_without_frames():
    torch.manual_seed(0)
    projector = Projector(6, 5, 4)
    seen = torch.tensor([[True, True, False], [False, False, False]])[..., None]
    out = projector(torch.randn(2, 3, 6), seen)
    torch.testing.assert_close(out.norm(dim=1), torch.ones(2))


def test_projector_ignores_frames_that_are_not_visible():
    projector = Projector(6, 5, 4)
    frames, seen = torch.randn(1, 3, 6), torch.tensor([[[True], [False], [True]]])
    changed = frames.clone()
    changed[0, 1] = 1e3
    assert projector(changed, seen).equal(projector(frames, seen))


def test_loss_by_hand():
    """One clip, its key and a foreign key in the bank; the clip's own older key does not count."""
    alignment = make(temperature=0.5, loss_weight=2.0)
    query, key, foreign, own = unit(4, 4).split(1)
    alignment.bank.enqueue(torch.cat([foreign, own]), torch.tensor([8, 7]))
    losses = alignment(query, key, torch.tensor([7]))
    near, far = (math.exp((query @ other.T).item() / 0.5) for other in (key, foreign))
    assert losses["loss_align"].item() == pytest.approx(
        -2 * math.log(near / (near + far)), rel=1e-4
    )
    assert losses["align_acc"].item() == (near >= far)


def test_gradient_survives_that_the_bank_is_written_before_backward():
    alignment = make()
    alignment.bank.enqueue(unit(6, 4), torch.arange(6))
    start, key, ids = unit(2, 4), unit(2, 4), torch.tensor([10, 11])
    gradients = []
    for write in (False, True):
        query = start.clone().requires_grad_()
        loss = alignment(query, key, ids)["loss_align"]
        if write:
            alignment.bank.enqueue(key, ids)
        loss.backward()
        gradients.append(query.grad)
    assert gradients[0].any()
    assert gradients[0].equal(gradients[1])


def test_the_share_of_lambda_s_is_a_tensor_of_the_device_and_in_no_checkpoint():
    alignment = make()
    alignment.bank.enqueue(unit(6, 4), torch.arange(6))
    views = unit(2, 4), unit(2, 4), torch.tensor([10, 11])
    whole = alignment(*views)["loss_align"]
    alignment.warmup = 0.25
    assert alignment.warmup == 0.25
    torch.testing.assert_close(alignment(*views)["loss_align"], 0.25 * whole)
    assert not any("warmup" in name for name in alignment.state_dict())
    assert alignment.to("meta")._warmup.is_meta


def test_a_weight_of_zero_leaves_zero_gradients_not_none():
    """lambda_s starts at 0, and DistributedDataParallel waits for every gradient."""
    alignment = make(loss_weight=0.0)
    alignment.bank.enqueue(unit(6, 4), torch.arange(6))
    query = alignment.projector(torch.randn(2, 3, 6), torch.ones(2, 3, 3, dtype=torch.bool))
    alignment(query, unit(2, 4), torch.tensor([10, 11]))["loss_align"].backward()
    assert all(p.grad is not None and not p.grad.any() for p in alignment.projector.parameters())


@pytest.mark.parametrize("temperature", [0, -0.1])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match=str(temperature)):
        make(temperature=temperature)


def test_a_clips_own_older_keys_count_where_nothing_excludes_them():
    alignment = make(temperature=0.5, loss_weight=1.0, exclude_own=False)
    query, key, own = unit(3, 4).split(1)
    alignment.bank.enqueue(own, torch.tensor([7]))
    found = alignment(query, key, torch.tensor([7]))["loss_align"].item()
    near, far = (math.exp((query @ other.T).item() / 0.5) for other in (key, own))
    assert found == pytest.approx(-math.log(near / (near + far)), rel=1e-4)
    assert make()(query, key, torch.tensor([7]))["loss_align"].item() == 0


def test_projector_pools_as_it_is_told():
    projector = Projector(6, 5, 4, pooling=dict(type="ReferencePooling"))
    frames, seen = torch.randn(2, 3, 6), torch.rand(2, 3, 3) < 0.7
    pooled = projector.pooling(frames, seen)
    assert pooled.shape == (2, 2)
    expected = projector.out(torch.relu(projector.hidden(pooled)))
    torch.testing.assert_close(projector.project(frames, seen), expected)
    torch.testing.assert_close(projector(frames, seen), F.normalize(expected, dim=-1))


def test_a_width_that_is_not_of_three_parts_is_refused():
    with pytest.raises(ValueError, match="3 x a part's, got 7"):
        make(in_channels=7)


def test_a_projector_of_release_0_1_is_loaded():
    """Its layers were numbers, in the query branch and in the momentum copy."""
    model = torch.nn.ModuleDict(dict(projector=Projector(6, 5, 4, pooling="learned")))
    state = model.state_dict()
    old = {
        name.replace("hidden.", "0.").replace("out.", "2."): torch.rand(value.shape)
        for name, value in state.items()
    }
    assert {"projector.0.weight", "projector.2.bias"} <= old.keys()
    model.load_state_dict(old)
    for value, expected in zip(model.state_dict().values(), old.values(), strict=True):
        assert value.equal(expected)
    load_state_dict(model, old, strict=True)  # mmengine's


def test_the_old_name_of_the_queues_length():
    with pytest.warns(FutureWarning, match="'bank_length' is now 'queue_len'"):
        alignment = SemanticAlignment(in_channels=6, bank_length=7)
    assert len(alignment.bank) == 7
