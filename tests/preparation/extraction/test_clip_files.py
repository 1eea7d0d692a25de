"""The files of single clips: an interrupted run resumes, but not with other settings."""

import numpy as np
import pytest

from masa_mm.atomic_write import atomic_write
from masa_mm.preparation.extraction.clip_files import ClipFiles, ClipFilesError, ExtractedClip

SETTINGS = dict(estimator="square", options=dict(score=0.5), margin=0.1)


def poses(frames=3):
    rng = np.random.default_rng(0)
    return ExtractedClip(
        rng.random((frames, 133, 2), np.float32), rng.random((frames, 133), np.float32), (120, 160)
    )


def test_a_saved_clip_loads_unchanged(tmp_path):
    files = ClipFiles(tmp_path / "poses", SETTINGS)
    assert not files.is_done("a")
    files.save("a", poses())
    again = ClipFiles(tmp_path / "poses", dict(SETTINGS))
    assert again.is_done("a") and not again.is_done("b")
    for found, want in zip(again.load("a"), poses()):
        np.testing.assert_array_equal(found, want)


def test_a_failed_write_leaves_no_file(tmp_path, monkeypatch):
    files = ClipFiles(tmp_path, SETTINGS)

    def stops(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("masa_mm.preparation.extraction.clip_files.np.savez_compressed", stops)
    with pytest.raises(OSError, match="disk full"):
        files.save("a", poses())
    assert not files.is_done("a") and {f.name for f in tmp_path.iterdir()} == {"extraction.json"}


def test_failures_belong_to_one_run_and_end_with_success(tmp_path):
    files = ClipFiles(tmp_path, SETTINGS)
    files.fail("a", "no hands; none", run="one")
    assert files.failure("a", "one") == "no hands; none"
    assert files.failure("a", "two") is None and files.failure("b", "one") is None
    files.save("a", poses())
    assert files.failure("a", "one") is None


def test_a_clip_named_as_a_path_stays_in_the_folder(tmp_path):
    files = ClipFiles(tmp_path / "poses", SETTINGS)
    for clip in ("../../x", "/x", "a/../../x", "hello/1"):
        files.save(clip, poses())
        files.fail(clip, "no hands", run="one")
        assert files.is_done(clip) and files.failure(clip, "one") == "no hands"
    assert [path.name for path in tmp_path.iterdir()] == ["poses"]
    assert (tmp_path / "poses/hello/1.npz").is_file()


def test_a_failure_of_another_run_is_none(tmp_path):
    (tmp_path / "a.failed").write_text('{"run": "two"}')
    assert ClipFiles(tmp_path, SETTINGS).failure("a", run="one") is None


def test_what_killed_processes_left_is_removed(tmp_path):
    first = ClipFiles(tmp_path, SETTINGS)
    first.save("hello/1", poses())
    for folder in (tmp_path, tmp_path / "hello"):
        with atomic_write(folder / "a.npz") as temporary:
            left = temporary.name
        (folder / left).touch()
    ClipFiles(tmp_path, SETTINGS)
    assert not list(tmp_path.rglob(".*"))


def refused(call, match):
    with pytest.raises(ClipFilesError, match=match) as caught:
        call()
    assert len(str(caught.value).splitlines()) == 1


def test_other_settings_are_refused(tmp_path):
    ClipFiles(tmp_path, SETTINGS)
    refused(
        lambda: ClipFiles(tmp_path, SETTINGS | dict(estimator="rtmlib")),
        "made with estimator 'square'; use the same settings, or give another folder",
    )
    (tmp_path / "extraction.json").write_text("[1]")
    refused(lambda: ClipFiles(tmp_path, SETTINGS), r"extraction\.json: damaged")


@pytest.mark.parametrize("keep", [0, 100, -20])
def test_a_damaged_clip_is_named(tmp_path, keep):
    files = ClipFiles(tmp_path, SETTINGS)
    files.save("a", poses())
    path = tmp_path / "a.npz"
    path.write_bytes(path.read_bytes()[:keep])
    refused(lambda: files.load("a"), r"a\.npz: damaged; remove it")


CHANGED = dict(
    scalar=dict(keypoint=np.float32(0)),
    words=dict(score=np.array("x")),
    shape=dict(score=np.zeros((3, 5), np.float32)),
    size=dict(img_shape=np.array([1])),
)


@pytest.mark.parametrize("change", CHANGED)
def test_clips_of_other_types_and_shapes_are_damaged(tmp_path, change):
    files = ClipFiles(tmp_path, SETTINGS)
    np.savez(tmp_path / "a.npz", **{**poses()._asdict(), **CHANGED[change]})
    with pytest.raises(ClipFilesError, match=r"a.npz: damaged; remove it"):
        files.load("a")


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_a_damaged_failure_is_named(tmp_path, text):
    files = ClipFiles(tmp_path, SETTINGS)
    (tmp_path / "a.failed").write_text(text)
    with pytest.raises(ClipFilesError, match=r"a.failed: damaged; remove it"):
        files.failure("a", "run")
