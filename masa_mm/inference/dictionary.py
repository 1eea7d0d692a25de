"""A sign dictionary: signs found by examples of them, with a frozen encoder and no training."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from masa_mm.errors import UserError
from masa_mm.inference.clips import PoseClip
from masa_mm.inference.dictionary_file import DictionaryContent, read_dictionary, write_dictionary
from masa_mm.inference.model_probe import Encoder, probe_embedding, same_model
from masa_mm.inference.stored_pose import PartClip, halves, part_clip, store_pose
from masa_mm.inference.whitening import half_whitening
from masa_mm.pose.skeleton import source_layout


class Match(NamedTuple):
    """An example that a search found.

    Attributes:
        gloss (str): Its sign.
        name (str): Its clip.
        similarity (float): Cosine similarity to the query, -1 to 1.
    """

    gloss: str
    name: str
    similarity: float


class SearchResult(NamedTuple):
    """What a search found, the most similar first.

    Attributes:
        clips (list[Match]): The nearest examples.
        glosses (list[Match]): The nearest glosses, each by its best example.
    """

    clips: list[Match]
    glosses: list[Match]


class Example(NamedTuple):
    """An example to be added.

    Attributes:
        gloss (str): The sign.
        clip (PoseClip): A clip of it.
        aspect (float): Width over height of the image, for pictures of clips in part coordinates.
    """

    gloss: str
    clip: PoseClip
    aspect: float = 1.0


class _Row(NamedTuple):
    embedding: np.ndarray
    pose: np.ndarray
    aspect: float


class _Index(NamedTuple):
    """The examples by gloss and name, so that the order of adding does not matter."""

    keys: list[tuple[str, str]]
    vectors: np.ndarray
    whitening: np.ndarray
    starts: np.ndarray  # of the glosses


class SignDictionary:
    """Examples of signs and their embeddings by one model.

    A clip's vector is the model's embeddings of its two halves, one after the other, which tells
    more than the embedding of the whole clip. The search is exact: the cosine similarity of the
    query to every example, after :func:`~masa_mm.inference.whitening.half_whitening` by the
    examples.

    Args:
        model (Encoder): An :class:`~masa_mm.inference.exported_model.ExportedModel` or a
            :class:`~masa_mm.inference.trained_model.TrainedModel`. Classes are not needed.
        model_name (str): Path of the model, which the file names.
        joints (str, optional): Layout of the poses that the model was trained on, if they lacked
            joints, such as 'mediapipe_hands'. All other joints are left out.

    Example:
        >>> dictionary = SignDictionary(ExportedModel("model.onnx"), "model.onnx")
        >>> dictionary.add("book", clip)
        >>> dictionary.search(other_clip, k=5).glosses[0].gloss
        'book'
    """

    def __init__(self, model: Encoder, model_name: str = "", joints: str | None = None) -> None:
        if joints is not None:
            source_layout(joints)
        self.model, self.model_name, self.joints = model, model_name, joints
        self._probe = probe_embedding(model)
        self._rows: dict[tuple[str, str], _Row] = {}
        self._index: _Index | None = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def glosses(self) -> list[str]:
        """The signs, in alphabetical order."""
        return sorted({gloss for gloss, _ in self._rows})

    def add(self, gloss: str, clip: PoseClip, aspect: float = 1.0) -> None:
        """Add an example of a sign; see :meth:`add_all`."""
        self.add_all([Example(gloss, clip, aspect)])

    def add_all(self, examples: Sequence[Example]) -> None:
        """Add examples of signs, all or none. One replaces another of the same gloss and name.

        Raises:
            UserError: If a gloss is empty, or a clip shows no hand or does not fit its layout.
        """
        for example in examples:
            if not example.gloss.strip():
                raise UserError(f"{example.clip.name}: an example needs a gloss")
        embeddings = self.embed([example.clip for example in examples])
        for (gloss, clip, aspect), embedding in zip(examples, embeddings):
            pose = store_pose(part_clip(clip))
            if clip.image_size is not None:
                aspect = clip.image_size[0] / clip.image_size[1]
            self._rows[gloss, clip.name] = _Row(embedding, pose, aspect)
        self._index = None

    def search(self, clip: PoseClip, k: int = 5) -> SearchResult:
        """Find the k nearest examples and the k nearest glosses of a clip.

        Raises:
            UserError: If the dictionary is empty, or the clip shows no hand or does not fit its
                layout.
        """
        if k < 1:
            raise UserError(f"k is the number of results, 1 or more, got {k}")
        (similarity,) = self.similarities(self.embed([clip]))
        index = self._indexed()
        # Of examples that are equal up to rounding, the first by gloss and name comes first.
        rounded = similarity.round(5)
        of_gloss = np.split(rounded, index.starts[1:])
        best = [int(start + part.argmax()) for start, part in zip(index.starts, of_gloss)]
        best = [best[i] for i in _largest(rounded[best], k)]
        found = (_largest(rounded, k), best)
        matches = ([Match(*index.keys[i], float(rounded[i])) for i in each] for each in found)
        return SearchResult(*matches)

    def embed(self, clips: Sequence[PoseClip]) -> np.ndarray:
        """Embed clips that show a hand: float32 [N, 2 D], the model's embeddings of both halves.

        Raises:
            UserError: If a clip shows no hand or does not fit its layout.
        """
        if self.joints is not None:
            clips = [clip.with_joints_of(self.joints) for clip in clips]
        parts = [half for clip in clips for half in halves(clip, self._checked(clip))]
        found = [each.embedding for each in self.model.recognize(parts)]
        embedding = np.asarray(found, np.float32).reshape(len(clips), 2 * len(self._probe))
        if not np.isfinite(embedding).all():
            raise UserError(f"{self.model_name}: the model gives NaN; export or train it again")
        return embedding

    def similarities(self, embeddings: np.ndarray) -> np.ndarray:
        """Compare embeddings [Q, D] with the examples: float32 [Q, N], as in :attr:`examples`.

        Raises:
            UserError: If the dictionary is empty.
        """
        index = self._indexed()
        return _unit(embeddings @ index.whitening) @ index.vectors.T

    @property
    def examples(self) -> list[tuple[str, str]]:
        """Gloss and name of each example, in alphabetical order."""
        return sorted(self._rows)

    def save(self, path: str | os.PathLike) -> None:
        """Write the dictionary to one ``.safetensors`` file.

        Raises:
            UserError: If the dictionary is empty.
            WriteError: If the file cannot be written.
        """
        write_dictionary(path, self.content())

    @classmethod
    def load(cls, path: str | os.PathLike, model: Encoder, model_name: str = "") -> SignDictionary:
        """Read a dictionary that the same model made.

        Raises:
            FileNotFoundError: If there is no such file.
            UserError: If it is damaged, no dictionary, or of another model.
        """
        content = read_dictionary(path)
        dictionary = cls(model, model_name or content.model_name, content.joints)
        if not same_model(content.probe, dictionary._probe):
            raise UserError(
                f"{path}: was built with another model ({Path(content.model_name).name}), whose "
                "embeddings differ; give that model, or build the dictionary again"
            )
        rows = zip(content.embedding, content.pose, content.aspect.tolist())
        dictionary._rows = {
            key: _Row(*row) for key, row in zip(zip(content.glosses, content.names), rows)
        }
        return dictionary

    def content(self) -> DictionaryContent:
        """Return what the file holds.

        Raises:
            UserError: If the dictionary is empty.
        """
        self._require_examples()
        keys = self.examples
        rows = [self._rows[key] for key in keys]
        glosses, names = zip(*keys)
        return DictionaryContent(
            model_name=self.model_name,
            joints=self.joints,
            probe=self._probe,
            glosses=list(glosses),
            names=list(names),
            embedding=np.stack([row.embedding for row in rows]),
            pose=np.stack([row.pose for row in rows]),
            aspect=np.array([row.aspect for row in rows], np.float32),
        )

    def _checked(self, clip: PoseClip) -> PartClip:
        parts = part_clip(clip)
        if not len(parts.hand_frames):
            raise UserError(
                f"{clip.name}: no hand in its {len(parts.score)} frames; show the hands, larger "
                "and in better light"
            )
        return parts

    def _require_examples(self) -> None:
        if not self._rows:
            raise UserError("the dictionary is empty; add an example of a sign first")

    def _indexed(self) -> _Index:
        self._require_examples()
        if self._index is None:
            keys = self.examples
            embedding = np.stack([self._rows[key].embedding for key in keys])
            whitening = half_whitening(embedding)
            glosses = [gloss for gloss, _ in keys]
            starts = [0] + [i for i in range(1, len(keys)) if glosses[i] != glosses[i - 1]]
            self._index = _Index(keys, _unit(embedding @ whitening), whitening, np.array(starts))
        return self._index


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, 1e-12)


def _largest(values: np.ndarray, k: int) -> list[int]:
    """Return the positions of the k largest values; of equals the first come first."""
    if len(values) > 4 * k:
        threshold = np.partition(values, -k)[-k]
        candidates = np.flatnonzero(values >= threshold)
    else:
        candidates = np.arange(len(values))
    order = np.argsort(-values[candidates], kind="stable")
    return candidates[order[:k]].tolist()
