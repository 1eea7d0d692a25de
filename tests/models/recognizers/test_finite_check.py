"""FiniteCheck: at once, or one step later."""

import pytest
import torch

from masa_mm.models.recognizers.finite_check import FiniteCheck

GOOD = dict(loss_motion=torch.tensor(1.0), align_acc=torch.tensor(float("nan")))
BAD = dict(loss_motion=torch.tensor(float("inf")), loss_align=torch.tensor(float("nan")))


def test_at_once_it_names_what_is_broken_and_only_losses_count():
    check = FiniteCheck()
    check(GOOD)
    with pytest.raises(FloatingPointError, match=r"^loss_motion, loss_align is not finite"):
        check(BAD)
    check(GOOD)


def test_deferred_it_stops_at_the_next_batch():
    check = FiniteCheck()
    check.deferred = True
    check(GOOD)
    check(BAD)
    with pytest.raises(FloatingPointError, match="not finite; this was the previous step"):
        check(GOOD)


def test_deferred_it_can_be_settled_and_then_forgets():
    check = FiniteCheck()
    check.settle()
    check.deferred = True
    check(BAD)
    with pytest.raises(FloatingPointError):
        check.settle()
    check.settle()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_answer_of_a_gpu_comes_by_page_locked_memory():
    check = FiniteCheck()
    check.deferred = True
    with torch.cuda.device(0):
        torch.cuda.set_sync_debug_mode("error")
        try:
            check({name: value.cuda(non_blocking=True) for name, value in BAD.items()})
        finally:
            torch.cuda.set_sync_debug_mode("default")
    with pytest.raises(FloatingPointError):
        check.settle()
