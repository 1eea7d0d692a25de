"""Nothing is called but builders, and no opcode takes memory for nothing.

The names are those that scanners of pickles missed: picklescan (CVE-2025-1716, -1945, -10155,
-10156, -10157, CVE-2026-56315 and the advisories before it), fickling, modelscan.
"""

import io
import pickle
import struct

import pytest

from masa_mm.pose.safe_pickle import UnsafePickleError, loads_pickle
from masa_mm.safe_files.limits import Budget
from masa_mm.safe_files.pickle_machine import ForbiddenError, PickleMachine

from toys.limited import run_limited
from toys.pickle_toys import Raw, array, call, dtype, pickled

MISSED_BY_SCANNERS = """pip main|pkgutil resolve_name|numpy.f2py.crackfortran getlincoef|pdb run
asyncio.unix_events _UnixSubprocessTransport._start|operator methodcaller|operator attrgetter
functools partial|runpy run_path|ctypes CDLL|uuid _get_command_stdout|imaplib IMAP4_stream
torch.utils.collect_env run|torch.utils.bottleneck.__main__ run_cprofile|torch.jit load
timeit timeit|idlelib.pyshell ModifiedInterpreter.runcode
lib2to3.pgen2.grammar Grammar.loads|doctest debug_script
numpy.testing._private.utils runstring|distutils.file_util write_file|shutil rmtree|venv create
code InteractiveInterpreter|cProfile run|profile run|trace Trace.run|bdb Bdb.run|webbrowser open
pickle loads|_pickle loads|marshal loads|types FunctionType|importlib import_module|io open
builtins exec|builtins eval|builtins getattr|builtins open|builtins map|posix system|nt system
_osx_support _read_output|_aix_support _read_cmd_output|_pyrepl.pager pipe_pager|smtplib SMTP
multiprocessing.util spawnv_passfds|numpy load|numpy memmap|numpy fromfile|codecs decode
torch load|torch.hub load|torch.storage _load_from_bytes|torch._utils _rebuild_tensor_v2"""
NAMES = [n for line in MISSED_BY_SCANNERS.splitlines() for n in line.split("|")]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_scanners_missed_are_refused(name):
    with pytest.raises(UnsafePickleError, match=name.split()[1].split(".")[-1]):
        loads_pickle(pickled(call(name, "x")))


OPCODES = {
    "INST": b"(Vx\nios\nsystem\n.",
    "OBJ": b"(cos\nsystem\nVx\no.",
    "OBJ of an allowed name": b"(cbuiltins\nset\no.",
    "NEWOBJ": b"\x80\x02cbuiltins\nset\n)\x81.",
    "NEWOBJ_EX": b"\x80\x04cbuiltins\nset\n)}\x92.",
    "EXT1": b"\x80\x02\x82\x01.",
    "EXT4": b"\x80\x02\x84\x01\x00\x00\x00.",
    "NEXT_BUFFER": b"\x80\x05\x97.",
    "READONLY_BUFFER": b"\x80\x05C\x01a\x98.",
    "call of a list": b"](K\x01tR.",
    "call with a list": b"cbuiltins\nset\n]R.",
    "a name dropped by POP": b"cos\nsystem\n(Vx\ntR0N.",
    "an attribute set by BUILD": b"cbuiltins\nset\nN}Va\nVos\ns\x86b.",
    "a name from the memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",
    "SETITEM of a list": b"]K\x00K\x01s.",
    "APPEND to bytes": b"\x80\x05\x96\x01\x00\x00\x00\x00\x00\x00\x00aK\x01a.",
    "ADDITEMS to a dict": b"\x80\x04}(K\x01\x90.",
    "an integer of 255 bytes": b"\x80\x02\x8a\xff" + bytes(255) + b".",
    "an integer of 10,000 digits": b"I" + b"9" * 10_000 + b"\n.",
    "a list that contains itself": b"\x80\x04]\x94h\x00a.",
    "a tuple that contains itself": b"\x80\x04]\x94h\x00\x85\x94a.",
    "hash of nested tuples": b"\x80\x02})" + b"\x85" * 1_000_000 + b"Ns.",
    "a set of nested tuples": b"\x80\x04\x8f()" + b"\x85" * 1_000_000 + b"\x90.",
    "nested lists": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "nested tuples": b"\x80\x02)" + b"\x85" * 1_000_000 + b".",
}


@pytest.mark.parametrize("case", OPCODES)
def test_opcodes_are_refused_in_one_line(case):
    with pytest.raises(UnsafePickleError) as caught:
        loads_pickle(OPCODES[case], "a.pkl")
    assert len(str(caught.value).splitlines()) == 1


def laughs():
    """Ten lists, each with ten times the one before."""
    lists = b"".join(b"](" + (b"h" + bytes([n])) * 10 + b"e\x94" for n in range(20))
    return b"\x80\x04]K\x01a\x94" + lists + b"."


def swapped():
    """One block of bytes that becomes many arrays."""
    one = array((125_000,), dtype("f8", ">"), Raw(b"h\x00"))
    return (
        b"\x80\x03B"
        + struct.pack("<I", 10**6)
        + bytes(10**6)
        + b"q\x00"
        + b"]("
        + (one.code * 3000)
        + b"e."
    )


BOMBS = {
    "set(range(10**9))": pickled(call("builtins set", call("builtins range", 10**9))),
    "a range": pickled(call("builtins range", 10**9)),
    "bytearray(10**10)": pickled(call("builtins bytearray", 10**10)),
    "bytes(10**10)": pickled(call("builtins bytes", 10**10)),
    "a bytearray of 2**40": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
    "bytes of 2**40": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b".",
    "text of 2**40": b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b".",
    "a frame of 2**40": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b".",
    "a memo of 2**31": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "lists of lists": laughs(),
    "arrays of the same bytes": swapped(),
    "empty sets": b"\x80\x04](" + b"\x8f" * 4_000_000 + b"e.",
}
CHECK = """
import resource, sys
from masa_mm.errors import UserError
from masa_mm.pose.safe_pickle import load_pickle
for path in sys.argv[1:]:
    try:
        load_pickle(path)
        print("read")
    except UserError as error:
        print("one line" if str(error).count("\\n") == 0 else error)
print(peak_memory())
"""


def test_bombs_are_refused_with_little_memory(tmp_path):
    for number, data in enumerate(BOMBS.values()):
        (tmp_path / f"{number}.pkl").write_bytes(data)
    *lines, memory = run_limited(CHECK, *(tmp_path / f"{n}.pkl" for n in range(len(BOMBS))))
    results = dict(zip(BOMBS, lines, strict=True))
    assert results.pop("a memo of 2**31") == "read"  # the memo is a dict
    assert set(results.values()) == {"one line"}, results
    assert float(memory) < 2


def test_a_long_stream_is_read_value_by_value():
    stream = io.BytesIO(pickle.dumps(1) + pickle.dumps([2.5]))
    machines = [PickleMachine(stream, {}, Budget(100)).load() for _ in range(2)]
    assert machines == [1, [2.5]]


def test_unknown_names_stop_the_machine():
    with pytest.raises(ForbiddenError, match=r"os\.system"):
        PickleMachine(b"cos\nsystem\n.", {}, Budget(100)).load()
