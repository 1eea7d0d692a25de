"""The lists of clips that benchmarks publish: which clip is in which split, with which label.

One reader a format; each returns all clips of a file. What a file does not say (its split) is None.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, urlsplit

from masa_mm.datasets.official_clip import Box, FrameRange, OfficialClip, OfficialList
from masa_mm.errors import UserError
from masa_mm.pose.files import foreign_kind, require_file

_MISSING = "no such list; download it from the benchmark's site"


class ListError(UserError):
    """An official list that cannot be read; the message is one line naming file and remedy."""


def read_json(path: str | os.PathLike) -> Any:
    """A JSON file, also gzipped.

    Raises:
        FileNotFoundError: there is no such file.
        ListError: it is no JSON, or an object has a key twice.
    """
    data = _unpacked(path)
    kind = foreign_kind(data)
    if kind:
        raise ListError(f"{path}: not a JSON file but {kind}")
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except _TwiceError as error:
        raise ListError(f"{path}: lists '{error}' twice; download it again") from None
    except (ValueError, RecursionError) as error:
        raise ListError(f"{path}: not a JSON file ({error}); download it again") from None


def _unpacked(path: str | os.PathLike) -> bytes:
    require_file(path, _MISSING)
    data = Path(path).read_bytes()
    try:
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise ListError(f"{path}: not a whole gzip file ({error}); download it again") from None


class _TwiceError(Exception):
    """A key that an object has twice; json would keep the last and say nothing."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _TwiceError(next(key for key, count in counts.items() if count > 1))
    return found


def read_wlasl(path: str | os.PathLike) -> OfficialList:
    """``nslt_*.json`` ({id: {subset, action: [class, start, end]}}) or ``WLASL_v0.3.json`` ([.gz]).

    Of the latter the label is the gloss's place in the file, as in ``nslt_2000.json``; it also
    tells signers, boxes (pixels) and frames: from 1, the last one included, -1 = the video's last,
    counted at 25 a second. The frames of ``nslt_*.json`` are mostly those of videos already cut;
    they are not read.

    Raises:
        FileNotFoundError, ListError: the file is missing, damaged or another format, or gives a
            clip two labels.
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
            _wlasl_clip(instance, label)
            for label, entry in enumerate(content)
            for instance in entry["instances"]
        ]
        glosses = [entry["gloss"] for entry in content]
    except (AttributeError, KeyError, TypeError, IndexError, ValueError):
        raise ListError(f"{path}: neither nslt_*.json nor WLASL_v0.3.json; give one") from None
    _check_once(path, clips)
    return OfficialList(clips, glosses)


def _check_once(path: str | os.PathLike, clips: Sequence[OfficialClip]) -> None:
    label = {clip.id: clip.label for clip in reversed(clips)}
    for clip in clips if len(label) < len(clips) else ():
        if label[clip.id] != clip.label:
            raise ListError(
                f"{path}: lists clip '{clip.id}' twice, with labels {label[clip.id]} and "
                f"{clip.label}; which is right?"
            )


def _wlasl_clip(instance: dict, label: int) -> OfficialClip:
    first, last = int(instance.get("frame_start", 1)), int(instance.get("frame_end", -1))
    whole = (first, last) == (1, -1)
    frames = FrameRange(first - 1, None if last < 0 else last, instance.get("fps", 25))
    video = youtube_id(instance.get("url", ""))
    return OfficialClip(
        id=instance["video_id"],
        split=instance["split"],
        label=label,
        signer=int(instance.get("signer_id", -1)),
        videos=(video,) if video else (),
        frames=None if whole else frames,
        box=Box(*map(float, instance["bbox"])) if "bbox" in instance else None,
    )


def read_msasl(path: str | os.PathLike) -> OfficialList:
    """``MSASL_{train,val,test}.json``; a clip's id is ``{YouTube id}_{start}_{end}`` (frames).

    Frames count from 0 at the entry's own rate; ``end`` is the frame after the last. Boxes are
    shares of the image: top, left, bottom, right.

    Raises:
        FileNotFoundError, ListError: the file is missing, damaged or another format.
    """
    try:
        return OfficialList([_msasl_clip(entry) for entry in read_json(path)])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ListError(f"{path}: not an MSASL_*.json list; give one") from None


def _msasl_clip(entry: dict) -> OfficialClip:
    video = youtube_id(entry["url"])
    if video is None:
        raise ValueError(entry["url"])
    box = None
    if "box" in entry:
        top, left, bottom, right = map(float, entry["box"])
        box = Box(left, top, right, bottom, relative=True)
    return OfficialClip(
        id=msasl_id(entry),
        split=None,
        label=int(entry["label"]),
        signer=int(entry.get("signer_id", -1)),
        videos=(video,),
        frames=FrameRange(int(entry["start"]), int(entry["end"]), entry.get("fps")),
        box=box,
    )


def msasl_id(entry: dict) -> str:
    """The id of an entry of MS-ASL's lists, which name none: YouTube id, first and last frame."""
    return f"{youtube_id(entry['url'])}_{entry['start']}_{entry['end']}"


def youtube_id(url: str) -> str | None:
    """The video's name in a YouTube address, in any of its forms; None for other addresses."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.hostname == "youtu.be":
        return parts.path.strip("/") or None
    if parts.hostname in ("youtube.com", "www.youtube.com", "m.youtube.com"):
        return (parse_qs(parts.query).get("v") or [None])[0]
    return None


def read_rows(path: str | os.PathLike, classes: Sequence[str] | None = None) -> OfficialList:
    """A text file with a clip a line: its file name, then its label or its class's name.

    Separated by comma, tab or blanks; a first line "video_path,class_name" is skipped.
    The clip's id is the file's name without folder and endings ('000/P41_01_00_1._color.mp4' is
    'P41_01_00_1').

    Raises:
        FileNotFoundError: there is no such file.
        ListError: a line has no label, or a class that is not in the class list; names the line. Or
            a clip has two labels.
    """
    require_file(path, _MISSING)
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
    _check_once(path, clips)
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
