"""MomentumEncoder: an average of weights and of BatchNorm statistics, computed by hand."""

import copy
import io

import pytest
import torch
from torch import nn

from masa_mm.errors import UserError
from masa_mm.models.alignment import MomentumEncoder

from toys.model_cases import make_module, move


def by_hand(key, query, momentum):
    """Weights by mu; statistics by a plain mean until it is as slow as mu."""
    updates = int(key.steps)

    def mu(name):
        return min(momentum, updates / (updates + 1)) if "running" in name else momentum

    return {
        name: mu(name) * value + (1 - mu(name)) * query.state_dict()[name]
        for name, value in copy.deepcopy(key.module.state_dict()).items()
        if value.dtype.is_floating_point
    }


def assert_holds(key, expected):
    for name, value in expected.items():
        torch.testing.assert_close(key.module.state_dict()[name], value)
    # What forward uses is what is averaged.
    torch.testing.assert_close(key.module[0].weight.detach(), expected["0.weight"])
    torch.testing.assert_close(key.module[1].running_mean, expected["1.running_mean"])


def test_first_update_copies_and_later_ones_average():
    query = make_module()
    key = MomentumEncoder(query, momentum=0.9)
    move(query)
    key.update_parameters(query)
    assert_holds(key, {n: v for n, v in query.state_dict().items() if v.dtype.is_floating_point})
    for _ in range(3):
        move(query)
        expected = by_hand(key, query, 0.9)
        key.update_parameters(query)
        assert_holds(key, expected)


def test_batch_norm_statistics_are_averaged_by_hand():
    query = nn.BatchNorm1d(1)
    key = MomentumEncoder(query, momentum=0.75)
    key.update_parameters(query)
    mean = 0.0
    for share, value in ((1 / 2, 4.0), (1 / 3, 8.0), (1 / 4, 2.0), (1 / 4, 6.0), (1 / 4, 1.0)):
        query.running_mean.fill_(value)
        key.update_parameters(query)
        mean += share * (value - mean)
        assert key.module.running_mean.item() == pytest.approx(mean)


def test_the_statistics_of_an_untrained_network_are_soon_forgotten():
    query = nn.BatchNorm1d(1)
    key = MomentumEncoder(query, momentum=0.996)
    key.update_parameters(query)
    query.running_var.fill_(0.04)
    for _ in range(50):
        key.update_parameters(query)
    assert key.module.running_var.item() < 0.06


@pytest.mark.parametrize("momentum", [-0.1, 1.1])
def test_a_momentum_outside_0_to_1_is_refused(momentum):
    with pytest.raises(UserError, match=f"must lie in .0, 1., got {momentum}"):
        MomentumEncoder(nn.Linear(2, 2), momentum)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 1.0])
def test_set_momentum_is_mu(momentum):
    query = make_module()
    key = MomentumEncoder(query)
    key.update_parameters(query)
    move(query)
    expected = by_hand(key, query, momentum)
    key.set_momentum(momentum)
    key.update_parameters(query)
    assert_holds(key, expected)


def to_double(key):
    return key.to(torch.float64)


def inside_a_model(key):
    return nn.ModuleDict(dict(key=key)).to(torch.float64)["key"]


def copied(key):
    return copy.deepcopy(key)


def saved_and_loaded(key):
    file = io.BytesIO()
    torch.save(key.state_dict(), file)
    file.seek(0)
    key.load_state_dict(torch.load(file))
    return key


def assigned(key):
    key.load_state_dict({n: v.clone() for n, v in key.state_dict().items()}, assign=True)
    return key


@pytest.mark.parametrize("change", [to_double, inside_a_model, copied, saved_and_loaded, assigned])
def test_still_averages_after_its_tensors_were_replaced(change):
    query = make_module()
    key = MomentumEncoder(query, momentum=0.9)
    key.update_parameters(query)
    key = change(key)
    query.to(key.module[0].weight.dtype)
    move(query)
    expected = by_hand(key, query, 0.9)
    key.update_parameters(query)
    assert_holds(key, expected)


def test_updates_are_counted_without_asking_the_device():
    """'meta' has no number to give: an update after the first look asks for none."""
    query = make_module()
    key = MomentumEncoder(query)
    key.update_parameters(query)
    query, key = query.to("meta"), key.to("meta")
    with pytest.raises(RuntimeError, match="meta"):
        key.update_parameters(query)
    key._num_updates.set(key.steps, 1)
    for _ in range(2):
        key.update_parameters(query)
    assert key.num_updates == 3


@pytest.mark.parametrize("change", [to_double, copied, saved_and_loaded, assigned])
def test_what_others_write_into_the_count_is_seen(change):
    query = make_module()
    key = MomentumEncoder(query)
    key.update_parameters(query)
    assert key.num_updates == int(key.steps) == 1
    key.steps.fill_(7)
    assert change(key).num_updates == 7
    key.steps.zero_()
    assert key.num_updates == 0


def test_stays_in_evaluation_and_has_no_gradients():
    model = nn.ModuleDict(dict(key=MomentumEncoder(make_module())))
    model.train()
    assert not any(module.training for module in model["key"].modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    before = model["key"].module[1].running_mean.clone()
    model["key"](torch.randn(5, 3))
    assert model["key"].module[1].running_mean.equal(before)


def test_is_a_copy_of_the_query():
    query = make_module()
    key = MomentumEncoder(query)
    move(query)
    assert not key.module[0].weight.equal(query[0].weight)
