"""Ranks of glosses against a plain loop, and what counts as a query."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.inference.dictionary import Example, SignDictionary
from masa_mm.inference.dictionary_evaluation import evaluate_dictionary, gloss_ranks

from toys.dictionary_toys import ToyEncoder, toy_clip


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_ranks_equal_a_plain_loop(data):
    examples = data.draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=9))
    queries = data.draw(st.lists(st.sampled_from(examples), min_size=1, max_size=4))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    similarity = rng.integers(0, 5, (len(queries), len(examples))).astype(np.float32)
    for row, query, rank in zip(similarity, queries, gloss_ranks(similarity, examples, queries)):
        best = {g: max(s for s, e in zip(row, examples) if e == g) for g in examples}
        assert rank == sum(score >= best[query] for g, score in best.items() if g != query)


def test_counts_and_metrics():
    dictionary = SignDictionary(ToyEncoder())
    dictionary.add_all([Example(gloss, toy_clip(i)) for i, gloss in enumerate("abc")])
    queries = [
        Example("a", toy_clip(0, name="copy of a")),
        Example("b", toy_clip(1)),  # an example itself
        Example("z", toy_clip(9)),
    ]
    scores = evaluate_dictionary(dictionary, queries)
    assert scores[:5] == (1, 3, 3, 1, 1)
    for metrics in scores.metrics.values():
        assert metrics["recall@1"] == metrics["mrr"] == metrics["dcg"] == (1, 1, 1)
    with pytest.raises(UserError, match="no query"):
        evaluate_dictionary(dictionary, queries[1:])
