"""Datasets whose clips a CSV file lists: anybody's signs, and the base of listed benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from mmaction.registry import DATASETS

from masa_mm.datasets.clip_selection import DatasetError
from masa_mm.datasets.clip_tables import read_clip_table
from masa_mm.datasets.official_clip import OfficialList
from masa_mm.datasets.sign_benchmark import OfficialSplit, SignBenchmark
from masa_mm.datasets.table_rows import TableFormat, read_class_table


@DATASETS.register_module()
class CSVPose(SignBenchmark):
    """Signs that a CSV file lists: a path, a gloss, and if known a signer and a split per line.

    ``split_file`` starts with a line of column names (``path`` or ``id``, ``gloss`` or ``label``,
    ``signer``, ``split``; :data:`masa_mm.datasets.table_rows.COLUMNS` has the other names that
    are accepted). Without a column of splits there is one file per split, 'signs_{split}.csv'.

    A clip's id is its file's name without ending, or the end of its path where names repeat
    (:mod:`masa_mm.pose.clip_ids`). Labels are positions in ``class_list``, by default in the
    sorted glosses of all splits.

    Example:
        >>> dataset = CSVPose('train.safetensors', [], split='train', split_file='signs.csv')
        >>> print(dataset.coverage)
        CSV: 120 of 120 listed train clips
    """

    NAME = "CSV"
    FORMAT = TableFormat()

    @classmethod
    def read_list(cls, path: str, classes: Sequence[str] | None = None) -> OfficialList:
        """Read the clips of all splits, see :func:`read_clip_table`."""
        return read_clip_table(path, classes, cls.FORMAT)

    @classmethod
    def read_classes(cls, path: str) -> list[str]:
        """Read the class names: a name per line, or the columns that ``FORMAT.classes`` names."""
        label, name = cls.FORMAT.classes
        return read_class_table(path, label, name) if label else super().read_classes(path)

    @classmethod
    def official_split(
        cls, split_file: str, split: str | None = None, classes: Sequence[str] | None = None
    ) -> OfficialSplit:
        """Read a split's clips; classes and ids are always those of all splits together.

        Args:
            split_file (str): Path of the list, with '{split}' if there is one file per split.
            split (str, optional): Name in ``SPLITS``; None: all clips.
            classes (Sequence[str], optional): The class names in label order.

        Raises:
            DatasetError: If the list does not say which clips are of the split.
            ListError: If it cannot be read, or contradicts itself or the class list.
        """
        clips, names = cls.read_list(split_file, classes)
        assert names is not None
        if split is not None:
            without = next((clip for clip in clips if clip.split is None), None)
            if without is not None:
                raise DatasetError(
                    f"{split_file}: does not say the split of clip '{without.id}'; add a column "
                    "'split', or write '{split}' for the split's name in the file's name"
                )
            clips = [clip for clip in clips if clip.split in cls.SPLITS[split]]
        return OfficialSplit(clips, names, len(names))

    def _read_official(self, classes: list[str] | None) -> OfficialSplit | None:
        official = super()._read_official(classes)
        if official is not None and not official.clips:
            raise DatasetError(f"{self.split_file}: has no clip of split '{self.split}'")
        return official
