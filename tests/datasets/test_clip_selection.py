"""Which clips are taken: shares of each class, and clips left out by name."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.datasets.clip_selection import (
    DatasetError,
    check_class_order,
    labels_by_name,
    leave_out,
    stratified_share,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(-1, 5), max_size=60), st.floats(0.01, 1), st.integers(0, 5), st.data())
def test_a_share_of_each_class_but_at_least_one(label, ratio, seed, data):
    label = np.array(label, np.int64)
    chosen = np.flatnonzero(np.random.default_rng(seed).random(len(label)) < 0.8)
    share = stratified_share(chosen, label, ratio, seed)
    assert set(share) <= set(chosen) and (np.diff(share) > 0).all()
    for number in set(label[chosen]) - {-1}:
        all_of = (label[chosen] == number).sum()
        assert (label[share] == number).sum() == max(1, np.rint(ratio * all_of))
    assert (label[share] >= 0).all()
    np.testing.assert_array_equal(share, stratified_share(chosen, label, ratio, seed))
    smaller = data.draw(st.floats(0.005, ratio))
    assert set(stratified_share(chosen, label, smaller, seed)) <= set(share)


NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True)


@settings(max_examples=80, deadline=None)
@given(NAMES.filter(bool), NAMES, st.randoms())
def test_what_is_left_is_what_is_not_listed(tmp_path_factory, ids, listed, random):
    path = tmp_path_factory.getbasetemp() / "ids.txt"
    path.write_text("\n".join(listed))
    chosen = np.array(random.sample(range(len(ids)), random.randint(0, len(ids))), np.int64)
    if listed and not set(listed) & set(ids):
        with pytest.raises(DatasetError, match="none of the clips"):
            leave_out(chosen, ids, str(path))
        return
    want = [number for number in chosen if ids[number] not in listed]
    assert leave_out(chosen, ids, str(path)).tolist() == want


@pytest.mark.parametrize("names", [["a", "b"], ["A", "b"], ["0", "1", "2"], [], ["a", "b", "z"]])
def test_class_names_that_do_not_contradict_a_list(names):
    check_class_order("x.safetensors", names, "list.txt", ["a", "b", "1", "c"])


@pytest.mark.parametrize("names", [["b", "a"], ["x", "a"], ["a", "b", "c"]])
def test_class_names_in_another_order(names):
    with pytest.raises(DatasetError, match=r"^x\.safetensors: .* of list\.txt: a class list in an"):
        check_class_order("x.safetensors", names, "list.txt", ["a", "b", "1", "c"])


@pytest.mark.parametrize(
    ("names", "classes", "translated"),
    [
        (["b", "a"], ["a", "b"], [-1, 1, 0]),
        (["a", "no", "b"], ["b", "a"], [-1, 1, 1]),
        (["0", "1"], ["1", "0"], [-1, 0, 1]),
        ([], ["a", "b"], [-1, 0, 1]),
        (["b"], ["a", "b"], [-1, 1, 1]),
    ],
)
def test_labels_of_one_class_list_as_those_of_another(names, classes, translated):
    assert labels_by_name(np.array([-1, 0, 1]), names, classes).tolist() == translated
