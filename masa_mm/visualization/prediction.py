"""Animations of recognised clips: the skeleton over the video, and the most probable glosses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from masa_mm.atomic_write import atomic_write
from masa_mm.pose.skeleton import BODY, PARTS
from masa_mm.visualization.skeleton import BODY_LINES, assemble
from masa_mm.visualization.style import FAINT, INK, MASKED_SHADE, PART_COLORS, PREDICTED_COLOR

# Sides in pixels.
HEIGHT, PANEL, _MARGIN = 300, 250, 12
_MAX_WIDTH = 540
_LINE, _BAR = 18, 5
# A longer animation shows every second frame, every third, ...
MAX_FRAMES = 60
_FRAME_MS = 40  # at 25 frames a second
_BAR_COLOR, _PAPER = "#0072b2", "#ffffff"
# Colours that are seen on any video.
_OVER_VIDEO = dict(right_hand="#ff7a5c", left_hand="#4cc9f0", body="#f4f4f4")


class Caption(NamedTuple):
    """What is written beside a clip.

    Attributes:
        title (str): Such as the clip's file.
        glosses (Sequence[tuple[str, float]]): Names and probabilities, the largest first.
        is_known (bool): Whether the model takes the sign for one that it knows.
        notes (Sequence[str]): Warnings.
    """

    title: str
    glosses: Sequence[tuple[str, float]] = ()
    is_known: bool = True
    notes: Sequence[str] = ()


def write_animation(
    path: str | os.PathLike,
    landmarks: np.ndarray,
    image_size: tuple[float, float] | None,
    caption: Caption,
    video: Iterable[np.ndarray] | None = None,
    aspect: float = 1.0,
) -> Path:
    """Write a clip as an animated GIF, atomically; missing folders are created.

    Args:
        path (str | os.PathLike): The ``.gif`` file.
        landmarks (np.ndarray): [T, 49, 3], x, y and score.
        image_size (tuple[float, float] | None): Width and height in the units of x and y. None:
            the landmarks are in part coordinates, and the hands are drawn in a typical size.
        caption (Caption): The text beside the clip.
        video (Iterable[np.ndarray] | None): The clip's T frames, uint8 [H, W, 3] in the order blue,
            green, red; read one after the other. None: a white background.
        aspect (float): Width over height of the image of part coordinates.

    Raises:
        ValueError: If the clip has no frames.
    """
    if not len(landmarks):
        raise ValueError(f"{path}: a clip without frames cannot be drawn")
    points, shown, aspect = _in_image(landmarks, image_size, aspect)
    width = min(round(HEIGHT * aspect), _MAX_WIDTH)
    size = width, max(1, round(width / aspect))
    step = -(-len(points) // MAX_FRAMES)
    panel = _draw_panel(caption, max(size[1], HEIGHT))
    backgrounds: Iterable[np.ndarray | None] = (
        chain(video, repeat(None)) if video is not None else repeat(None)
    )
    pictures = (
        _draw_frame(panel, size, points[number] * size[1], shown[number], frame)
        for number, frame in zip(range(len(points)), backgrounds)
        if number % step == 0
    )
    return _save(Path(path), pictures, step * _FRAME_MS)


def _save(path: Path, pictures: Iterator[Image.Image], duration: int) -> Path:
    first = next(pictures)
    with atomic_write(path) as temporary:
        first.save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=pictures,
            duration=duration,
            loop=0,
        )
    return path


def _in_image(
    landmarks: np.ndarray, image_size: tuple[float, float] | None, aspect: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return joints [T, 49, 2] in image heights, which are shown [T, 49], and the aspect."""
    landmarks = np.where(np.isfinite(landmarks).all(-1, keepdims=True), landmarks, 0)
    points, score = landmarks[..., :2], landmarks[..., 2]
    if image_size is None:
        points, score = assemble(points, score, aspect)
        return points, score > 0, aspect
    width, height = image_size
    return points / height, score > 0, width / height


def _draw_frame(
    panel: Image.Image,
    size: tuple[int, int],
    points: np.ndarray,
    shown: np.ndarray,
    frame: np.ndarray | None,
) -> Image.Image:
    if frame is None:
        picture = Image.new("RGB", size, _PAPER)
    else:
        picture = Image.fromarray(np.ascontiguousarray(frame[..., ::-1])).resize(size)
    _draw_skeleton(ImageDraw.Draw(picture), points, shown, frame is not None)
    whole = Image.new("RGB", (size[0] + PANEL, panel.height), _PAPER)
    whole.paste(picture, (0, (panel.height - size[1]) // 2))
    whole.paste(panel, (size[0], 0))
    ImageDraw.Draw(whole).line([(size[0], 0), (size[0], panel.height)], fill=FAINT)
    # Pillow's default takes 30 times as long, and its dithering makes large files.
    return whole.quantize(128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def _draw_skeleton(
    draw: ImageDraw.ImageDraw, points: np.ndarray, shown: np.ndarray, over_video: bool
) -> None:
    colors = _OVER_VIDEO if over_video else PART_COLORS
    for part in (BODY, *PARTS[:2]):  # hands in front of the body
        place, present = points[part.joints], shown[part.joints]
        lines = np.array(BODY_LINES if part is BODY else part.edges)
        for first, second in lines[present[lines].all(1)]:
            ends = [*map(tuple, place[[first, second]].tolist())]
            draw.line(ends, fill=colors[part.name], width=4 if part is BODY else 2)
        for index in np.flatnonzero(present):
            x, y = place[index]
            radius = 14 if part is BODY and index == 0 else 2
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, outline=colors[part.name], width=2)


def _draw_panel(caption: Caption, height: int) -> Image.Image:
    """Draw the text beside the frames: title, glosses with bars, warnings."""
    panel = Image.new("RGB", (PANEL, height), _PAPER)
    draw, font, y = ImageDraw.Draw(panel), _font(13), _MARGIN
    draw.text((_MARGIN, y), _fitted(caption.title, font, keep_end=True), fill=INK, font=font)
    y += _LINE + 6
    if caption.glosses and not caption.is_known:
        draw.rectangle((_MARGIN - 4, y - 2, PANEL - _MARGIN, y + _LINE), fill=MASKED_SHADE)
        draw.text((_MARGIN, y), "not a sign that it knows", fill=PREDICTED_COLOR, font=font)
        y += _LINE + 6
    for gloss, probability in caption.glosses:
        y = _draw_gloss(draw, y, gloss, probability, caption.is_known)
    small = _font(11)
    for line in chain.from_iterable(_wrapped(f"! {note}", small) for note in caption.notes):
        draw.text((_MARGIN, y + 4), line, fill=PREDICTED_COLOR, font=small)
        y += _LINE - 3
    return panel


def _draw_gloss(
    draw: ImageDraw.ImageDraw, y: int, gloss: str, probability: float, is_known: bool
) -> int:
    """Draw a gloss, its probability and a bar; return where the next line starts."""
    font, width = _font(13), PANEL - 2 * _MARGIN
    draw.text((_MARGIN, y), _fitted(gloss, font, width - 60), fill=INK, font=font)
    share = f"{100 * probability:.1f} %"
    draw.text((PANEL - _MARGIN, y), share, fill=INK, font=font, anchor="ra")
    y += _LINE
    draw.rectangle((_MARGIN, y, _MARGIN + width, y + _BAR), fill="#eceef2")
    filled = round(width * min(max(probability, 0), 1))
    if filled:
        color = _BAR_COLOR if is_known else FAINT
        draw.rectangle((_MARGIN, y, _MARGIN + filled, y + _BAR), fill=color)
    return y + _BAR + 9


def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that comes with matplotlib; it has Latin, Greek and Cyrillic letters."""
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)


def _fitted(
    text: str,
    font: ImageFont.FreeTypeFont,
    width: float = PANEL - 2 * _MARGIN,
    keep_end: bool = False,
) -> str:
    """Shorten a text to a width; names of files differ at their ends."""
    text = "".join(char if char.isprintable() else "?" for char in text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[1:] if keep_end else text[:-1]
    return "…" + text if keep_end else text + "…"


def _wrapped(text: str, font: ImageFont.FreeTypeFont) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > PANEL - 2 * _MARGIN:
            yield line
            longer = word
        line = longer
    yield line
