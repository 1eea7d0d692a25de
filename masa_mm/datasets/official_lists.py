"""Readers of the official clip lists of the benchmarks, one per format.

Each returns all clips of a file. What a file does not contain, such as the split, is None. All
raise ``FileNotFoundError`` if there is no such file, and :class:`ListError` if it is damaged, has
another format, or gives a clip two labels.
"""

from __future__ import annotations

import csv
import gzip
import logging
import math
import os
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mmengine.logging import print_log

from masa_mm.datasets.official_clip import Box, FrameRange, OfficialClip, OfficialList
from masa_mm.errors import UserError, in_one_line
from masa_mm.pose.clip_ids import file_id
from masa_mm.pose.files import foreign_kind, parse_json, require_file, whole_number
from masa_mm.safe_files.limits import MOST_TEXT_BYTES, TooLargeError, check_json, gzip_limit

_MISSING = "no such list; check the path, or download it from the benchmark's site"


class ListError(UserError):
    """An official list cannot be read; the message names file and remedy."""


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file, gzipped or not; refuse one with an object that has a key twice."""
    path = list_file(path)
    data = _read_bytes(path)
    kind = foreign_kind(data)
    if kind:
        raise ListError(f"{path}: not a JSON file but {kind}")
    try:
        text = data.decode("utf-8-sig")
        check_json(path, text, os.path.getsize(path))
        return parse_json(text, object_pairs_hook=_unique_keys)
    except TooLargeError:
        raise
    except ValueError as error:
        raise ListError(
            f"{path}: not a JSON file ({in_one_line(error)}); download it again"
        ) from None


def read_list_text(path: str | os.PathLike) -> str:
    """Read a list as text, gzipped or not, with or without a byte order mark."""
    data = _read_bytes(path)
    kind = foreign_kind(data)
    if kind:
        raise ListError(f"{path}: not a list of clips but {kind}")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListError(f"{path}: not a text file in UTF-8; save the list as such") from None


def list_file(path: str | os.PathLike) -> str:
    """Return the path of a list; if only the list with or without '.gz' exists, that one."""
    path = os.fspath(path)
    other = path.removesuffix(".gz") if path.endswith(".gz") else f"{path}.gz"
    return other if os.path.isfile(other) and not os.path.exists(path) else path


def _read_bytes(path: str | os.PathLike) -> bytes:
    """Read a file, decompressed if it is gzipped."""
    path = list_file(path)
    require_file(path, _MISSING)
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    size = os.path.getsize(path)
    most = gzip_limit(size) if zipped else MOST_TEXT_BYTES
    try:
        with gzip.open(path) if zipped else open(path, "rb") as file:
            data = file.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ListError(f"{path}: not a complete gzip file ({error}); download it again") from None
    if len(data) > most:
        raise ListError(f"{path}: has more than {most >> 20} MiB; give a list of clips")
    return data


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that has a key twice, of which json would silently keep the last."""
    content = dict(pairs)
    if len(content) < len(pairs):
        (key, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"an object lists '{key}' twice")
    return content


def read_wlasl(path: str | os.PathLike) -> OfficialList:
    """Read ``nslt_*.json`` ({id: {subset, action: [class, start, end]}}) or ``WLASL_v0.3.json``.

    In ``WLASL_v0.3.json`` (or ``.gz``) the label is the gloss's position, as in ``nslt_2000.json``.
    It also has signers, boxes in pixels, and frames at 25 per second, from 1 to the last one
    included (-1 = the video's last). The frames of ``nslt_*.json`` are not read, because most are
    those of clips that are cut already.
    """
    content = read_json(path)
    try:
        if isinstance(content, dict):
            return OfficialList(
                [
                    OfficialClip(n, _text(c["subset"]), whole_number(c["action"][0]))
                    for n, c in content.items()
                ]
            )
        clips = [
            _wlasl_clip(instance, label)
            for label, entry in enumerate(content)
            for instance in entry["instances"]
        ]
        glosses = [_text(entry["gloss"]) for entry in content]
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError):
        raise ListError(f"{path}: neither nslt_*.json nor WLASL_v0.3.json; give one") from None
    _check_unique(path, clips)
    return OfficialList(clips, glosses)


def _check_unique(path: str | os.PathLike, clips: Sequence[OfficialClip]) -> None:
    label = {clip.id: clip.label for clip in reversed(clips)}
    for clip in clips if len(label) < len(clips) else ():
        if label[clip.id] != clip.label:
            raise ListError(
                f"{path}: lists clip '{clip.id}' twice, with labels {label[clip.id]} and "
                f"{clip.label}; remove the wrong entry"
            )


def _wlasl_clip(instance: dict, label: int) -> OfficialClip:
    first = whole_number(instance.get("frame_start", 1))
    last = whole_number(instance.get("frame_end", -1))
    frames = FrameRange(first - 1, None if last < 0 else last, _rate(instance.get("fps", 25)))
    video, box = youtube_id(instance.get("url", "")), None
    if "bbox" in instance:
        left, top, right, bottom = map(_finite, instance["bbox"])
        box = Box(left, top, right, bottom)
    return OfficialClip(
        id=_text(instance["video_id"]),
        split=_text(instance["split"]),
        label=label,
        signer=whole_number(instance.get("signer_id", -1)),
        videos=(video,) if video else (),
        frames=None if (first, last) == (1, -1) else frames,
        box=box,
    )


def read_msasl(path: str | os.PathLike) -> OfficialList:
    """Read ``MSASL_{train,val,test}.json``; a clip's id is ``{YouTube id}_{start}_{end}``.

    Frames count from 0 at the entry's frame rate; ``end`` is the frame after the last. An entry
    without ``fps`` has the rate that its frames and seconds imply; without seconds it counts the
    video's frames, and the log says so. Boxes are relative to the image: top, left, bottom, right.
    """
    content = read_json(path)
    try:
        clips = [_msasl_clip(entry) for entry in content]
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError):
        raise ListError(f"{path}: not an MSASL_*.json list; give one") from None
    unknown = sum(clip.frames is not None and clip.frames.fps is None for clip in clips)
    if unknown:
        print_log(
            f"{path}: {unknown} of {len(clips)} clips have no frame rate, so their frames are "
            "counted at the rate of your videos. Whole videos must have their original rate",
            logger="current",
            level=logging.WARNING,
        )
    return OfficialList(clips)


def _msasl_clip(entry: dict) -> OfficialClip:
    video, box = youtube_id(entry["url"]), None
    if video is None:
        raise ValueError(entry["url"])
    if "box" in entry:
        top, left, bottom, right = map(_finite, entry["box"])
        box = Box(left, top, right, bottom, relative=True)
    return OfficialClip(
        id=msasl_id(entry),
        split=None,
        label=whole_number(entry["label"]),
        signer=whole_number(entry.get("signer_id", -1)),
        videos=(video,),
        frames=FrameRange(
            whole_number(entry["start"]), whole_number(entry["end"]), _msasl_rate(entry)
        ),
        box=box,
    )


def _msasl_rate(entry: dict) -> float | None:
    """Return the frame rate of an entry's frames; None if nothing tells it."""
    if entry.get("fps") is not None:
        return _rate(entry["fps"])
    frame, seconds = whole_number(entry["end"]), _finite(entry.get("end_time") or 0)
    return _rate(frame / seconds) if frame > 0 and seconds > 0 else None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _rate(value: Any) -> float:
    """Return a frame rate; the limit is far above that of any camera."""
    if isinstance(value, bool) or not 0 < (rate := float(value)) <= 10_000:
        raise ValueError("no frame rate")
    return value if isinstance(value, int) else rate


def msasl_id(entry: dict) -> str:
    """Return an id for an entry of MS-ASL's lists: YouTube id, start and end frame."""
    return f"{youtube_id(entry['url'])}_{entry['start']}_{entry['end']}"


def youtube_id(url: str) -> str | None:
    """Return the video id of a YouTube address in any of its forms; None for other addresses."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    if parts.hostname == "youtu.be":
        return parts.path.strip("/") or None
    if parts.hostname in ("youtube.com", "www.youtube.com", "m.youtube.com"):
        return next(iter(parse_qs(parts.query).get("v", ())), None)
    return None


def read_rows(path: str | os.PathLike, classes: Sequence[str] | None = None) -> OfficialList:
    """Read a text file with a file name and a label, or one of ``classes``, per line.

    They are separated by a comma, a tab or blanks. A header "video_path,class_name" is skipped. The
    clip's id is the file's name without folder and ending ('000/P41_01_00_1._color.mp4' is
    'P41_01_00_1').
    """
    lines = read_list_text(path).splitlines()
    labels = {name: label for label, name in enumerate(classes or ())}
    clips = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or (number == 1 and line.startswith("video_path,")):
            continue
        row = next(csv.reader([line])) if "," in line else line.split(None, 1)
        if len(row) != 2:
            raise ListError(f"{path}: line {number} is not a file name and a label: '{line}'")
        clips.append(OfficialClip(file_id(row[0]), None, _label(path, number, row[1], labels)))
    _check_unique(path, clips)
    return OfficialList(clips)


def _label(path: str | os.PathLike, number: int, text: str, labels: dict[str, int]) -> int:
    text = text.strip()
    if text in labels:
        return labels[text]
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    raise ListError(
        f"{path}: line {number} has class '{text}', which is not in the class list; "
        "give class_list=, the file of the class names in label order"
    )
