"""A dataset of a user's own signs: from videos or pose files to a store, a list and a config.

The command line is ``tools/new_dataset.py``, the guide docs/your_own_signs.md.
"""

from masa_mm.preparation.new_dataset.clips import (
    FOLDER_SOURCES,
    VIDEO_SOURCE,
    LabelledClips,
    NewDatasetError,
    SignClip,
    clips_of_folder,
    clips_of_table,
    detect_source,
    folders_without_clips,
)
from masa_mm.preparation.new_dataset.division import Division, divide, division_lines
from masa_mm.preparation.new_dataset.files import (
    clips_in_store,
    clips_of_stores,
    write_config,
    write_list,
)
from masa_mm.preparation.new_dataset.poses import convert_files, extract_videos, labelled
from masa_mm.preparation.new_dataset.split import PARTS

__all__ = [
    "FOLDER_SOURCES",
    "PARTS",
    "VIDEO_SOURCE",
    "Division",
    "LabelledClips",
    "NewDatasetError",
    "SignClip",
    "clips_in_store",
    "clips_of_folder",
    "clips_of_stores",
    "clips_of_table",
    "convert_files",
    "detect_source",
    "divide",
    "division_lines",
    "extract_videos",
    "folders_without_clips",
    "labelled",
    "write_config",
    "write_list",
]
