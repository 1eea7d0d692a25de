"""The file of a sign dictionary: one ``.safetensors`` file that holds nothing to execute.

Arrays: ``embedding`` float32 [N, 2 D], ``pose`` uint8 [N, 32, 49, 2]
(:mod:`masa_mm.inference.stored_pose`), ``aspect`` float32 [N], ``probe`` float32 [D]
(:mod:`masa_mm.inference.model_probe`), and glosses and names of the N examples in UTF-8, with
offsets. Metadata: one JSON object of version, the model's name and its joints.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import numpy as np

from masa_mm.atomic_write import atomic_write
from masa_mm.errors import UserError
from masa_mm.inference.stored_pose import is_stored_pose
from masa_mm.pose.files import parse_json, require_file
from masa_mm.pose.skeleton import SOURCE_LAYOUTS
from masa_mm.pose.store_file import Part, StoreFile, write_safetensors
from masa_mm.pose.store_format import ClipNames

FORMAT = "masa_mm.sign_dictionary"
VERSION = 1
_TEXTS = ("gloss", "name")


class DictionaryContent(NamedTuple):
    """All that a dictionary's file holds; N examples, sorted by gloss and name.

    Attributes:
        model_name (str): Path of the model that made the embeddings.
        joints (str, optional): Layout that the model was trained on, if it lacked joints.
        probe (np.ndarray): Its embedding of the probe clip, float32 [D].
        glosses (list[str]): Sign of each example.
        names (list[str]): Clip of each example.
        embedding (np.ndarray): Of both halves of each clip, float32 [N, 2 D].
        pose (np.ndarray): uint8 [N, 32, 49, 2].
        aspect (np.ndarray): Width over height of each image, float32 [N].
    """

    model_name: str
    joints: str | None
    probe: np.ndarray
    glosses: list[str]
    names: list[str]
    embedding: np.ndarray
    pose: np.ndarray
    aspect: np.ndarray


def write_dictionary(path: str | os.PathLike, content: DictionaryContent) -> None:
    """Write a dictionary's file, or leave the old one.

    Raises:
        WriteError: If it cannot be written.
    """
    arrays = {name: getattr(content, name) for name in ("embedding", "pose", "aspect", "probe")}
    for name, texts in zip(_TEXTS, (content.glosses, content.names)):
        encoded = ClipNames.of(texts)
        arrays |= {f"{name}_text": encoded.text, f"{name}_offset": encoded.offset}
    values = dict(version=VERSION, model=content.model_name, joints=content.joints)
    metadata = json.dumps(values, ensure_ascii=False)
    with atomic_write(path) as temporary:
        parts = {name: Part.of(array) for name, array in arrays.items()}
        write_safetensors(temporary, parts, {FORMAT: metadata})


def read_dictionary(path: str | os.PathLike) -> DictionaryContent:
    """Read a dictionary's file.

    Raises:
        FileNotFoundError: If there is no such file.
        UserError: If it is damaged, or no dictionary.
    """
    require_file(path, "no such dictionary; make it with tools/dictionary.py build")
    file = StoreFile(path)
    model_name, joints = _read_metadata(path, file.metadata)
    try:
        texts = [
            ClipNames(file.arrays[f"{name}_text"][:], file.arrays[f"{name}_offset"][:]).tolist()
            for name in _TEXTS
        ]
        arrays = {name: file.arrays[name][:] for name in ("embedding", "pose", "aspect", "probe")}
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    content = DictionaryContent(model_name, joints, glosses=texts[0], names=texts[1], **arrays)
    _check(path, content)
    return content


def _read_metadata(path: str | os.PathLike, metadata: dict[str, Any]) -> tuple[str, str | None]:
    try:
        values = parse_json(metadata[FORMAT])
        version, name, joints = values["version"], values["model"], values["joints"]
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{path}: a safetensors file, but no sign dictionary; make one with "
            "tools/dictionary.py build"
        ) from None
    if version != VERSION or not isinstance(name, str) or joints not in (None, *SOURCE_LAYOUTS):
        raise UserError(
            f"{path}: is of version {version!r}, this release reads version {VERSION}: update "
            "masa_mm"
        )
    return name, joints


def _check(path: str | os.PathLike, content: DictionaryContent) -> None:
    count = len(content.names)
    shapes = (
        content.probe.ndim == 1
        and content.embedding.shape == (count, 2 * len(content.probe))
        and len(content.glosses) == len(content.pose) == count
        and content.aspect.shape == (count,)
        and is_stored_pose(content.pose.shape)
    )
    floats = (content.probe, content.embedding, content.aspect)
    kinds = all(each.dtype == np.float32 for each in floats) and content.pose.dtype == np.uint8
    if not shapes or not kinds:
        raise _damaged(path, "its arrays do not fit each other")
    if not all(np.isfinite(each).all() for each in floats) or not (content.aspect > 0).all():
        raise _damaged(path, "it holds numbers that are not finite")
    if len(set(zip(content.glosses, content.names))) < count:
        raise _damaged(path, "an example is there twice")


def _damaged(path: str | os.PathLike, problem: str) -> UserError:
    return UserError(f"{path}: a damaged dictionary ({problem}); copy or build it again")
