"""Errors of clips, options, and joints found by name."""

import argparse
import pickle

import numpy as np
import pytest

from masa_mm.errors import UserError
from masa_mm.pose.skeleton import NAMED_LAYOUTS
from masa_mm.sources.base import ClipError, Source, bad_clip, named_joint_indices, take_joints

NAMES = NAMED_LAYOUTS["spoter"]


def test_clip_errors_keep_problem_and_remedy_through_a_pickle():
    error = pickle.loads(pickle.dumps(ClipError("it is bad", "fix it")))
    assert (error.problem, error.remedy, str(error)) == ("it is bad", "fix it", "it is bad; fix it")


@pytest.mark.parametrize(
    ("error", "problem", "remedy"),
    [
        (ClipError("it is bad", "fix it"), "it is bad", "fix it"),
        (UserError("a; b; fix it"), "a; b", "fix it"),
        (OSError("disk error"), "disk error", "give the file again"),
    ],
)
def test_every_error_becomes_an_entry_of_the_report(error, problem, remedy):
    assert bad_clip("a", error) == ("a", problem, remedy)


def test_options_are_added_to_a_parser():
    source = Source("toy", "a toy", lambda args: None, (("--side", dict(type=int, default=3)),))
    parser = argparse.ArgumentParser()
    source.add_options(parser)
    assert parser.parse_args([]).side == 3 and parser.parse_args(["--side", "5"]).side == 5


def test_named_joints_are_found_in_any_order_and_case():
    order = np.random.default_rng(0).permutation(len(NAMES))
    names = ["other", *(NAMES[i].upper() for i in order)]
    indices = named_joint_indices("spoter", names, allow_missing=False)
    assert [names[i].lower() for i in indices] == [name.lower() for name in NAMES]


def test_missing_joints_are_named_or_zero():
    with pytest.raises(ClipError, match="it lacks the whole left_hand, nose of the 49 joints"):
        kept = [name for name in NAMES if not name.endswith("_left") and name != "nose"]
        named_joint_indices("spoter", kept, allow_missing=False)
    indices = named_joint_indices("spoter", NAMES[:21], allow_missing=True)
    joints = take_joints(np.ones((2, 21, 3)), indices)
    assert joints.shape == (2, 49, 3) and joints[:, :21].all() and not joints[:, 21:].any()
