"""Linear layers by oneDNN are torch's: held to double precision, on any processor."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import masa_mm.models.layers.linear as module
from masa_mm.models.layers.linear import Linear, cpu_vendor, linear, onednn_products

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this torch is without oneDNN"
)


@pytest.fixture
def onednn(monkeypatch):
    """Every product by oneDNN, small ones too."""
    monkeypatch.setattr(module, "_WORTHWHILE", 1)
    with onednn_products(True):
        yield


def used(action):
    """Which operators an action runs."""
    with torch.profiler.profile() as found:
        action()
    return {event.key for event in found.key_averages()}


def values(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def gradients(function, *tensors):
    leaves = [None if t is None else t.clone().requires_grad_() for t in tensors]
    out = function(*leaves)
    out.backward(values(*out.shape, seed=9).to(out.dtype))
    return [out.detach(), *(leaf.grad for leaf in leaves if leaf is not None)]


@needs_onednn
@settings(max_examples=30, deadline=None)
@given(
    rows=st.lists(st.integers(1, 40), min_size=1, max_size=2),
    channels=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    with_bias=st.booleans(),
)
def test_values_and_gradients_are_those_of_double_precision(rows, channels, with_bias):
    tensors = (
        values(*rows, channels[0]),
        values(channels[1], channels[0], seed=1),
        values(channels[1], seed=2) if with_bias else None,
    )
    double = gradients(F.linear, *(None if t is None else t.double() for t in tensors))
    before, module._WORTHWHILE = module._WORTHWHILE, 1
    try:
        with onednn_products(True):
            assert "mkldnn::_linear_pointwise" in used(lambda: linear(*tensors))
            single = gradients(linear, *tensors)
    finally:
        module._WORTHWHILE = before
    for found, expected in zip(single, double, strict=True):
        torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-4)


@needs_onednn
def test_slices_of_weights_and_views_of_rows(onednn):
    """As the graph convolution and the Transformer take them."""
    x, weight = values(6, 20, 8).transpose(0, 1), values(30, 24, seed=1)
    for part in (weight.chunk(3, 1)[1], weight[10:, :8], weight[:, ::3]):
        found, expected = (gradients(f, x, part) for f in (linear, F.linear))
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@needs_onednn
def test_rows_that_are_one_vector_expanded(onednn):
    row, weight = values(1, 70).expand(80, 70), values(90, 70, seed=1)
    found, expected = (gradients(f, row, weight) for f in (linear, F.linear))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-5)


@needs_onednn
def test_what_is_frozen_has_no_gradient(onednn):
    layer = Linear(8, 4)
    layer.requires_grad_(False)
    x = values(5, 8).requires_grad_()
    layer(x).sum().backward()
    assert layer.weight.grad is None and layer.bias.grad is None
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(5, 8))
    assert not layer(x.detach()).requires_grad
    with torch.no_grad():
        assert not layer(x).requires_grad


@pytest.mark.parametrize("case", ["double", "autocast", "no rows", "one row", "small", "off"])
def test_the_rest_is_left_to_torch(case, monkeypatch):
    layer, x = Linear(8, 4), values(5, 8)
    monkeypatch.setattr(module, "_WORTHWHILE", 2**24 if case == "small" else 1)
    if case == "double":
        layer, x = layer.double(), x.double()
    x = {"no rows": x[:0], "one row": x[0]}.get(case, x)
    with (
        onednn_products(case != "off"),
        torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"),
    ):
        assert "mkldnn::_linear_pointwise" not in used(lambda: layer(x))
        assert layer(x).equal(F.linear(x, layer.weight, layer.bias))


@needs_onednn
def test_flops_are_counted_alike(onednn):
    def flops(enabled):
        layer, x = Linear(128, 64), values(10, 3, 128).requires_grad_()
        with onednn_products(enabled), FlopCounterMode(display=False) as counter:
            layer(x).sum().backward()
        return counter.get_total_flops()

    assert flops(True) == flops(False) == 3 * 2 * 30 * 128 * 64


def test_checkpoints_are_torchs():
    layer, plain = Linear(8, 4), torch.nn.Linear(8, 4)
    layer.load_state_dict(plain.state_dict())
    assert copy.deepcopy(layer)(values(5, 8)).equal(plain(values(5, 8)))


def test_the_switch_is_put_back_after_an_error():
    before = module._use_onednn
    with pytest.raises(RuntimeError), onednn_products(not before):
        raise RuntimeError
    assert module._use_onednn is before


@pytest.mark.parametrize("vendor", ["AuthenticAMD", "GenuineIntel"])
def test_the_vendor_is_read_from_the_system(tmp_path, vendor):
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: 26\n")
    assert cpu_vendor(path) == vendor
    path.write_text("processor\t: 0\nBogoMIPS\t: 50.00\n")
    assert cpu_vendor(path) == ""


@pytest.mark.parametrize(
    ("vendor", "capability", "expected"),
    [("AuthenticAMD", "AVX512", True), ("AuthenticAMD", "AVX2", False), ("", "AVX512", False)]
    + [("GenuineIntel", "AVX512", False)],
)
def test_mkl_is_replaced_where_it_leaves_avx512_idle(monkeypatch, vendor, capability, expected):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(module, "cpu_vendor", lambda: vendor)
    assert module.mkl_holds_back() is expected
