"""Files appear whole or not at all."""

import errno
import os
import re
import resource
import subprocess
import sys
import time

import pytest

from masa_mm import atomic_write as module
from masa_mm.atomic_write import WriteError, atomic_write, remove_leftovers, write_together
from masa_mm.errors import UserError

from toys.paths import ROOT

# A process that is killed, or waits, while it writes a file.
WRITER = """
import os, signal, sys, time
from masa_mm.atomic_write import atomic_write
with atomic_write(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print("writing", flush=True)
    os.kill(os.getpid(), signal.SIGKILL) if sys.argv[2] == "die" else time.sleep(60)
"""


def start_writer(path, end):
    command = [sys.executable, "-c", WRITER, str(path), end]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writer = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "writing\n"
    return writer


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fail(number, times=1):
    """A system call that fails `times` times."""
    left = [times]

    def call(real):
        def failing(*args, **kwargs):
            if left[0]:
                left[0] -= 1
                names = [str(arg) for arg in args[:1] if not isinstance(arg, int)]
                raise OSError(number, os.strerror(number), *names)
            return real(*args, **kwargs)

        return failing

    return call


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    with atomic_write(path) as temporary:
        temporary.write_text("one")
    with atomic_write(path) as temporary:
        temporary.write_text("two")
        assert path.read_text() == "one"
    assert path.read_text() == "two" and [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_is_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    ways = {"file/a.txt": "file: cannot create this folder", "folder": "folder: is a folder"}
    for path, said in ways.items():
        with pytest.raises(UserError, match=said), atomic_write(tmp_path / path):
            raise AssertionError("nothing is to be written")
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 2


def test_the_files_of_a_killed_process_are_removed_and_those_of_a_living_one_are_not(tmp_path):
    start_writer(tmp_path / "a.txt", "die").wait()
    living = start_writer(tmp_path / "b.txt", "wait")
    assert len(names(tmp_path)) == 1  # it removed what the killed one left
    try:
        (tmp_path / ".mine.part").touch()  # not a name of ours
        remove_leftovers(tmp_path)
        left = names(tmp_path)
        assert len(left) == 2 and left[0].startswith(".b.txt.") and left[1] == ".mine.part"
    finally:
        living.kill()
        living.wait()
    with atomic_write(tmp_path / "c.txt") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == [".mine.part", "c.txt"]


def test_leftovers_of_another_machine_are_removed_after_a_day(tmp_path):
    left = tmp_path / ".a.txt.00000000-00000000.part"
    left.touch()
    remove_leftovers(tmp_path)
    assert left.exists()
    os.utime(left, (time.time() - 2 * 24 * 3600,) * 2)
    remove_leftovers(tmp_path)
    assert not left.exists()
    remove_leftovers(tmp_path / "missing")


@pytest.mark.parametrize(
    ("call", "number", "said"),
    [
        ("fsync", errno.ENOSPC, "No space left on device); free some space"),
        ("fsync", errno.EDQUOT, "free some space"),
        ("open", errno.EROFS, "Read-only file system); name a file in a folder that you may"),
        ("mkdir", errno.EACCES, "name a file in a folder that you may write to"),
        ("replace", errno.ESTALE, "tale"),
        ("replace", errno.EXDEV, "on another disk"),
    ],
)
def test_an_error_of_the_system_names_the_file_and_leaves_the_old_one(
    tmp_path, monkeypatch, call, number, said
):
    path = tmp_path / ("new/a.txt" if call == "mkdir" else "a.txt")
    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(os, call, fail(number)(getattr(os, call)))
    with (
        pytest.raises(WriteError, match=re.escape(said)) as caught,
        atomic_write(path) as temporary,
    ):
        temporary.write_text("new")
    monkeypatch.undo()
    assert str(caught.value).startswith(f"{tmp_path}") and "\n" not in str(caught.value)
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_the_limit_on_file_sizes_is_named(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(WriteError, match=r"too large.*ulimit"), atomic_write(path) as temporary:
            temporary.write_bytes(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_an_error_of_another_file_stays_what_it_is(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"), atomic_write(tmp_path / "a.txt"):
        (tmp_path / "missing").read_text()


def test_a_rename_that_was_done_and_reported_as_failed_counts(tmp_path, monkeypatch):
    real = os.replace

    def answer_lost(source, target):
        real(source, target)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(source))

    monkeypatch.setattr(os, "replace", answer_lost)
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "new"


def test_the_file_is_on_the_disk_before_its_name_and_the_name_before_the_end(tmp_path, monkeypatch):
    """Power loss: the order of the system calls."""
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda fd: (calls.append(os.readlink(f"/proc/self/fd/{fd}")), fsync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), replace(a, b)))
    (tmp_path / "folder").mkdir()
    with atomic_write(tmp_path / "folder" / "a.txt") as temporary:
        temporary.write_text("new")
        name = str(temporary)
    assert calls == [name, "rename", str(tmp_path / "folder")]
    calls.clear()
    with atomic_write(tmp_path / "new" / "er" / "a.txt"):
        pass
    # the entries of new folders, too
    assert calls[:2] == [str(tmp_path / "new"), str(tmp_path)]


def test_of_two_writers_the_last_one_wins_whole(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_write(path) as first, atomic_write(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert path.read_text() == "first" and names(tmp_path) == ["a.txt"]


def test_long_names(tmp_path):
    with atomic_write(tmp_path / ("x" * 255)) as temporary:
        temporary.write_text("new")
    with (
        pytest.raises(WriteError, match=r"too long.*shorter"),
        atomic_write(tmp_path / ("x" * 256)),
    ):
        pass


def text_of(text):
    return lambda temporary: temporary.write_text(text)


def test_several_files_are_written_together(tmp_path):
    files = {tmp_path / "a": text_of("1"), tmp_path / "b": text_of("2")}
    write_together(files)
    assert names(tmp_path) == ["a", "b"] and (tmp_path / "b").read_text() == "2"


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("old", [{}, dict(a="old a"), dict(a="old a", b="old b")])
def test_several_files_are_written_all_or_none(tmp_path, monkeypatch, old, linked):
    for name, text in old.items():
        (tmp_path / name).write_text(text)
    real = os.replace

    def second_fails(source, target):
        if target == tmp_path / "b":
            raise OSError(errno.ESTALE, "Stale file handle", str(source))
        real(source, target)

    monkeypatch.setattr(os, "replace", second_fails)
    if not linked:
        monkeypatch.setattr(os, "link", fail(errno.EPERM, 9)(os.link))
    files = {tmp_path / "a": text_of("1"), tmp_path / "b": text_of("2")}
    with pytest.raises(WriteError, match=f"^{tmp_path}/b: "):
        write_together(files)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == old


def test_what_was_created_is_locked_before_another_process_can_remove_it(tmp_path, monkeypatch):
    """A cleaner that comes between creation and lock makes the writer create another file."""
    real, removed = module.fcntl.flock, []

    def late(descriptor, how):
        if not removed:
            removed.extend(tmp_path.glob(".a*.part"))
            removed[0].unlink()
        real(descriptor, how)

    monkeypatch.setattr(module.fcntl, "flock", late)
    with atomic_write(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert removed and (tmp_path / "a.txt").read_text() == "new"
