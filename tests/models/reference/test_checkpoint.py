"""What of the authors' checkpoint is taken, and what is refused."""

import pytest
import torch

from masa_mm.compat import CheckpointError
from masa_mm.models.reference.checkpoint import convert_reference, read_reference


def saved(folder, content):
    path = folder / "in.pth.tar"
    torch.save(content, path)
    return path


def prefixed(weights):
    return {f"module.{name}": value for name, value in weights.items()}


@pytest.mark.parametrize("with_prefix", [False, True])
@pytest.mark.parametrize("distributed", [False, True])
def test_reads_with_and_without_a_data_parallel_prefix(tmp_path, theirs, with_prefix, distributed):
    weights = prefixed(theirs) if with_prefix else theirs
    content = (
        dict(epoch=7, state_dict=weights, optimizer=dict(state={})) if distributed else weights
    )
    found, epoch = read_reference(saved(tmp_path, content))
    assert list(found) == list(theirs)
    assert all(found[name].equal(value) for name, value in theirs.items())
    assert epoch == (7 if distributed else None)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda weights: [1, 2], "holds no weights by name"),
        (lambda weights: dict(state_dict={}), "holds no weights by name"),
        (lambda weights: dict(state_dict=3), "holds no weights by name"),
        (lambda weights: weights | dict(note="hello"), "'note' is str, not a tensor"),
        (lambda weights: weights | {3: torch.ones(1)}, "3 is Tensor, not a tensor by name"),
        (
            lambda weights: weights | {"module.queue": weights["queue"]},
            "names begin with 'module.', it must be all or none",
        ),
    ],
)
def test_refuses_what_is_no_checkpoint(tmp_path, theirs, spoil, message):
    path = saved(tmp_path, spoil(theirs))
    with pytest.raises(CheckpointError) as caught:
        read_reference(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_maps_every_name_once_and_makes_all_of_ours(theirs, wanted):
    converted, report = convert_reference(theirs, wanted)
    assert report.problem == ""
    assert not (report.missing or report.unexpected or report.misshapen)
    assert set(report.mapped) | set(report.unused) == set(theirs)
    assert not set(report.mapped) & set(report.unused)
    assert {name: value.shape for name, value in converted.items()} == {
        name: value.shape for name, value in wanted.items()
    }
    assert all(converted[name].dtype == wanted[name].dtype for name in wanted)
    made = {name for _, ours in report.mapped.values() for name in ours}
    assert set(wanted) - made == {"key_encoder.steps", "alignment.bank.clip_ids"}


def test_the_unused_are_those_of_no_forward_pass(theirs, wanted):
    _, report = convert_reference(theirs, wanted)
    idle = ("conv2.", "non_local.", "fcn.", ".pe.pe", "target_decoder.")
    assert all(any(part in name for part in idle) for name in report.unused)
    assert not any(part in name for name in report.mapped for part in idle)


def test_moves_the_numbers_by_hand(theirs, wanted):
    converted, _ = convert_reference(theirs, wanted)
    block = "embed.st_gcn_hand.st_gcn_networks.1.gcn.conv"
    for branch, ours in (("encoder_q", "backbone"), ("encoder_k", "key_encoder.module.backbone")):
        graph = converted[f"{ours}.hand_network.joint_blocks.1.graph_conv.weight"]
        for subset in range(4):
            conv = theirs[f"{branch}.{block}.weight"][8 * subset : 8 * subset + 8, :, 0, 0]
            assert graph[:, 8 * subset : 8 * subset + 8].equal(conv)
    wide = converted["backbone.body_network.temporal_blocks.1.wide.linear.weight"]
    conv = theirs["encoder_q.embed.st_gcn_body.tcn_full_b2.conv1d_5.0.weight"]
    assert all(wide[:, 16 * step : 16 * step + 16].equal(conv[:, :, step]) for step in range(5))
    joined = converted["decoder.transformer.blocks.0.self_attn.in_proj_bias"]
    parts = [theirs[f"reg_decoder.GCN_Tran.blocks.0.attn.proj_{letter}.bias"] for letter in "qkv"]
    assert joined.equal(torch.cat(parts))
    assert converted["alignment.bank.keys"].equal(theirs["queue"].t())


def test_momentum_copy_and_bank_are_ready_to_go_on(theirs, wanted):
    """Else the hook would copy the query branch over it, and the bank seem empty."""
    theirs["queue_ptr"][0] = 6
    converted, _ = convert_reference(theirs, wanted)
    assert converted["key_encoder.steps"] > 0
    assert converted["alignment.bank.pointer"].item() == 6
    assert (converted["alignment.bank.clip_ids"] < -1).all()


def without(name):
    return lambda weights: weights.pop(name)


def put(name, value):
    return lambda weights: weights.update({name: value})


QUEUE, UNUSED = "queue", "target_decoder.GCN_Tran.norm.gamma"
SOME = "encoder_k.embed.st_gcn_body.data_bn.weight"


@pytest.mark.parametrize(
    "spoil, message",
    [
        (without(QUEUE), "1 missing (first: queue)"),
        (without(UNUSED), f"1 missing (first: {UNUSED})"),
        (put("encoder_q.new.weight", torch.ones(2)), "1 unexpected (first: encoder_q.new.weight)"),
        (put(SOME, torch.ones(15)), f"1 that do not fit (first: {SOME} (15,) for (14,))"),
        (put(SOME, torch.ones(14).long()), f"(first: {SOME} of torch.int64)"),
        (put(SOME, torch.full((14,), torch.nan)), f"(first: {SOME} not finite)"),
        # As many numbers as there should be, in another order.
        (put(QUEUE, torch.ones(10, 8)), "(first: queue (10, 8) for (8, 10))"),
    ],
)
def test_a_problem_is_said_in_a_few_words_and_nothing_is_made(theirs, wanted, spoil, message):
    spoil(theirs)
    converted, report = convert_reference(theirs, wanted)
    assert not converted
    assert message in report.problem


def test_every_name_is_in_the_report(theirs, wanted):
    del theirs["queue"]
    theirs["other"] = torch.ones(2, 3)
    theirs[SOME] = torch.ones(15)
    _, report = convert_reference(theirs, wanted)
    lines = list(report.lines())
    assert "missing     queue (8, 10)" in lines
    assert "unexpected  other (2, 3)" in lines
    assert f"does not fit {SOME} (15,) for (14,)" in lines
    assert "unused      encoder_q.embed.pe.pe (1, 600, 48)" in lines
    mapped = "mapped      encoder_q.embed.mask_token (1, 1, 16) -> backbone.mask_token"
    assert mapped in lines
    assert all(any(name in line for line in lines) for name in theirs)


def test_half_precision_becomes_single(theirs, wanted):
    halves = {n: v.half() if v.is_floating_point() else v for n, v in theirs.items()}
    converted, report = convert_reference(halves, wanted)
    assert not report.problem
    assert converted["backbone.mask_token"].dtype == torch.float32
