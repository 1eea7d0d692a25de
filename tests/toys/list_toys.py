"""Small twins of the benchmarks' official lists, written as the real ones are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SPLITS = ("train", "val", "test")


class ListTwin(NamedTuple):
    """The ids of the clips that a twin lists, by split, and the class names."""

    ids: dict[str, list[str]]
    classes: list[str]


def write(folder: Path, name: str, lines: list[str]) -> None:
    """Write a list in UTF-8; missing folders are created."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def csv_list(folder: Path) -> ListTwin:
    """The list of docs/data/csv.md."""
    rows = [f"videos/{i}/{split}{i}.mp4,sign{i},P{i},{split}" for split in SPLITS for i in range(3)]
    write(folder, "signs.csv", ["path,gloss,signer,split", *rows])
    ids = {split: [f"{split}{i}" for i in range(3)] for split in SPLITS}
    return ListTwin(ids, ["sign0", "sign1", "sign2"])


def asl_citizen(folder: Path) -> ListTwin:
    """Names of files contain blanks, dots and other words than the gloss."""
    glosses = ["DOG1", "HURDLE/TRIP1", "SOUR"]
    ids = {}
    for number, split in enumerate(SPLITS):
        names = [f"{number}.7299129501965353e-{i}-seed{'CAT A'[:i]}" for i in range(3)]
        rows = [
            f"P{10 + number},{n}.mp4,{g},A_0{i}" for i, (n, g) in enumerate(zip(names, glosses))
        ]
        write(
            folder, f"splits/{split}.csv", ["Participant ID,Video file,Gloss,ASL-LEX Code", *rows]
        )
        ids[split] = names
    return ListTwin(ids, glosses)


def autsl(folder: Path) -> ListTwin:
    """Lists without a header, and a table of the classes."""
    ids = {split: [f"signer{n}_sample{i}" for i in (1, 2, 40)] for n, split in enumerate(SPLITS)}
    for name, split in zip(("train", "validation", "test"), SPLITS):
        write(folder, f"{name}_labels.csv", [f"{clip},{i}" for i, clip in enumerate(ids[split])])
    rows = ["ClassId,TR,EN", "0,abla,sister", "1,acele,hurry", "2,acikmak,hungry"]
    write(folder, "SignList_ClassId_TR_EN.csv", rows)
    return ListTwin(ids, ["abla", "acele", "acikmak"])


def gsl(folder: Path) -> ListTwin:
    """Folders of images; the last names of the paths repeat."""
    classes = ["1", "ΑΜΚΑ(Δ.Α.)", "ΕΓΩ(1)"]
    ids = {
        split: [f"health{n}_signer{n + 1}_rep3_glosses/glosses000{i}" for i in range(3)]
        for n, split in enumerate(SPLITS)
    }
    for split, clips in ids.items():
        lines = [f"{clip}|{gloss}" for clip, gloss in zip(clips, classes)]
        write(folder, f"{split}_greek_iso.csv", lines)
    write(folder, "iso_classes.csv", classes)
    return ListTwin(ids, classes)


def include(folder: Path) -> ListTwin:
    """Names of files repeat across signs, and some lie one folder deeper."""
    bird, house = "Animals/4. Bird/MVI_", "Places/19. House/Extra/MVI_"
    ids = dict(train=[f"{bird}{i}" for i in range(8)] + [f"{house}{i}" for i in range(8)])
    ids["test"] = [f"{bird}90", f"{house}90"]
    for split in ("train", "test"):
        rows = [
            f"{path.split('/')[0]},{path.split('/')[1]},{path.split('/', 2)[2]}.MOV,{path}.MOV"
            for path in ids[split]
        ]
        write(folder, f"{split}_include.csv", ["Category,Word,Video,FilePath", *rows])
    # An id has three names. One clip of each sign is drawn from train for val.
    ids = {split: [path.removeprefix("Places/") for path in paths] for split, paths in ids.items()}
    ids["val"] = [f"{bird}?", f"{house}?"]
    return ListTwin(ids, ["19. House", "4. Bird"])


def bosphorus(folder: Path) -> ListTwin:
    """Numbers of classes have gaps; the signer decides the split."""
    names = {"0004": "Aciklamak,Explain", "0007": "Ad,Name", "0731": "Ay,Moon"}
    users = dict(train=(2, 3), val=(7,), test=(4,))
    rows = [
        f"General,{number},{name},User_{user},00{n}"
        for number, name in names.items()
        for user in (2, 3, 4, 7)
        for n in (1, 2)
    ]
    header = "SubsetID,ClassID,ClassName_tr,ClassName_eng,UserID,RepeatID"
    write(folder, "BosphorusSign22k.csv", [header, *rows])
    ids = {
        split: [f"{number}/User_{user}_00{n}" for number in names for user in of for n in (1, 2)]
        for split, of in users.items()
    }
    return ListTwin(ids, ["0004 Aciklamak", "0007 Ad", "0731 Ay"])


def devisign(folder: Path) -> ListTwin:
    """The number in the name is the label; the list's name is that of another sign."""
    names = ["0", "1", "人"]
    signers = dict(train=(1, 3), val=(4,), test=(6,))
    ids = {
        split: [f"P0{signer}_000{n}_1_0_20130601" for signer in of for n in range(3)]
        for split, of in signers.items()
    }
    lists = dict(train=ids["train"] + ids["val"], test=ids["test"])
    for split, clips in lists.items():
        rows = [f"{c[:3]}_1/{c}.oni/{c}.oni,{names[int(c[7])]}" for c in clips]
        write(folder, f"split.{split}.csv", ["video_path,class_name", *rows])
    meanings = [
        "Ori_ID\tL_ID\tMeaning (Chinese)",
        "0000\t0000\t人",
        "4378\t0001\t0",
        "4379\t0002\t1",
    ]
    write(folder, "DEVISIGN_L.txt", meanings)
    return ListTwin(ids, ["0", "1", "2"])


def lsa64(folder: Path) -> ListTwin:
    """Only the signs are listed."""
    write(folder, "lsa64_signs.md", ["01|Opaque|R|", "02|Red|R|"])
    signers = dict(train=range(1, 9), val=(9,), test=(10,))
    ids = {
        split: [f"00{n}_{s:03}_00{r}" for n in (1, 2) for s in of for r in range(1, 6)]
        for split, of in signers.items()
    }
    return ListTwin(ids, ["Opaque", "Red"])


# By the benchmarks' names in masa_mm.datasets.benchmarks.BENCHMARKS.
LIST_TWINS: dict[str, Callable[[Path], ListTwin]] = dict(
    csv=csv_list,
    asl_citizen=asl_citizen,
    autsl=autsl,
    gsl=gsl,
    include=include,
    bosphorus=bosphorus,
    devisign=devisign,
    lsa64=lsa64,
)
