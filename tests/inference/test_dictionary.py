"""A sign dictionary finds what a plain loop over its examples finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masa_mm.errors import UserError
from masa_mm.inference.dictionary import SignDictionary
from masa_mm.inference.stored_pose import halves, part_clip
from masa_mm.inference.whitening import half_whitening

from toys.dictionary_toys import ToyEncoder, blank_clip, toy_clip

EXAMPLES = st.lists(
    st.tuples(st.sampled_from(["book", "drink", "é", "go"]), st.integers(0, 30)),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[1],
)


def make(examples, **options):
    dictionary = SignDictionary(ToyEncoder(**options), "toy.onnx")
    for gloss, seed in examples:
        dictionary.add(gloss, toy_clip(seed))
    return dictionary


def by_loop(examples, query, k):
    """The k nearest examples and glosses, each by its best example."""

    def embed(clip):
        found = ToyEncoder().recognize(halves(clip, part_clip(clip)))
        return np.concatenate([each.embedding for each in found]).astype(np.float64)

    vectors = {(gloss, seed): embed(toy_clip(seed)) for gloss, seed in examples}
    weights = half_whitening(np.stack(list(vectors.values()))).astype(np.float64)
    asked = embed(query) @ weights
    scores = {}
    for key, vector in vectors.items():
        known = vector @ weights
        scores[key] = asked @ known / np.linalg.norm(asked) / np.linalg.norm(known)
    order = sorted(scores, key=lambda key: -scores[key])
    glosses = list(dict.fromkeys(gloss for gloss, _ in order))
    return [(*key, scores[key]) for key in order[:k]], glosses[:k]


@settings(max_examples=40, deadline=None)
@given(EXAMPLES, st.integers(100, 200), st.integers(1, 15))
def test_search_equals_a_plain_loop(examples, seed, k):
    result = make(examples).search(toy_clip(seed), k)
    clips, glosses = by_loop(examples, toy_clip(seed), k)
    assert [(match.gloss, match.name) for match in result.clips] == [
        (gloss, f"clip{number}") for gloss, number, _ in clips
    ]
    found = [match.similarity for match in result.clips]
    np.testing.assert_allclose(found, [score for *_, score in clips], atol=2e-5)
    assert [match.gloss for match in result.glosses] == glosses
    best = {
        match.gloss: match for match in reversed(make(examples).search(toy_clip(seed), 99).clips)
    }
    assert all(best[match.gloss] == match for match in result.glosses)


@settings(max_examples=25, deadline=None)
@given(EXAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_adding_does_not_matter(examples, random):
    other = list(examples)
    random.shuffle(other)
    query = toy_clip(999)
    assert make(examples).search(query, 9) == make(other).search(query, 9)


@settings(max_examples=15, deadline=None)
@given(EXAMPLES)
def test_a_saved_dictionary_finds_the_same(tmp_path_factory, examples):
    path = tmp_path_factory.mktemp("dictionary") / "signs.safetensors"
    dictionary = make(examples)
    dictionary.save(path)
    loaded = SignDictionary.load(path, ToyEncoder())
    assert loaded.examples == dictionary.examples and loaded.model_name == "toy.onnx"
    assert loaded.search(toy_clip(999), 9) == dictionary.search(toy_clip(999), 9)
    loaded.add("new", toy_clip(50))
    assert len(loaded) == len(examples) + 1


def test_an_example_finds_itself_and_replaces_its_former_self():
    dictionary = make([("book", 1), ("drink", 2)])
    best = dictionary.search(toy_clip(2)).glosses[0]
    assert best.gloss == "drink" and best.similarity == pytest.approx(1, abs=1e-4)
    dictionary.add("drink", toy_clip(3, name="clip2"))
    assert len(dictionary) == 2
    assert dictionary.search(toy_clip(3)).glosses[0].similarity == pytest.approx(1, abs=1e-4)


def test_equal_examples_are_found_by_gloss_and_name():
    dictionary = SignDictionary(ToyEncoder())
    for gloss, name in (("b", "1"), ("a", "2"), ("a", "1")):
        dictionary.add(gloss, toy_clip(7, name=name))
    found = dictionary.search(toy_clip(8), 3).clips
    assert [(match.gloss, match.name) for match in found] == [("a", "1"), ("a", "2"), ("b", "1")]


def test_pixels_and_parts_of_one_clip_are_embedded_alike():
    pixels = toy_clip(4)
    landmarks = pixels.landmarks * [300, 300, 1] + [100, 50, 0] * (pixels.landmarks[..., 2:] > 0)
    pixels = pixels._replace(landmarks=landmarks, image_size=(640, 480))
    parts = part_clip(pixels)
    joints = np.concatenate([parts.keypoint, parts.score[..., None]], -1)
    dictionary = SignDictionary(ToyEncoder())
    dictionary.add("book", pixels)
    query = pixels._replace(landmarks=joints, image_size=None)
    assert dictionary.search(query).clips[0].similarity == pytest.approx(1, abs=1e-3)
    assert dictionary.content().aspect == pytest.approx(640 / 480)


def test_wrong_use_is_one_line(tmp_path):
    dictionary = make([])
    for call in (
        lambda: dictionary.search(toy_clip()),
        lambda: dictionary.save(tmp_path / "a.safetensors"),
    ):
        with pytest.raises(UserError, match=r"^the dictionary is empty; add an example"):
            call()
    with pytest.raises(UserError, match=r"^blank: no hand in its 4 frames"):
        dictionary.add("book", blank_clip())
    with pytest.raises(UserError, match="needs a gloss"):
        dictionary.add(" ", toy_clip())
    assert len(dictionary) == 0
    dictionary = make([("book", 1)])
    with pytest.raises(UserError, match=r"^blank: no hand"):
        dictionary.search(blank_clip())
    with pytest.raises(UserError, match="k is"):
        dictionary.search(toy_clip(), 0)


@pytest.mark.parametrize("other", [dict(seed=1), dict(dim=7)])
def test_another_model_is_refused(tmp_path, other):
    make([("book", 1)]).save(tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"built with another model \(toy.onnx\)"):
        SignDictionary.load(tmp_path / "a.safetensors", ToyEncoder(**other))


def test_joints_that_the_model_does_not_know_are_left_out(tmp_path):
    dictionary = SignDictionary(ToyEncoder(), joints="mediapipe_hands")
    dictionary.add("book", toy_clip(1))
    other = toy_clip(1)
    other.landmarks[:, [42, 43, 44, 46, 47]] = 0.7  # all of the body but the wrists
    assert dictionary.search(other).clips[0].similarity == 1
    dictionary.save(tmp_path / "a.safetensors")
    loaded = SignDictionary.load(tmp_path / "a.safetensors", ToyEncoder())
    assert loaded.search(other).clips[0].similarity == 1
