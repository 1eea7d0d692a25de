"""Official lists: what is found, what is missing by class, what contradicts them."""

import json

import pytest

from masa_mm.datasets.official_lists import ListError
from masa_mm.preparation.audit import AuditError, official_parts, open_clips
from masa_mm.preparation.audit.coverage import official_coverage

from toys.audit_toys import clips_of, smooth_clip
from toys.paths import SHARED


def clips_named(folder, **stores):
    return clips_of(
        folder,
        *(
            dict(clips=[smooth_clip(n, 4) for n in range(len(ids))], ids=ids, labels=labels)
            for ids, labels in stores.values()
        ),
    )


def nslt(folder, name="nslt_100.json", **clips):
    content = {
        clip: dict(subset=split, action=[label, 1, 9]) for clip, (split, label) in clips.items()
    }
    path = folder / name
    path.write_text(json.dumps(content))
    return str(path)


def test_what_is_found_and_missing_by_class(tmp_path):
    clips = clips_named(tmp_path, train=(["a", "b", "x"], [0, 0, 1]), val=(["v"], [2]))
    official = nslt(
        tmp_path,
        a=("train", 0),
        b=("train", 0),
        c=("train", 0),
        d=("train", 1),
        v=("val", 2),
        w=("test", 2),
    )
    train, val = (
        official_coverage(clips, part) for part in official_parts(clips, "wlasl", [official])
    )
    assert train["coverage"] == "WLASL100: 2 of 4 official train clips"
    assert train["missing"] == [
        dict(label=0, gloss="book", found=2, official=3),
        dict(label=1, gloss="drink", found=0, official=1),
    ]
    assert train["missing_ids"] == ["c", "d"]
    assert (train["classes"], train["classes_found"]) == (2, 1)
    assert val["coverage"] == "WLASL100: 1 of 1 official val clips" and val["missing"] == []


def test_clips_in_another_splits_store_and_other_labels_are_named(tmp_path):
    clips = clips_named(tmp_path, train=(["a", "b"], [0, 1]), val=(["c"], [2]))
    official = nslt(tmp_path, a=("train", 0), b=("val", 1), c=("val", 0))
    train, val = (
        official_coverage(clips, part) for part in official_parts(clips, "wlasl", [official])
    )
    assert train["other_split"] == train["other_label"] == []
    assert [(clip["id"], clip["split"]) for clip in val["other_split"]] == [("b", "train")]
    (wrong,) = val["other_label"]
    assert (wrong["id"], wrong["label"], wrong["official"]) == ("c", 2, 0)


def test_a_subset_leaves_higher_labels_out(tmp_path):
    clips = clips_named(tmp_path, train=(["a", "b"], [0, 1]))
    official = nslt(tmp_path, "nslt_300.json", a=("train", 0), b=("train", 299))
    (part,) = official_parts(clips, "wlasl", [official])
    assert (part.title, len(part.clips)) == ("WLASL300", 2)
    (part,) = official_parts(clips, "wlasl", [official], subset=100)
    assert (part.title, len(part.clips)) == ("WLASL100", 1)


def test_stores_without_a_splits_name_are_compared_with_all(tmp_path):
    named = clips_named(tmp_path, train=(["a"], [0]))
    official = nslt(tmp_path, a=("train", 0), b=("test", 0))
    assert [p.split for p in official_parts(named, "wlasl", [official])] == ["train"]
    named.stores[0].split = ""
    assert [p.split for p in official_parts(named, "wlasl", [official])] == ["train", "test"]


def test_a_clip_to_be_cut_from_a_video_that_is_there_is_found(tmp_path):
    entry = dict(url="www.youtube.com/watch?v=abc", start=3, end=20, label=1, fps=25.0)
    entry |= dict(start_time=0.1, end_time=0.8, box=[0, 0, 1, 1], height=1, width=1, signer_id=0)
    (tmp_path / "MSASL_train.json").write_text(json.dumps([entry, entry | dict(start=0, end=2)]))
    clips = clips_named(tmp_path, train=(["abc"], [-1]))
    parts = official_parts(clips, "msasl", [str(tmp_path / "MSASL_{split}.json")], subset=100)
    (found,) = (official_coverage(clips, part) for part in parts)
    assert found["coverage"] == "MSASL100: 2 of 2 official train clips"


def test_what_is_no_list_is_one_line(tmp_path):
    clips = clips_named(tmp_path, train=(["a"], [0]))
    other = nslt(tmp_path, "nslt_1000.json", a=("test", 0))
    zipped = tmp_path / "nslt_100.json"
    zipped.write_bytes(b"PK\3\4")
    for arguments, kind, said in (
        (("phoenix", []), AuditError, "no benchmark 'phoenix'; there are csv, wlasl"),
        (("wlasl", [str(zipped)]), ListError, "nslt_100.json: not a JSON file"),
        (("wlasl", ["gone.json"]), FileNotFoundError, "gone.json: no such list"),
        (("wlasl", [other]), AuditError, "nslt_1000.json: has no clip of train; give another"),
        (("wlasl", ["gone.json"], None, 7), AuditError, "WLASL has no subset 7; it has 100"),
    ):
        with pytest.raises(kind, match=said) as caught:
            official_parts(clips, *arguments)
        assert len(str(caught.value).splitlines()) == 1


SHARED_DATA = SHARED / "data" / "wlasl_hands"


@pytest.mark.skipif(not SHARED_DATA.exists(), reason="../shared/data is not here")
def test_the_real_lists_of_wlasl(tmp_path):
    """Of WLASL100's 338 validation clips 165 are in the data; 89 of its classes have one."""
    from masa_mm.preparation.convert import convert
    from masa_mm.sources.wlasl import read_wlasl_hands

    names = SHARED_DATA / "wlasl_class_list.txt"
    source = read_wlasl_hands(SHARED_DATA / "wlasl_hands_val.npz", names, 1, "val")
    convert(source, tmp_path / "val.safetensors")
    clips = open_clips([tmp_path / "val.safetensors"])
    (part,) = official_parts(clips, "wlasl", [str(SHARED_DATA / "nslt_100.json")])
    found = official_coverage(clips, part)
    assert found["coverage"] == "WLASL100: 165 of 338 official val clips"
    assert found["classes_found"] == 89 and not found["other_label"] and not found["other_split"]
    assert sum(entry["official"] - entry["found"] for entry in found["missing"]) == 338 - 165
