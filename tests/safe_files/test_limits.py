"""What a file may take follows from its size; readers check it before they build anything.

Also covers masa_mm.safe_files.pickle_content, by the pickles of test_pickle_machine.py.
"""

import gzip
import json
import pickle
import zipfile

import numpy as np
import pytest

from masa_mm.datasets.official_lists import read_wlasl
from masa_mm.errors import UserError
from masa_mm.pose.files import read_json
from masa_mm.pose.safe_pickle import UnsafePickleError, loads_pickle
from masa_mm.safe_files.limits import (
    Budget,
    MemoryLimitError,
    TooLargeError,
    check_memory,
    check_text_size,
    gzip_limit,
    memory_limit,
)

from toys.limited import run_limited


def test_larger_files_may_take_more():
    assert memory_limit(0) < memory_limit(10**6) < memory_limit(10**9)
    assert gzip_limit(100) < gzip_limit(10**6) <= gzip_limit(10**10) < 2**30
    check_memory("a", memory_limit(100), 100)
    with pytest.raises(TooLargeError, match=r"^a: its 100 bytes would become .* MiB in memory"):
        check_memory("a", memory_limit(100) + 1, 100)


def test_a_budget_is_spent_once():
    budget = Budget(0)
    budget.take(memory_limit(0))
    with pytest.raises(MemoryLimitError, match="MiB of memory"):
        budget.take(1)


def test_texts_are_limited():
    check_text_size("a", 1000)
    with pytest.raises(TooLargeError, match="split it"):
        check_text_size("a", 2**40)


def test_real_lists_are_within_the_limits():
    """Nested lists of numbers take most memory for their size."""
    frames = [[[0.123 * joint, 1.5, 0.25] for joint in range(133)] for _ in range(30)]
    frames = frames * 20
    frames = json.loads(json.dumps(frames))  # without sharing
    for protocol in (0, 2, 5):
        assert loads_pickle(pickle.dumps(frames, protocol)) == frames


def write_bombs(folder):
    """Files of at most 36 MB that would take gigabytes."""
    (folder / "nested.json").write_text("[" * 10**6)
    (folder / "lists.json").write_text("[" + "[]," * (12 * 10**6) + "[]]")
    (folder / "digits.json").write_text("[" + "9" * 10**6 + "]")
    with gzip.open(folder / "list.json.gz", "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b" " * 2**20)
    for name, sizes in {"zeros.npz": [600], "many.npz": [60] * 10}.items():
        with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for number, size in enumerate(sizes):
                with archive.open(f"{number}.npy", "w") as entry:
                    header = dict(descr="|i1", fortran_order=False, shape=(size * 2**20,))
                    np.lib.format.write_array_header_1_0(entry, header)
                    for _ in range(size):
                        entry.write(bytes(2**20))
    for name, shape in {
        "shape.npy": (2**36,),
        "empty.npy": (0, 2**50),
        "minus.npy": (-1, 5),
    }.items():
        with open(folder / name, "wb") as file:
            header = dict(descr="<f8", fortran_order=False, shape=shape)
            np.lib.format.write_array_header_1_0(file, header)
    with zipfile.ZipFile(folder / "shape.npz", "w") as archive:
        archive.write(folder / "shape.npy", "a.npy")
    return sorted(folder.iterdir())


CHECK = """
import resource, sys
from masa_mm.datasets.official_lists import read_wlasl
from masa_mm.errors import UserError
from masa_mm.pose.files import read_arrays, read_json
for path in sys.argv[1:]:
    read = dict(json=read_json, gz=read_wlasl).get(path.rpartition(".")[2], read_arrays)
    try:
        print(path, len(read(path)))
    except UserError as error:
        print("one line" if str(error).count("\\n") == 0 else error)
print(peak_memory())
"""


def test_bombs_of_every_format_are_refused_with_little_memory(tmp_path):
    paths = write_bombs(tmp_path)
    *lines, memory = run_limited(CHECK, *paths)
    assert lines == ["one line"] * len(paths)
    assert float(memory) < 2


def test_the_message_names_the_file_and_what_to_do(tmp_path):
    path = tmp_path / "list.json"
    path.write_text("[" + "[]," * (12 * 10**6) + "[]]")
    for read in (read_json, read_wlasl):
        with pytest.raises(UserError, match=r"list\.json: its \d+ bytes would become .* split it"):
            read(path)


def test_a_pickle_names_its_size():
    data = b"\x80\x02cbuiltins\nrange\nJ\x00\x00\x00\x40\x85R."
    with pytest.raises(UnsafePickleError, match=r"more than 513 MiB of memory, for a file of"):
        loads_pickle(data)
