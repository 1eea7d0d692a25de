"""Benchmarks whose official lists are tables: each class says how its list is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product

from mmaction.registry import DATASETS

from masa_mm.datasets.clip_tables import split_of
from masa_mm.datasets.csv_pose import CSVPose
from masa_mm.datasets.held_out_split import HeldOutOfTrain
from masa_mm.datasets.official_clip import OfficialClip, OfficialList
from masa_mm.datasets.official_lists import ListError
from masa_mm.datasets.table_rows import TableFormat, read_cells

_THREE_SPLITS = ("train", "val", "test")


@DATASETS.register_module()
class ASLCitizenPose(CSVPose):
    """ASL Citizen: 2731 signs of American Sign Language, recorded at home (Desai et al., 2023).

    ``split_file`` is 'splits/{split}.csv'. Classes are the sorted glosses of all three lists, never
    those of file names. A clip's id is its file's name without ending.
    """

    NAME = "ASLCitizen"
    NUM_CLASSES = 2731
    FORMAT = TableFormat(
        columns=dict(path=("Video file",), gloss=("Gloss",), signer=("Participant ID",)),
        id_parts=1,
        splits=_THREE_SPLITS,
    )


@DATASETS.register_module()
class AUTSLPose(CSVPose):
    """AUTSL: 226 signs of Turkish Sign Language, Kinect (Sincan and Keles, IEEE Access 2020).

    ``split_file`` is '{split}_labels.csv', whose lines are 'signer0_sample1,41', ``class_list``
    ``SignList_ClassId_TR_EN.csv``. Videos are named 'signer0_sample1_color.mp4'.
    """

    NAME = "AUTSL"
    NUM_CLASSES = 226
    FORMAT = TableFormat(
        header=("path", "label"),
        separator=",",
        signer=r"^signer(\d+)_",
        id_parts=1,
        videos=("{}_color",),
        classes=("ClassId", "TR"),
    )


@DATASETS.register_module()
class GSLPose(CSVPose):
    """GSL isolated: 310 signs of Greek Sign Language (Adaloglou et al., IEEE T-MM 2022).

    ``split_file`` is '{split}_greek_iso.csv', whose lines are 'path|gloss', ``class_list``
    ``iso_classes.csv``. Clips are folders of images; the id is the last two names of the path,
    'health1_signer3_rep3_glosses/glosses0000'.
    """

    NAME = "GSL"
    NUM_CLASSES = 310
    FORMAT = TableFormat(
        header=("path", "gloss"),
        separator="|",
        signer=r"signer(\d+)_",
        id_parts=2,
        splits=_THREE_SPLITS,
    )


@DATASETS.register_module()
class INCLUDEPose(HeldOutOfTrain, CSVPose):
    """INCLUDE: 263 signs of Indian Sign Language, and INCLUDE-50 (Sridhar et al., ACM MM 2020).

    ``split_file`` is '{split}_include.csv' or '{split}_include50.csv'. Classes are the sorted words
    of both lists, with their numbers ('1. loud'). File names repeat, so a clip's id is the last
    three names of its path, 'Animals/4. Bird/MVI_2988'. The signers are not known. The splits of
    INCLUDE-50 are not parts of INCLUDE's: it needs the stores of both.
    """

    NAME = "INCLUDE"
    NUM_CLASSES = 263
    FORMAT = TableFormat(
        columns=dict(path=("FilePath",), gloss=("Word",)),
        id_parts=3,
        splits=("train", "test"),
    )

    def _title(self, size: int) -> str:
        return self.NAME if size == self.NUM_CLASSES else f"{self.NAME}-{size}"


@DATASETS.register_module()
class BosphorusSign22kPose(HeldOutOfTrain, CSVPose):
    """BosphorusSign22k: 744 signs of Turkish Sign Language (Ozdemir et al., LREC 2020).

    ``split_file`` is ``BosphorusSign22k.csv``, one line per clip. Signer 4 ('User_4') is 'test'.
    Videos are '0004/User_2_001.mp4'; this is also the id, without ending. Classes are numbers and
    Turkish names, '0004 Aciklamak', in the order of the numbers.
    """

    NAME = "BosphorusSign22k"
    NUM_CLASSES = 744
    HOLD_OUT = "val_signers=(7,)"
    FORMAT = TableFormat(
        columns={},
        templates=dict(
            path="{ClassID}/{UserID}_{RepeatID}",
            gloss="{ClassID} {ClassName_tr}",
        ),
        signer=r"User_(\d+)_",
        signer_splits=dict(test=(4,)),
        id_parts=2,
    )


@DATASETS.register_module()
class DEVISIGNPose(HeldOutOfTrain, CSVPose):
    """DEVISIGN-L: 2000 signs of Chinese Sign Language, Kinect (Chai et al., 2014).

    ``split_file`` is 'split.{split}.csv' (``video_path,class_name``). Labels and signers are those
    in the names: 'P06_0043_1_0_20130601.oni' is sign 43 by signer 6. ``class_name`` is not read: in
    these lists it is the sign's number in the sorted names, which is another sign's name. The names
    are in the dataset's own table, an optional ``class_list`` with the columns 'L_ID' and
    'Meaning (Chinese)'. A recording is a folder with a ``color.avi``.
    """

    NAME = "DEVISIGN"
    NUM_CLASSES = 2000
    HOLD_OUT = "val_signers=(4,)"
    FORMAT = TableFormat(
        columns=dict(path=("video_path",)),
        label=r"P\d+_(\d+)_[^/]*$",
        signer=r"P(\d+)_\d+_[^/]*$",
        id_parts=1,
        videos=("{}/color", "{}.oni/color"),
        classes=("L_ID", "Meaning (Chinese)"),
        splits=("train", "test"),
    )


@DATASETS.register_module()
class LSA64Pose(CSVPose):
    """LSA64: 64 signs of Argentinian Sign Language, 10 signers (Ronchetti et al., CACIC 2016).

    There are no official lists: a video's name has the sign, the signer and the repetition,
    '001_010_005.mp4'. ``split_file`` is the table of the signs, whose lines are '01|Opaque|R|'.
    Signers 1 to 8 are 'train', 9 'val' and 10 'test'.
    """

    NAME = "LSA64"
    NUM_CLASSES = 64
    SIGNERS = range(1, 11)
    REPETITIONS = range(1, 6)
    FORMAT = TableFormat(signer_splits=dict(val=(9,), test=(10,)))

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        """Read the names of the signs and list the clips of all signers and repetitions."""
        names = list(classes) if classes is not None else _sign_names(path)
        clips = [
            OfficialClip(
                f"{sign:03}_{signer:03}_{repetition:03}",
                split_of(signer, cls.FORMAT.signer_splits),
                sign - 1,
                signer,
            )
            for sign, signer, repetition in product(
                range(1, len(names) + 1), cls.SIGNERS, cls.REPETITIONS
            )
        ]
        return OfficialList(clips, names)


def _sign_names(path: str) -> list[str]:
    """Read lines 'number|name|...', numbered from 1."""
    names: list[str] = []
    for place, cells in read_cells(path, "|"):
        if len(cells) < 2 or not re.fullmatch(rf"0*{len(names) + 1}", cells[0]):
            raise ListError(
                f"{place} is not the number and name of sign {len(names) + 1}, "
                f"'{len(names) + 1:02}|name|'; give the table of the signs"
            )
        names.append(cells[1])
    return names
