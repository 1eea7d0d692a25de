"""Lists of clips as tables: what is read from each way to write them, and what is refused.

Covers also masa_mm.datasets.table_rows.
"""

import gzip

import pytest

from masa_mm.datasets.clip_tables import read_clip_table
from masa_mm.datasets.official_clip import OfficialClip
from masa_mm.datasets.official_lists import ListError
from masa_mm.datasets.table_rows import TableFormat

LINES = """path,gloss,signer,split
videos/hello/01.mp4,hello,Ann,train
videos/thanks/02.mp4,thanks,Bob,val
videos/hello/03.mp4,hello,Ann,test
"""
CLIPS = [
    OfficialClip("01", "train", 0, 0, ("hello/01", "videos/hello/01")),
    OfficialClip("02", "val", 1, 1, ("thanks/02", "videos/thanks/02")),
    OfficialClip("03", "test", 0, 0, ("hello/03", "videos/hello/03")),
]


def write(folder, text, name="signs.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def clips_of(folder, text, **kwargs):
    return read_clip_table(write(folder, text), **kwargs).clips


@pytest.mark.parametrize(
    "text",
    [
        LINES,
        LINES.replace(",", ";"),
        LINES.replace(",", "\t"),
        LINES.replace(",", "|").replace("|", " | "),
        LINES.replace("\n", "\r\n"),
        "\ufeff" + LINES + "\n,,,\n",
        LINES.replace("path,gloss,signer,split", "Video file,Word,Participant ID,SPLIT"),
        LINES.replace(",val", ",dev").replace(",train", ",Training"),
        LINES.replace("hello,", '"hello",'),
        gzip.compress(LINES.encode(), mtime=0),
    ],
)
def test_every_way_to_write_a_list(tmp_path, text):
    assert read_clip_table(write(tmp_path, text)) == (CLIPS, ["hello", "thanks"])


def test_a_file_per_split_has_the_classes_ids_and_signers_of_all(tmp_path):
    write(tmp_path, "file,sign,signer\nb/1.mp4,b,Zoe\n", "signs_train.csv")
    write(tmp_path, "file,sign,signer\na/1.mp4,a,Ann\n", "signs_dev.csv")
    assert read_clip_table(str(tmp_path / "signs_{split}.csv")) == (
        [OfficialClip("b/1", "train", 1, 1), OfficialClip("a/1", "val", 0, 0)],
        ["a", "b"],
    )
    with pytest.raises(FileNotFoundError, match=r"gone_\{split\}\.csv: no such list"):
        read_clip_table(str(tmp_path / "gone_{split}.csv"))


def test_an_id_is_taken_as_it_is_and_its_path_names_the_video(tmp_path):
    (clip,) = clips_of(tmp_path, "id,path,gloss\na.b/1.mp4,x/7.mov,hello\n")
    assert clip == OfficialClip("a.b/1.mp4", None, 0, -1, ("7", "x/7"))


def test_numbers_are_labels_and_glosses_name_them(tmp_path):
    text = "path,label,gloss,signer\na.mp4,2,book,7\nb.mp4,0,drink,\nc.mp4,2,book,12\n"
    official = read_clip_table(write(tmp_path, text))
    assert [(clip.label, clip.signer) for clip in official.clips] == [(2, 7), (0, -1), (2, 12)]
    assert official.classes == ["drink", "1", "book"]
    words = clips_of(tmp_path, "path,label\na.mp4,x\nb.mp4,10\n")
    assert [clip.label for clip in words] == [1, 0]  # not all are numbers: they are glosses


def test_a_class_list_gives_the_order(tmp_path):
    assert read_clip_table(write(tmp_path, LINES), ["thanks", "no", "hello"]) == (
        [clip._replace(label=2 - 2 * clip.label) for clip in CLIPS],
        ["thanks", "no", "hello"],
    )


def test_a_list_without_a_header_by_its_format(tmp_path):
    kind = TableFormat(
        header=("path", "gloss"), separator="|", signer=r"signer(\d+)_", videos=("{}_color",)
    )
    text = "health1_signer3_rep3/0,a|ΕΓΩ(1)\nhealth1_signer4_rep3/0,a|ΕΣΥ\n"
    assert clips_of(tmp_path, text, kind=kind) == [
        OfficialClip("health1_signer3_rep3/0,a", None, 0, 3, ("health1_signer3_rep3/0,a_color",)),
        OfficialClip("health1_signer4_rep3/0,a", None, 1, 4, ("health1_signer4_rep3/0,a_color",)),
    ]


def test_ends_of_the_path_that_name_one_clip_are_its_names(tmp_path):
    text = "path,gloss\nt/a/1.mp4,x\nt/b/1.mp4,x\nu/b/1.mp4,x\n"
    clips = clips_of(tmp_path, text)
    assert [clip.id for clip in clips] == ["t/a/1", "t/b/1", "u/b/1"]
    assert [clip.videos for clip in clips] == [("a/1",), (), ()]


def test_a_repeated_line_counts_once(tmp_path):
    assert clips_of(tmp_path, LINES + LINES.splitlines()[1]) == CLIPS


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no column 'path', only nothing"),
        ("path,gloss\n", "lists no clip"),
        ("a.mp4,hello\nb.mp4,thanks\n", "first line names no column .* only 'a.mp4', 'hello'"),
        ("path,signer\na.mp4,1\n", "names no column 'gloss'"),
        ("path,gloss\na.mp4\n", "line 2 has 1 cells, the list has 2 columns"),
        ("path,gloss\na.mp4,hello, you\n", "line 2 has 3 cells"),
        ("path,gloss\n\na.mp4,\n", "line 3 has no gloss"),
        ("path,gloss\n,hello\n", "line 2 has no path"),
        ("path,gloss,split\na.mp4,x,fold1\n", "line 2 has split 'fold1'; write train, val, test"),
        ("path,gloss\na.mp4,x\na.mp4,y\n", "line 3: lists clip 'a' again"),
        ("path,label,gloss\na.mp4,0,x\nb.mp4,0,y\n", "line 3 gives 'y' the label 0"),
        ("path,gloss\na.mp4,x\na.avi,x\n", "line 3: lists clip 'a' again with another path"),
        ("path,gloss,split\na.mp4,x,train\na.mp4,x,test\n", "line 3: lists clip 'a' again"),
        ("path,label\na.mp4,1\nb.mp4,2\n", "labels run from 1 to 2; .* subtract 1"),
        ("path,label\na.mp4,0\nb.mp4,999999999\n", "labels run from 0 to 999999999"),
        (
            "path,label,gloss\na.mp4,0,x\nb.mp4,1,x\n",
            "line 2 gives 'x' the label 0, but",
        ),
        (b"path,gloss\na.mp4,gr\xfcn\n", "not a text file in UTF-8"),
        (b"PK\x03\x04xlsx", "a zip archive"),
        (gzip.compress(LINES.encode(), mtime=0)[:-9], "not a complete gzip file"),
        (b"path,gloss\n" + b"x" * 200_000 + b",a\n", "is not CSV"),
    ],
)
def test_what_is_refused_in_one_line(tmp_path, text, said):
    with pytest.raises(ListError, match=said) as caught:
        read_clip_table(write(tmp_path, text))
    assert len(str(caught.value).splitlines()) == 1 and "signs.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "classes", "said"),
    [
        (LINES, ["hello"], "line 3 has gloss 'thanks', which is not in the class list"),
        ("path,label\na.mp4,2\n", ["x", "y"], "from 2 to 2; they must count from 0 to 1"),
        (
            "path,label,gloss\na.mp4,0,y\n",
            ["x", "y"],
            "gives 'y' the label 0, but another",
        ),
    ],
)
def test_another_class_list_is_refused(tmp_path, text, classes, said):
    with pytest.raises(ListError, match=said):
        read_clip_table(write(tmp_path, text), classes)
