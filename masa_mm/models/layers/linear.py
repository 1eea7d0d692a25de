"""Linear layers that can use the whole of the processor, by ``onednn_products(True)``.

In float32 torch hands matrix products to MKL, which leaves the AVX-512 units of other makers'
processors idle. oneDNN, which is part of torch too, uses them: on an AMD EPYC it takes half the
time. It serves torch's own linear layers in other precisions and under autocast.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.utils import flop_counter

# Multiplications that take MKL a fifth of a millisecond: oneDNN makes code for each new shape, and
# batches differ in their frames.
_WORTHWHILE = 2**24
# A product over the rows has the channels for its sides: below this oneDNN is no faster.
_NARROW = 64


def cpu_vendor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Who made the processor, 'GenuineIntel' or 'AuthenticAMD'; empty where it does not say."""
    if not cpuinfo.exists():
        return platform.processor().rpartition(" ")[2]
    fields = (line.partition(":") for line in cpuinfo.read_text().splitlines())
    return next((value.strip() for key, _, value in fields if key.strip() == "vendor_id"), "")


def mkl_holds_back() -> bool:
    """Whether MKL multiplies here and takes this processor for a smaller one."""
    return (
        torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and cpu_vendor() not in ("", "GenuineIntel")
    )


# Off unless asked for: where batches differ in their rows, memory grows with the steps (a small
# network: by 2 GB in 400), most of it free but in pieces.
_use_onednn = False


@contextmanager
def onednn_products(enabled: bool) -> Iterator[None]:
    """Multiply by oneDNN or as torch does by itself, whichever this processor is better at."""
    global _use_onednn
    before, _use_onednn = _use_onednn, enabled
    try:
        yield
    finally:
        _use_onednn = before


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """:func:`torch.nn.functional.linear`: x [..., I], weight [O, I], bias [O] -> [..., O]."""
    if not (_use_onednn and _suits_onednn(x, weight)):
        return F.linear(x, weight, bias)
    rows = x.flatten(0, -2).contiguous()
    multiply = _Product.apply if torch.is_grad_enabled() else _multiply
    # A slice of a weight, with gaps between its rows, oneDNN multiplies a thousand times slower.
    return multiply(rows, weight.contiguous(), bias).view(*x.shape[:-1], len(weight))


class Linear(nn.Linear):
    """:class:`torch.nn.Linear` by :func:`linear`; names and values in checkpoints are the same."""

    def forward(self, input: Tensor) -> Tensor:
        return linear(input, self.weight, self.bias)


def _suits_onednn(x: Tensor, weight: Tensor) -> bool:
    """Whether these are float32 numbers of a CPU, and nothing else takes care of them."""
    return (
        x.device.type == weight.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.ndim > 1
        and x.numel() * len(weight) >= _WORTHWHILE
        and not _autocasting()
        and not torch.compiler.is_compiling()
        and not torch.jit.is_tracing()
    )


def _autocasting() -> bool:
    if hasattr(torch, "get_autocast_dtype"):  # torch 2.4
        return torch.is_autocast_enabled("cpu")
    return torch.is_autocast_cpu_enabled()


def _multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")


def _count_flops(rows: torch.Size, weight: torch.Size, *args, out_shape=None, **kwargs) -> int:
    return 2 * rows[0] * rows[1] * weight[0]


if hasattr(flop_counter, "register_flop_formula"):  # torch 2.2
    flop_counter.register_flop_formula(torch.ops.mkldnn._linear_pointwise)(_count_flops)


class _Product(torch.autograd.Function):
    """rows [F, I], weight [O, I], bias [O] -> [F, O]; oneDNN's operator has no gradient."""

    @staticmethod
    def forward(ctx, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _multiply(rows, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        for_rows, for_weight, for_bias = ctx.needs_input_grad
        return (
            _multiply(grad, weight.t()) if for_rows else None,
            _over_rows(grad, rows) if for_weight else None,
            grad.sum(0) if for_bias else None,
        )


def _over_rows(grad: Tensor, rows: Tensor) -> Tensor:
    """Gradient of a weight: grad [F, O], rows [F, I] -> [O, I]."""
    if min(grad.shape[1], rows.shape[1]) < _NARROW:
        return grad.t() @ rows
    return _multiply(grad.t(), rows.t())
