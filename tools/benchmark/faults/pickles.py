"""Fuzz the readers of pickles, checkpoints, scores and arrays with malformed files.

    python tools/benchmark/faults/pickles.py --runs 20000 --seed 0

Each run changes a valid file at the level of opcodes, or generates opcodes, and gives it to the
readers in a process with limited memory, which then uses all that was read. A death by a signal, a
hang, a call of a foreign function and an error that is no message for users are failures; the
number of the run reproduces it (``--first N --runs 1``). Exits with 1 if there is one.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import os
import pickle
import pickletools
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

_MEMORY = 2 * 2**30  # above what the imports take
_SECONDS = 20  # of one run
_KINDS = ("pickle", "scores", "zip", "legacy", "npz")
_CODES = (
    *("f4", "f8", "i8", "b1", "U2", "S3", "O", "O8", "V8", "M8[s]", "c16", "f2", "U999999"),
    *("i4,i4", "(9)f4", "?", ">f4", "<U1"),
)
_NUMBERS = (0, 1, 2, 3, 7, 63, -1, 2**8, 2**16, 2**31 - 1, 2**31, 2**62, 2**63, -(2**63))
_CALLS = """numpy dtype|numpy ndarray|numpy.core.multiarray _reconstruct|collections OrderedDict
numpy._core.multiarray scalar|numpy._core.numeric _frombuffer|_codecs encode|builtins set
builtins frozenset|builtins bytes|builtins bytearray|builtins complex|builtins range|torch Size
torch._utils _rebuild_tensor_v2|torch._utils _rebuild_tensor_v3|torch._utils _rebuild_parameter
torch._utils _rebuild_sparse_tensor|torch._utils _rebuild_qtensor|torch FloatStorage|torch float32
torch._utils _rebuild_meta_tensor_no_storage|torch BoolStorage|torch.storage _load_from_bytes
mmengine.logging.history_buffer HistoryBuffer|builtins getattr|os system|builtins eval"""
_NAMES = [tuple(name.split(" ")) for line in _CALLS.splitlines() for name in line.split("|")]


class Marker:
    """Creates a file in the working folder when a reader executes it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("executed",)


def contents() -> list[Any]:
    """Values of the kinds that the readers of pickles and checkpoints know."""
    rng = np.random.default_rng(0)
    joints = rng.random((3, 133, 3)).astype(np.float32)
    clip = dict(
        frame_dir="a", total_frames=3, img_shape=(9, 9), label=0, keypoint=joints[None, ..., :2]
    )
    ragged = np.empty(2, object)
    ragged[:] = [joints[0], joints[:2]]
    return [
        joints,
        dict(keypoints=joints[..., :2], scores=joints[..., 2]),
        dict(keypoints=list(joints[..., None, :, :2]), scores=list(joints[..., 2]), start=0, end=2),
        dict(annotations=[dict(clip, keypoint_score=joints[None, ..., 2])], split=dict(a=["a"])),
        [ragged, np.array(["ab", "c"]), np.array([True, False]), np.asfortranarray(joints[0])],
        [np.float32(1), np.int64(2), np.bool_(True), np.str_("ab"), {1, 2}, frozenset("a"), 1j],
        collections.OrderedDict(a=[[0.5, 1.5]] * 3, b=bytearray(b"xy"), c=range(3), d=2**40),
        [Marker(), joints.astype(">f4")],
    ]


def tensor_contents() -> list[Any]:
    """Values of the kinds that checkpoints and dumps of scores hold."""
    import torch
    from mmengine.logging import HistoryBuffer

    layer = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    mask = torch.tensor([True, False])
    scores = [dict(pred_score=torch.rand(4), gt_label=torch.tensor([1]), frame_dir="a")] * 2
    return [
        dict(state_dict=layer.state_dict(), meta=dict(epoch=1, seed=np.int64(3))),
        dict(message_hub=dict(log_scalars=dict(loss=HistoryBuffer([0.5], [1]))), mask=mask),
        scores,
        dict(sparse=torch.eye(3).to_sparse(), csr=torch.eye(3).to_sparse_csr()),
        dict(
            tensor=torch.quantize_per_channel(
                torch.eye(3), torch.ones(3), torch.ones(3), 0, torch.qint8
            )
        ),
        dict(size=torch.Size([2]), p=torch.nn.Parameter(torch.ones(2)), t=torch.ones(4, 3).t()),
    ]


def opcodes(data: bytes) -> list[bytes]:
    """Split a pickle into its opcodes with their arguments, without frames."""
    found = [(op.name, place) for op, _, place in pickletools.genops(data)]
    ends = [place for _, place in found[1:]] + [len(data)]
    return [data[place:end] for (name, place), end in zip(found, ends) if name != "FRAME"]


def value(rng: random.Random, depth: int = 0) -> bytes:
    """Opcodes that push a random value."""
    kind = rng.randrange(12 if depth < 4 else 6)
    if kind == 0:
        return _integer(rng.choice(_NUMBERS))
    if kind == 1:
        return _text(rng.choice((*_CODES, "latin1", "C", "<", ">", "|", "_metadata", "0", "cpu")))
    if kind == 2:
        data = rng.randbytes(rng.choice((0, 1, 4, 8, 16, 96)))
        return b"B" + struct.pack("<I", len(data)) + data
    if kind == 3:
        return rng.choice((b"N", b"\x88", b"\x89", b"]", b"}", b")", b"\x8f", b"G?\xf0" + bytes(6)))
    if kind == 4:
        return b"h" + bytes([rng.randrange(8)])
    if kind == 5:
        module, name = rng.choice(_NAMES)
        return f"c{module}\n{name}\n".encode()
    if kind in (6, 7):
        module, name = rng.choice(_NAMES)
        arguments = b"".join(value(rng, depth + 1) for _ in range(rng.randrange(5)))
        built = f"c{module}\n{name}\n(".encode() + arguments + b"tR"
        return built + (value(rng, depth + 1) + b"b" if rng.random() < 0.5 else b"")
    if kind == 8:
        return _array(rng)
    items = b"".join(value(rng, depth + 1) for _ in range(rng.randrange(5)))
    return rng.choice((b"(" + items + b"t", b"](" + items + b"e", b"\x8f(" + items + b"\x90"))


def _integer(number: int) -> bytes:
    data = number.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + data


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _array(rng: random.Random) -> bytes:
    """Push a valid array, but for one or two lies about its dtype, shape or bytes."""
    dtype = dict(
        code="f4", order="<", sub=None, names=None, fields=None, size=-1, align=-1, flags=0
    )
    array: dict[str, Any] = dict(shape=(2, 3), fortran=False, data=bytes(24))
    lies: list[tuple[str, tuple]] = [
        ("code", _CODES),
        ("order", (">", "|", "=", "x", None)),
        ("sub", (("f4", (2,)), ("f8", (10**6,)), ("O", (1,)))),
        ("names", (("a",), ("a", "b"), ())),
        ("fields", ({"a": ("f8", 10**6)}, {"a": ("O", 0)}, {"b": ("f4", -8)})),
        ("size", (0, 1, 8, 4096, 2**31 - 1, -2)),
        ("align", (0, 3, 16, -2)),
        ("flags", (1, 4, 27, 63, 255, -1)),
        ("shape", ((2**20, 2**20), (0, 2**62), (-1, 6), (2**63 - 1, 2), (7,), 3, (2.0, 3))),
        ("fortran", (True, 2, None)),
        ("data", (b"", bytes(23), b"\xff" * 24, [1] * 6, [None] * 3, "x" * 24, 5, None)),
    ]
    for name, values in rng.sample(lies, rng.choice((0, 1, 1, 2, 3))):
        target = array if name in array else dtype
        target[name] = rng.choice(values)
        if name in ("names", "fields"):  # both, or neither matters
            dtype["names"] = dtype["names"] or ("a",)
            dtype["fields"] = dtype["fields"] or {"a": ("f8", 4096)}
    head = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    state = _plain(1) + _plain(array["shape"]) + _dtype(dtype)
    return head + b"(" + state + _plain(array["fortran"]) + _plain(array["data"]) + b"tb"


def _dtype(parts: dict[str, Any]) -> bytes:
    """Push a dtype; those in its fields are valid."""

    def simple(code: str) -> bytes:
        return b"cnumpy\ndtype\n(" + _text(code) + b"\x89\x88tR"

    sub = b"N" if parts["sub"] is None else None
    if sub is None:
        sub = b"(" + simple(parts["sub"][0]) + _plain(parts["sub"][1]) + b"t"
    fields = b"N"
    if parts["fields"] is not None:
        fields = b"}"
        for name, (code, offset) in parts["fields"].items():
            fields += _text(name) + b"(" + simple(code) + _plain(offset) + b"ts"
    sizes = b"".join(_plain(parts[name]) for name in ("size", "align", "flags"))
    state = _plain(3) + _plain(parts["order"]) + sub + _plain(parts["names"]) + fields + sizes
    return simple(parts["code"]) + b"(" + state + b"tb"


def _plain(content: Any) -> bytes:
    """Opcodes that push a plain value."""
    return (
        pickle.dumps(content, protocol=3)[2:-1]
        if not isinstance(content, tuple)
        else (b"(" + b"".join(_plain(item) for item in content) + b"t")
    )


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Change a valid pickle at the level of its opcodes."""
    if rng.random() < 0.1:
        return b"\x80\x03]" + b"".join(_array(rng) + b"a" for _ in range(3)) + b"."
    if rng.random() < 0.1:
        pushed = b"".join(value(rng) for _ in range(rng.randrange(1, 6)))
        return b"\x80\x04" + pushed + b"."
    ops = opcodes(data)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        _change(ops, rng)
    return b"".join(ops)


def _change(ops: list[bytes], rng: random.Random) -> None:
    place, other = rng.randrange(len(ops)), rng.randrange(len(ops))
    kind = rng.randrange(10)
    if kind > 6:
        _change_argument(ops, rng)
    elif kind == 0 and len(ops) > 1:
        del ops[place]
    elif kind == 1:
        ops.insert(place, ops[other])
    elif kind == 2:
        ops[place], ops[other] = ops[other], ops[place]
    elif kind == 3:
        ops.insert(place, value(rng))
    elif kind == 4:
        ops[place] = value(rng)
    elif kind == 5:
        ops[place] = rng.choice(pickletools.opcodes).code.encode("latin1") + ops[place][1:]
    else:
        changed = bytearray(ops[place])
        changed[rng.randrange(len(changed))] = rng.randrange(256)
        ops[place] = bytes(changed)


def _change_argument(ops: list[bytes], rng: random.Random) -> None:
    """Replace a number by another, or a name by another name."""
    numbers = [place for place, op in enumerate(ops) if op[:1] in b"KMJ\x8aI"]
    names = [place for place, op in enumerate(ops) if op[:1] == b"c"]
    if names and rng.random() < 0.2:
        ops[rng.choice(names)] = "c{}\n{}\n".format(*rng.choice(_NAMES)).encode()
    elif numbers:
        ops[rng.choice(numbers)] = _integer(rng.choice(_NUMBERS))


def make_file(kind: str, rng: random.Random, seeds: dict[str, list]) -> bytes:
    """Make a malformed file of a kind."""
    content = rng.choice(seeds[kind])
    if kind in ("pickle", "scores"):
        return mutate(content[rng.randrange(6)] if kind == "pickle" else content, rng)
    if kind == "legacy":
        before, data, after = content
        return before + mutate(data, rng) + after
    entries = {
        name: _changed_entry(name, data, rng) if rng.random() < 0.5 else data
        for name, data in content.items()
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", rng.choice((0, 0, 0, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file.getvalue()


def _changed_entry(name: str, data: bytes, rng: random.Random) -> bytes:
    if name.endswith("data.pkl"):
        return mutate(data, rng)
    if not data or rng.random() < 0.5:
        return data[: rng.randrange(len(data) + 1)] + rng.randbytes(rng.randrange(3))
    changed = bytearray(data)
    changed[rng.randrange(min(len(changed), 128))] = rng.randrange(256)
    return bytes(changed)


def make_seeds() -> dict[str, list]:
    """Make valid files of each kind, taken apart for :func:`make_file`."""
    import torch

    warnings.simplefilter("ignore")  # about kinds of tensors
    zips, legacy, arrays = [], [], io.BytesIO()
    for content in tensor_contents():
        file = io.BytesIO()
        torch.save(content, file)
        zips.append(_entries(file))
        file = io.BytesIO()
        torch.save(content, file, _use_new_zipfile_serialization=False)
        legacy.append(_legacy_parts(file.getvalue()))
    named = dict(a=np.ones((2, 3)), ids=np.array(["ab"]), mask=np.array([True, False]))
    np.savez(arrays, **named)
    return dict(
        pickle=[[pickle.dumps(c, protocol=p) for p in range(6)] for c in contents()],
        scores=[pickle.dumps(c) for c in tensor_contents()],
        zip=zips,
        legacy=legacy,
        npz=[_entries(arrays)],
    )


def _entries(file: io.BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _legacy_parts(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Split a file of the format before torch 1.6 around the pickle of its content."""
    stream = io.BytesIO(data)
    for _ in range(3):
        pickle.load(stream)
    start = stream.tell()
    for _ in pickletools.genops(stream):
        pass
    return data[:start], data[start : stream.tell()], data[stream.tell() :]


def readers(kind: str) -> list[Callable[[Path], Any]]:
    """The package's readers of a kind of file."""
    from masa_mm.compat import load_from_local
    from masa_mm.evaluation.score_files import load_scores
    from masa_mm.models.reference.checkpoint import read_reference
    from masa_mm.pose.files import read_arrays
    from masa_mm.pose.pose_pickle import PosePickle
    from masa_mm.pose.safe_pickle import load_pickle
    from masa_mm.sources.estimator_arrays import read_estimator_file

    def estimator(path: Path) -> Any:
        return read_estimator_file(path, "coco_wholebody")

    return {
        "pickle": [load_pickle, PosePickle, estimator],
        "scores": [load_scores],
        "npz": [read_arrays, load_scores],
    }.get(kind, [load_from_local, read_reference])


def use(content: Any) -> None:
    """Touch all bytes of a value, as training and evaluation would."""
    import torch

    if isinstance(content, dict):
        use(list(content.items()))
    elif isinstance(content, (list, tuple, set)):
        for item in content:
            use(item)
    elif isinstance(content, torch.Tensor):
        content.detach().clone().contiguous().sum()
        repr(content)
    elif isinstance(content, np.ndarray):
        repr(content), content.copy().tolist()
        if content.dtype == bool:
            np.arange(content.size)[content.reshape(-1)].sum()
    else:
        repr(content)


def work(first: int, last: int, seed: int, folder: Path) -> None:
    """Do the runs of a worker; prints one line before and one after each."""
    import torch  # noqa: F401

    import masa_mm  # noqa: F401
    from masa_mm.errors import UserError

    seeds = make_seeds()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MEMORY,) * 2)
    os.chdir(folder)
    for number in range(first, last):
        rng = random.Random(f"{seed} {number}")
        kind = _KINDS[number % len(_KINDS)]
        path = folder / f"a.{dict(npz='npz', zip='pth', legacy='pth').get(kind, 'pkl')}"
        path.write_bytes(make_file(kind, rng, seeds))
        print(f"run {number} {kind}", flush=True)
        for reader in readers(kind):
            signal.alarm(_SECONDS)
            try:
                use(reader(path))
                result = "read"
            except (UserError, FileNotFoundError) as error:
                lines = len(str(error).splitlines())
                result = "refused" if lines == 1 else f"raw message of {lines} lines: {error}"
            except Exception as error:
                result = f"raw {type(error).__name__}: {error} in {reader.__name__}"
            signal.alarm(0)
            if Path("executed").exists():
                result = "executed"
            print(json.dumps(result), flush=True)
    print("memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, flush=True)


def campaign(first: int, runs: int, seed: int) -> tuple[collections.Counter, list[str], int]:
    """Run workers until all runs are done.

    Args:
        first (int): Number of the first run.
        runs (int): How many there are.
        seed (int): Chooses the files.

    Returns:
        tuple: Counts of results, failures with the numbers of their runs, and the largest memory in
            MiB of a worker that ended by itself.
    """
    counts: collections.Counter = collections.Counter()
    failures: list[str] = []
    most, last = 0, first + runs
    while first < last:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, "--worker", folder]
            command += ["--first", str(first), "--runs", str(last - first), "--seed", str(seed)]
            done = subprocess.run(command, capture_output=True, text=True)
        run = ""
        for line in _lines(done.stdout):
            if line.startswith("run "):
                run, first = line, int(line.split()[1]) + 1
                counts["files"] += 1
            elif line.startswith("memory "):
                most = max(most, int(line.split()[1]))
            else:
                result = json.loads(line)
                counts[result.split()[0]] += 1
                failures += [f"{run}: {result}"] if result not in ("read", "refused") else []
        if done.returncode:
            counts["deaths"] += 1
            failures.append(f"{run}: worker ended with {done.returncode}: {done.stderr[-600:]}")
            if not run:
                break
    return counts, failures, most


def _lines(text: str) -> Iterator[str]:
    return (line for line in text.splitlines() if line.startswith(("run ", "memory ", '"')))


def main() -> int:
    """Run the campaign and print its counts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=2000, help="malformed files (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        work(args.first, args.first + args.runs, args.seed, args.worker)
        return 0
    start = time.perf_counter()
    counts, failures, most = campaign(args.first, args.runs, args.seed)
    print(f"{dict(counts)}, at most {most} MiB, {time.perf_counter() - start:.0f} s")
    for failure in failures:
        print(failure)
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
