"""FLOPs, operators and tables: what the benchmarks count and how they print it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch.utils.flop_counter import (
    FlopCounterMode,
    sdpa_backward_flop_count,
    sdpa_flop_count,
)

# torch counts the attention of CUDA; that of the CPU is another operator.
_ATTENTION_FLOPS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: (
        lambda q, k, v, *args, out_shape=None, **kwargs: sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda grad, q, k, v, *args, out_shape=None, **kwargs: sdpa_backward_flop_count(
            grad, q, k, v
        )
    ),
}


def count_flops(action: Callable[[], object]) -> int:
    """FLOPs of the matrix products and attentions of an action."""
    counter = FlopCounterMode(display=False, custom_mapping=_ATTENTION_FLOPS)
    with counter:
        action()
    return counter.get_total_flops()


def operators(action: Callable[[], object], rows: int) -> str:
    """The operators of an action by their own time."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as found:
        action()
    return found.key_averages().table(sort_by="self_cpu_time_total", row_limit=rows)


def print_table(
    rows: Iterable[tuple[str, ...]], head: tuple[str, ...] = ("what", "measured")
) -> None:
    """Print a Markdown table, each row when it is measured."""
    print(f"| {' | '.join(head)} |\n{'|---' * len(head)}|", flush=True)
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def gflops(value: float) -> str:
    """FLOPs in thousand millions."""
    return f"{value / 1e9:.1f}"


def spread(values: list[float]) -> str:
    """The least and the greatest."""
    return f"{min(values):.3g} to {max(values):.3g}"
