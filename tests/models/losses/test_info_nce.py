"""InfoNCE against a float64 loop."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from masa_mm.models.losses import info_nce, info_nce_logits


def loop_loss(query, key, bank, is_negative, temperature):
    total = 0.0
    for q, k, allowed in zip(query.tolist(), key.tolist(), is_negative.tolist()):
        logits = [sum(a * b for a, b in zip(q, k)) / temperature]
        for other, use in zip(bank.tolist(), allowed):
            if use:
                logits.append(sum(a * b for a, b in zip(q, other)) / temperature)
        largest = max(logits)
        total += largest + math.log(sum(math.exp(x - largest) for x in logits)) - logits[0]
    return total / len(query)


def random_case(seed, clips=3, length=5, channels=4):
    generator = torch.Generator().manual_seed(seed)
    vectors = F.normalize(torch.randn(2 * clips + length, channels, generator=generator), dim=1)
    query, key, bank = vectors.split([clips, clips, length])
    return query, key, bank, torch.rand(clips, length, generator=generator) < 0.6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), temperature=st.sampled_from([0.07, 0.5, 1.0]))
def test_equals_the_formula_in_a_loop(seed, temperature):
    case = random_case(seed)
    found = info_nce(info_nce_logits(*case, temperature)).item()
    assert found == pytest.approx(loop_loss(*case, temperature), rel=1e-4, abs=1e-5)


def test_left_out_keys_are_minus_infinity_and_get_no_weight():
    query, key, bank, is_negative = random_case(0)
    logits = info_nce_logits(query, key, bank, is_negative, 0.07)
    assert logits[:, 1:].isneginf().equal(~is_negative)
    assert not logits.softmax(1)[:, 1:][~is_negative].any()
    assert logits[:, 0].isfinite().all()


def test_without_negatives_the_loss_and_its_gradient_are_zero():
    query, key, bank, is_negative = random_case(0)
    query = query.clone().requires_grad_()
    loss = info_nce(info_nce_logits(query, key, bank, torch.zeros_like(is_negative), 0.07))
    loss.backward()
    assert loss.item() == 0
    assert not query.grad.any()


def test_similarities_stay_in_single_precision_under_autocast():
    query, key, bank, is_negative = random_case(0, channels=128)
    expected = info_nce_logits(query, key, bank, is_negative, 0.07)
    with torch.autocast("cpu", torch.bfloat16):
        logits = info_nce_logits(query, key, bank, is_negative, 0.07)
    assert logits.dtype == torch.float32
    assert logits.equal(expected)
