"""The lists of clips that benchmarks publish: which clip is in which split, with which label.

One reader a format; each returns all clips of a file. What a file does not say (its split) is None.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from ..errors import UserError


class ListError(UserError):
    """An official list that cannot be read; the message is one line naming file and remedy."""


class OfficialClip(NamedTuple):
    """A clip of a benchmark: its id, its split (None: the file is of one split), its label."""

    id: str
    split: str | None
    label: int


class OfficialList(NamedTuple):
    """The clips of a list, and the class names if the list has them."""

    clips: list[OfficialClip]
    classes: list[str] | None = None


def read_json(path: str | os.PathLike) -> Any:
    """A JSON file, also gzipped.

    Raises:
        FileNotFoundError: there is no such file.
        ListError: it is no JSON.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such list; download it from the benchmark's site")
    try:
        data = Path(path).read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, json.JSONDecodeError, EOFError, OSError) as error:
        raise ListError(f"{path}: not a JSON file ({error}); download it again") from None


def read_wlasl(path: str | os.PathLike) -> OfficialList:
    """``nslt_*.json`` ({id: {subset, action: [class, start, end]}}) or ``WLASL_v0.3.json`` ([.gz]).

    Of the latter the label is the gloss's place in the file, as in ``nslt_2000.json``.

    Raises:
        FileNotFoundError, ListError: the file is missing, damaged or another format.
    """
    content = read_json(path)
    try:
        if isinstance(content, dict):
            return OfficialList(
                [
                    OfficialClip(name, clip["subset"], int(clip["action"][0]))
                    for name, clip in content.items()
                ]
            )
        clips = [
            OfficialClip(instance["video_id"], instance["split"], label)
            for label, entry in enumerate(content)
            for instance in entry["instances"]
        ]
        return OfficialList(clips, [entry["gloss"] for entry in content])
    except (KeyError, TypeError, IndexError, ValueError):
        raise ListError(f"{path}: neither nslt_*.json nor WLASL_v0.3.json; give one") from None


def read_msasl(path: str | os.PathLike) -> OfficialList:
    """``MSASL_{train,val,test}.json``; a clip's id is ``{YouTube id}_{start}_{end}`` (frames).

    Raises:
        FileNotFoundError, ListError: the file is missing, damaged or another format.
    """
    try:
        return OfficialList(
            [OfficialClip(msasl_id(entry), None, int(entry["label"])) for entry in read_json(path)]
        )
    except (KeyError, TypeError):
        raise ListError(f"{path}: not an MSASL_*.json list; give one") from None


def msasl_id(entry: dict) -> str:
    """The id of an entry of MS-ASL's lists, which name none: YouTube id, first and last frame."""
    url = entry["url"]
    video = parse_qs(urlsplit(url if "//" in url else f"https://{url}").query)["v"][0]
    return f"{video}_{entry['start']}_{entry['end']}"


def read_rows(path: str | os.PathLike, classes: Sequence[str] | None = None) -> OfficialList:
    """A text file with a clip a line: its file name, then its label or its class's name.

    Separated by comma, tab or blanks; a first line "video_path,class_name" is skipped.
    The clip's id is the file's name without folder and endings ('000/P41_01_00_1._color.mp4' is
    'P41_01_00_1').

    Raises:
        FileNotFoundError: there is no such file.
        ListError: a line has no label, or a class that is not in the class list; names the line.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such list; download it from the benchmark's site")
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ListError(f"{path}: not a text file; give a list of file name and label") from None
    labels = {name: label for label, name in enumerate(classes or ())}
    clips = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.startswith("video_path,")):
            continue
        row = next(csv.reader([line])) if "," in line else line.split(None, 1)
        if len(row) != 2:
            raise ListError(f"{path}: line {number} is not a file name and a label: '{line}'")
        clips.append(OfficialClip(file_id(row[0]), None, _label(path, number, row[1], labels)))
    return OfficialList(clips)


def file_id(name: str) -> str:
    """A file's name without folder and endings."""
    return PurePosixPath(name.strip().replace("\\", "/")).name.split(".")[0]


def _label(path: str | os.PathLike, number: int, text: str, labels: dict[str, int]) -> int:
    text = text.strip()
    if text in labels:
        return labels[text]
    if re.fullmatch(r"\d+", text):
        return int(text)
    raise ListError(
        f"{path}: line {number} has class '{text}', which is not in the class list; "
        "give class_list=, the file of the class names in the order of their labels"
    )
