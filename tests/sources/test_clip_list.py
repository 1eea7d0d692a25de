"""Lists of clips: contents are returned, contradictions are one-line errors."""

import json

import pytest

from masa_mm.pose.files import SourceError
from masa_mm.sources.clip_list import ListCoverage, ListedClip, read_clip_list


def write(path, text):
    path.write_text(text)
    return path


@pytest.fixture
def classes(tmp_path):
    return write(tmp_path / "classes.txt", "book\ndrink\nhat\n")


def refusal(*arguments, **options):
    with pytest.raises(SourceError) as caught:
        read_clip_list(*arguments, **options)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and str(arguments[0]) in message
    return message


def test_csv_and_json_say_the_same(tmp_path, classes):
    rows = [
        dict(id="a", label=0, gloss="book", signer=3, split="train", width=640, height=480),
        dict(id="b", label=2, gloss="hat", signer=4, split="val"),
        dict(id="c"),
    ]
    text = "id,label,gloss,signer,split,width,height,remark\n"
    text += "a,0,book,3,train,640,480,blurred\nb,2,hat,4,val,,,\nc,,,,,,,\n"
    by_id = {row["id"]: {k: v for k, v in row.items() if k != "id"} for row in rows}
    files = [
        write(tmp_path / "list.csv", text),
        write(tmp_path / "list.json", json.dumps(rows)),
        write(tmp_path / "by_id.json", json.dumps(by_id)),
    ]
    for file in files:
        found = read_clip_list(file, classes)
        assert found.glosses == ["book", "drink", "hat"]
        assert found.clips == {
            "a": ListedClip(0, 3, "train", (480, 640)),
            "b": ListedClip(2, 4, "val", None),
            "c": ListedClip(),
        }
        assert list(read_clip_list(file, classes, split="val").clips) == ["b"]


@pytest.mark.parametrize(
    "text, glosses, labels",
    [
        ("id,gloss\na,hat\nb,book\nc,hat\n", ["book", "hat"], [1, 0, 1]),
        ("id,label\na,1\nb,0\nc,3\n", ["0", "1", "2", "3"], [1, 0, 3]),
        ("id,label,gloss\na,1,hat\nb,0,book\nc,1,hat\n", ["book", "hat"], [1, 0, 1]),
    ],
)
def test_without_a_class_list_the_list_itself_names_the_classes(tmp_path, text, glosses, labels):
    found = read_clip_list(write(tmp_path / "list.csv", text))
    assert found.glosses == glosses and [c.label for c in found.clips.values()] == labels


def test_labels_counted_from_one_say_so(tmp_path, classes):
    path = write(tmp_path / "list.csv", "id,label\na,1\nb,3\n")
    assert "off by one" in refusal(path, classes) and "--first-label 1" in refusal(path, classes)
    found = read_clip_list(path, classes, first_label=1)
    assert [clip.label for clip in found.clips.values()] == [0, 2]
    named = write(tmp_path / "named.csv", "id,label,gloss\na,1,book\nb,2,drink\n")
    assert "all labels are off by one: give --first-label 1" in refusal(named, classes)


def test_a_class_list_in_another_order_is_refused(tmp_path):
    path = write(tmp_path / "list.csv", "id,label,gloss\na,0,book\nb,1,drink\nc,2,hat\n")
    other = write(tmp_path / "other.txt", "book\nhat\ndrink\n")
    message = refusal(path, other)
    assert "clip 'b' has label 1 and gloss 'drink', but 'drink' is number 2" in message
    assert "another order" in message


@pytest.mark.parametrize(
    "text, problem",
    [
        ("id,label\na,0\na,1\n", "lists clip 'a' twice"),
        ("id,label\na,7\n", "run from 7 to 7"),
        ("id,label\na,-2\n", "run from -2 to -2"),
        ("id,label\na,x\n", "clip 'a' has label 'x'; give a whole number"),
        ("id,label\na,1.5\n", "clip 'a' has label '1.5'"),
        ("id,gloss\na,cat\n", "gloss 'cat', which is not in"),
        ("name,label\na,1\n", "rows without 'id'"),
        ("id,label\n,1\n", "entry 1 has an empty id"),
        ("id,label\na,1\nb\n", "line 3 does not have the 2 columns"),
        ("id,label\n", "no rows below"),
        ("id,width,height\na,640,\n", "needs a width and a height"),
    ],
)
def test_bad_lists_are_one_line(tmp_path, classes, text, problem):
    assert problem in refusal(write(tmp_path / "list.csv", text), classes)


def test_two_glosses_of_one_label_contradict_each_other(tmp_path):
    path = write(tmp_path / "list.csv", "id,label,gloss\na,0,book\nb,0,drink\n")
    assert "which is not in the list of labels" in refusal(path) or "number" in refusal(path)


@pytest.mark.parametrize(
    "name, data, problem",
    [
        ("list.json", b"PK\x03\x04rest", "a zip archive; unpack it"),
        ("list.csv", b"PK\x03\x04rest", "a zip archive; unpack it"),
        ("list.json", b"\x1f\x8b\x08rest", "gzip"),
        ("list.json", b'[{"id": "a"', "not a complete JSON file"),
        ("list.json", b"[" * 100_000, "not a complete JSON file"),
        ("list.json", b'"text"', "neither a list of objects"),
        ("list.json", b"[]", "neither a list of objects"),
        ("list.csv", b"id,label\n\xff\xfe,1\n", "not a text file"),
        ("list.xlsx", b"", "is a .csv or a .json file"),
    ],
)
def test_files_of_another_kind_are_named(tmp_path, name, data, problem):
    path = tmp_path / name
    path.write_bytes(data)
    assert problem in refusal(path)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.csv: no such file"):
        read_clip_list(tmp_path / "gone.csv")


def test_signers_with_names_are_numbered(tmp_path):
    found = read_clip_list(write(tmp_path / "list.csv", "id,signer\na,Zoe\nb,Ann\nc,Zoe\nd,\n"))
    assert [clip.signer for clip in found.clips.values()] == [1, 0, 1, -1]


SPLITS = "id,split\na,train\nb,train\nc,test\nd,\n"


def coverage(path, names, split="train"):
    found = ListCoverage(read_clip_list(path, split=split))
    return [name for name in names if found.selects(name)], found.notes


def test_clips_of_other_splits_are_told_from_those_not_in_the_list(tmp_path):
    path = write(tmp_path / "list.csv", SPLITS)
    selected, notes = coverage(path, "acdxy")
    assert selected == ["a"]
    missing, others, unlisted = notes()
    assert "1 of its 2 clips are not in the folder, the first is 'b'" in missing
    assert others.startswith("2 clips are of other splits in ")
    assert unlisted.startswith("2 clips are not in ") and "the first is 'x'" in unlisted


def test_a_folder_that_matches_the_list_needs_no_note(tmp_path):
    path = write(tmp_path / "list.csv", SPLITS)
    assert coverage(path, "ab")[1]() == [] and coverage(path, "abcd", None)[1]() == []


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ("xy", "lists none of the clips in the folder: the list has 'a', the folder has 'x'"),
        ("xc", "none of the split's 2 clips, such as 'a'; its clips, such as 'c', are of other"),
    ],
)
def test_a_folder_without_any_clip_of_the_split_is_refused(tmp_path, names, problem):
    selected, notes = coverage(write(tmp_path / "list.csv", SPLITS), names)
    assert not selected
    with pytest.raises(SourceError, match=problem):
        notes()
