"""Mutations that make a malformed input of a valid one; each takes its file and a random generator.

Structure is kept where possible, so that most malformed inputs reach the checks behind the parser:
a JSON file or a pickle gets another value somewhere in its tree, an array another type or shape.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Mutation = Callable[[Path, random.Random], None]


class Canary:
    """Writes the file ``executed`` in the working directory when it is unpickled."""

    def __reduce__(self) -> tuple:
        return Path.touch, (Path("executed"),)


# ---- any file ----------------------------------------------------------------------------------


def truncate(path: Path, rng: random.Random) -> None:
    """Cut the end off."""
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def flip(path: Path, rng: random.Random) -> None:
    """Change one to 30 bytes, most often near the beginning, where headers are."""
    data = bytearray(path.read_bytes())
    reach = len(data) if rng.random() < 0.3 else min(len(data), 300)
    for _ in range(rng.choice((1, 1, 3, 30))):
        data[rng.randrange(reach)] = rng.randrange(256)
    path.write_bytes(data)


def splice(path: Path, rng: random.Random) -> None:
    """Remove, repeat or overwrite a piece."""
    data = path.read_bytes()
    start = rng.randrange(len(data))
    piece = data[start : start + rng.choice((1, 4, 100, 4096))]
    filling = rng.choice((b"", piece * 3, b"\xff" * len(piece), b"\0" * len(piece)))
    path.write_bytes(data[:start] + filling + data[start + len(piece) :])


def replace_all(path: Path, rng: random.Random) -> None:
    """Write something else entirely."""
    path.write_bytes(
        rng.choice(
            (
                b"",
                b"\n",
                b"\0" * 4096,
                rng.randbytes(2000),
                b"PK\x03\x04" + rng.randbytes(100),
                b"\x93NUMPY" + rng.randbytes(100),
                gzip.compress(path.read_bytes()),
                pickle.dumps([Canary()]),
                b"\xff\xfe" + "id,label\na,1\n".encode("utf-16-le"),
                b"[" * 100_000,
                b"9" * 10_000,
            )
        )
    )


def replace_by_no_file(path: Path, rng: random.Random) -> None:
    """Put a folder, a link to itself, a link to nothing or a named pipe in its place."""
    path.unlink()
    rng.choice(
        (
            path.mkdir,
            lambda: path.symlink_to(path.name),
            lambda: path.symlink_to("gone"),
            lambda: os.mkfifo(path),
            lambda: path.symlink_to("/dev/full"),
            lambda: None,
        )
    )()


NAMES = (
    os.fsdecode(b"caf\xe9"),
    "two\nlines",
    "\x1b[31mred",
    "tab\there",
    "²",
    "नमस्ते",
    "a;touch executed;",
    "$(touch executed)",
    "x" * 200,
    "..",
    "con",
    " ",
)


def rename(path: Path, rng: random.Random) -> None:
    """Give the file, or the folder it is in, a name that programs stumble over."""
    name = rng.choice(NAMES)
    ending = path.name[path.name.find(".") :]
    target = path.with_name(f"{name}{ending}")
    if rng.random() < 0.5 and path.parent.name != "given":
        path, target = path.parent, path.parent.with_name(name if name != ".." else "...")
    path.rename(target)


ANY: tuple[Mutation, ...] = (truncate, flip, flip, splice, replace_all, replace_by_no_file, rename)

# ---- text --------------------------------------------------------------------------------------

CELLS = (
    *("", " ", "²", "-1", "1e400", "nan", "inf", "-inf", "9" * 10_000, "1.5", "0x10", "1_000"),
    *("٣", "\0", "é", "../../x", "/etc/passwd", "a" * 200_000, '"', "'", "true", "=1+1", "\x1b[2J"),
    *("18446744073709551616", "-9223372036854775809", "[1, 2", "[NaN]", "two\nlines", "\u2028"),
)


def change_cell(path: Path, rng: random.Random) -> None:
    """Put something else into a cell of a table, or into a line of a list."""
    lines = _lines(path)
    number = rng.randrange(len(lines))
    separator = max(",;\t|", key=lines[number].count)
    cells = lines[number].split(separator)
    cells[rng.randrange(len(cells))] = rng.choice(CELLS)
    lines[number] = separator.join(cells)
    _write_lines(path, lines)


def change_lines(path: Path, rng: random.Random) -> None:
    """Remove, repeat, reverse or lengthen lines."""
    lines = _lines(path)
    number = rng.randrange(len(lines))
    changed = rng.choice(
        (
            lines[:number] + lines[number + 1 :],
            lines[:number] + [lines[number]] * 2 + lines[number + 1 :],
            lines[::-1],
            lines[:1],
            lines[1:],
            [line + ",more" for line in lines],
            [*lines, "x"],
            [line.partition(",")[2] for line in lines],
            [lines[0] + "," + lines[0], *(f"{line},{line}" for line in lines[1:])],
        )
    )
    _write_lines(path, changed)


def encode(path: Path, rng: random.Random) -> None:
    """Save the text in another encoding."""
    text = "\n".join(_lines(path)) + "\né"
    encoding = rng.choice(("utf-16", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-8-sig"))
    path.write_bytes(text.encode(encoding, "replace"))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() or [""]


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))


# ---- trees: JSON and pickles -------------------------------------------------------------------

# What json.dumps cannot write, by the string that stands for it.
RAW = {
    "@digits": "7" * 10_000,
    "@deep": "[" * 5_000 + "]" * 5_000,
    "@too deep": "[" * 200_000 + "]" * 200_000,
    "@1e400": "1e400",
    "@surrogate": '"\\ud800"',
    "@newline": '"two\\nlines"',
    "@escape": '"\\u001b[2J"',
}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**300, 0.5, 1e308, -1e-300),
    *(float("nan"), float("inf"), -float("inf"), "", "²", "x", "1", "../../x", "nan", "\0"),
    *(
        [],
        {},
        [[]],
        [None],
        [1, [2]],
        {"a": 1},
        [[1, 2], [3]],
        ["x"] * 133,
        [0] * 2,
        [[0, 0]] * 133,
    ),
)


def change_tree(tree: Any, rng: random.Random, values: tuple[Any, ...]) -> Any:
    """Return a tree with one place changed: another value, removed, repeated or renamed."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    if not len(keys):
        return rng.choice(values)
    key = rng.choice(list(keys[:3]) + [rng.choice(keys)])
    below = tree[key]
    if isinstance(below, (dict, list, tuple)) and len(below) and rng.random() < 0.75:
        changed = change_tree(below, rng, values)
        return {**tree, key: changed} if isinstance(tree, dict) else _put(tree, key, [changed])
    if isinstance(below, np.ndarray) and rng.random() < 0.8:
        new = [change_array(below, rng)]
    else:
        new = rng.choice(([rng.choice(values)],) * 6 + ([], [below, below]))
    if isinstance(tree, dict):
        rest = {k: v for k, v in tree.items() if k != key}
        return rest if not new else {**tree, key: new[0]}
    return _put(tree, key, new)


def _put(sequence: Any, index: int, new: list) -> Any:
    return type(sequence)([*sequence[:index], *new, *sequence[index + 1 :]])


def change_json(path: Path, rng: random.Random) -> None:
    """Change a JSON file at one place of its tree; sometimes at the root."""
    path.write_bytes(_json(json.loads(path.read_text(encoding="utf-8")), rng))


def _json(tree: Any, rng: random.Random) -> bytes:
    values = (*VALUES, *RAW)
    for _ in range(rng.choice((1, 1, 2))):
        if not isinstance(tree, (dict, list)) or rng.random() < 0.05:
            tree = rng.choice(values)
        else:
            tree = change_tree(tree, rng, values)
    text = json.dumps(tree)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


def repeat_key(path: Path, rng: random.Random) -> None:
    """Write an object that has a key twice."""
    text = path.read_text(encoding="utf-8")
    start = text.find("{")
    path.write_text(text[: start + 1] + '"id": 1, "id": 2, ' + text[start + 1 :], encoding="utf-8")


def change_pickle(path: Path, rng: random.Random) -> None:
    """Change a pickle at one place of its tree."""
    tree = pickle.loads(path.read_bytes())
    values = (*VALUES, 10**5000, b"bytes", {1, 2}, range(3), 1j, np.float64("nan"), "\ud800", (1,))
    if isinstance(tree, np.ndarray):
        tree = [change_array(tree, rng)][0]
    else:
        tree = change_tree(tree, rng, (*values, np.array(None), np.empty((0, 3))))
    path.write_bytes(pickle.dumps(tree))


# ---- arrays ------------------------------------------------------------------------------------


def change_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Return an array of another type or shape, or with a value that is out of place."""
    return rng.choice((_other_type, _other_shape, _other_value, _other_value))(array, rng)


def _other_type(array: np.ndarray, rng: random.Random) -> np.ndarray:
    kinds = ("U8", "S4", "c16", "?", "i1", "u8", "M8[s]", "m8[s]", "f2", "O", "V8", ">f8", "<i8")
    kind = rng.choice(kinds)
    with np.errstate(all="ignore"):
        try:
            return array.astype(kind)
        except (TypeError, ValueError):
            return np.zeros(array.shape, kind)


def _other_shape(array: np.ndarray, rng: random.Random) -> np.ndarray:
    axis = rng.randrange(max(array.ndim, 1))
    changes: list[Callable[[], np.ndarray]] = [
        lambda: array[None],
        lambda: array[..., None],
        lambda: array.reshape(-1),
        lambda: array.T,
        lambda: np.asarray(0),
        lambda: np.zeros(0, array.dtype),
        lambda: np.asarray([(1, 2)], dtype=[("a", "i4"), ("b", "f4")]),
    ]
    if array.ndim:
        changes += [
            lambda: np.take(array, [], axis),
            lambda: np.take(array, range(array.shape[axis] - 1), axis),
            lambda: np.concatenate([array, array], axis),
            lambda: array[0],
        ]
    return rng.choice(changes)() if array.size else np.zeros((2, 2))


def _other_value(array: np.ndarray, rng: random.Random) -> np.ndarray:
    if array.dtype.kind not in "fiu" or not array.size:
        return _other_shape(array, rng)
    values: tuple[Any, ...] = (-1, 0, np.iinfo(np.int32).max)
    if array.dtype.kind == "f":
        values = (-1, 0, np.nan, np.inf, -np.inf, 1e30, 1e-30)
    array = array.copy()
    where: Any = ... if rng.random() < 0.5 else tuple(rng.randrange(n) for n in array.shape)
    with np.errstate(all="ignore"):
        array[where] = np.asarray(rng.choice(values)).astype(array.dtype)
    return array


def change_npy(path: Path, rng: random.Random) -> None:
    """Change the array of an ``.npy`` file."""
    np.save(path, change_array(np.load(path), rng), allow_pickle=True)


def change_npz(path: Path, rng: random.Random) -> None:
    """Change, remove or rename an array of an ``.npz`` file, or add objects that execute code."""
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    name = rng.choice(list(arrays))
    choice = rng.random()
    if choice < 0.7:
        arrays[name] = change_array(arrays[name], rng)
    elif choice < 0.85:
        value = arrays.pop(name)
        if rng.random() < 0.5:
            arrays[rng.choice(("x", "../x", "num_frames", "id", "é"))] = value
    else:
        arrays[name] = np.array([Canary()], object)
    np.savez(path, **arrays)


def change_header(path: Path, rng: random.Random) -> None:
    """Declare another shape or type in the header of an ``.npy`` file than its data have."""
    array = np.load(path)
    shape = rng.choice(("(10000000000,)", "(-1, 3)", "(1000000, 1000000)", "((),)", "(1e3,)"))
    kind = rng.choice(("<f4", "|O", "|V100000000", "<U2000000000", "x", "[('a', 'f4')]"))
    shape = shape if rng.random() < 0.7 else str(array.shape)
    header = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + array.tobytes()
    path.write_bytes(data)


# ---- pose stores -------------------------------------------------------------------------------


def change_store(path: Path, rng: random.Random) -> None:
    """Change a tensor or the metadata of a pose store."""
    from safetensors.numpy import load_file, save_file

    metadata, tensors = _metadata(path), load_file(path)
    if rng.random() < 0.3:
        key = next(iter(metadata))
        metadata[key] = _json(json.loads(metadata[key]), rng).decode()
    else:
        name = rng.choice(list(tensors))
        changed = change_array(tensors[name], rng)
        if changed.dtype.kind in "fiub" and changed.dtype.byteorder in "=|":
            tensors[name] = np.ascontiguousarray(changed)
        else:
            del tensors[name]
    save_file(tensors, path, metadata)


def change_scores(path: Path, rng: random.Random) -> None:
    """Give a store's joints scores that mean nothing."""
    from safetensors.numpy import load_file, save_file

    metadata, tensors = _metadata(path), load_file(path)
    tensors["keypoint_score"][:] = rng.choice((-1, 0, np.nan, np.inf))
    save_file(tensors, path, metadata)


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="np") as file:
        return file.metadata()


def change_safetensors_header(path: Path, rng: random.Random) -> None:
    """Change the JSON header of a safetensors file: types, shapes and places of tensors."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = _json(json.loads(data[8 : 8 + size]), rng)
    declared = rng.choice((len(header),) * 5 + (2**63, 2**32, 0))
    path.write_bytes(declared.to_bytes(8, "little") + header + data[8 + size :])


# ---- images ------------------------------------------------------------------------------------


def enlarge_image(path: Path, rng: random.Random) -> None:
    """Declare another size in the header of a PNG file, with a valid checksum."""
    import zlib

    data = bytearray(path.read_bytes())
    sides = rng.choice(((0, 1), (1, 1), (30_000, 30_000), (2**31 - 1, 1), (2**31 - 1, 2**31 - 1)))
    data[16:24] = struct.pack(">II", *sides)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


_TEXT = (change_cell, change_cell, change_cell, change_lines, encode)
BY_SUFFIX: dict[str, tuple[Mutation, ...]] = {
    ".json": (change_json,) * 10 + (repeat_key, encode),
    ".pkl": (change_pickle,) * 8,
    ".npy": (change_npy,) * 4 + (change_header,),
    ".npz": (change_npz,) * 8,
    ".csv": _TEXT * 2,
    ".txt": _TEXT * 2,
    ".md": _TEXT * 2,
    ".safetensors": (change_store,) * 6 + (change_scores, *(change_safetensors_header,) * 3),
    ".png": (enlarge_image,) * 3,
}


def mutate(path: Path, rng: random.Random) -> str:
    """Apply a random mutation that fits the file; return its name."""
    special = BY_SUFFIX.get(path.suffix, ())
    mutation = rng.choice((*ANY, *special))
    mutation(path, rng)
    return mutation.__name__
