"""Sections on what the clips hold: hands, lengths, coordinates, tracking, and samples."""

from __future__ import annotations

from typing import Any

from masa_mm.preparation.audit.clips import AuditClips
from masa_mm.preparation.audit.report import figures
from masa_mm.preparation.audit.report.section import (
    CLIP_COLUMNS,
    Picture,
    Section,
    Table,
    clip_rows,
    count,
    percent,
)
from masa_mm.visualization import plot_clip

_LISTED = 20


def presence_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Hands that are absent, joints that are unsure."""
    splits, parts = found["splits"], found["parts"]
    rows = [
        [
            split["split"],
            *(percent(split[key]) for key in ("right_hand", "left_hand", "both", "none")),
        ]
        + [f"{split['below_half']:,}"]
        for split in splits
    ]
    scores = [
        [name.replace("_", " "), percent(part["present"])]
        + ([f"{part['mean']:.2f}", percent(part["sure"])] if part["present"] else ["", ""])
        for name, part in parts.items()
    ]
    shares = {split["split"]: split["clip_shares"] for split in splits}
    xlabel = "frames with a hand"
    blocks: list[Table | Picture] = [
        Table(
            ("split", "right hand", "left hand", "both", "no hand", "clips with a hand in < half"),
            rows,
            "Share of frames",
        ),
        Picture(figures.split_histogram(found["share_edges"], shares, xlabel, True), small=True),
    ]
    if not found["binary"]:
        picture = figures.score_histogram(found["score_edges"], parts)
        blocks.append(Picture(picture, small=True))
    blocks += [
        Table(("part", "joints present", "mean score", "score 0.4 or more"), scores, "Confidence"),
        Table(
            (*CLIP_COLUMNS, "frames with a hand"),
            [[*row[:-1], percent(row[-1])] for row in clip_rows(found["worst"], "share")],
            "Clips with the fewest",
        ),
    ]
    summary = "; ".join(
        f"{split['split']}: no hand in {percent(split['none'])} of frames" for split in splits
    )
    if found["binary"]:
        summary += ". The source has no confidences: every score is 0 or 1"
    return Section(
        "Hands and confidence",
        summary,
        "A hand is there in a frame if one of its joints is; joints with a score of 0.4 or more "
        "are what cropping, masking and the loss count as seen.",
        alarm=any(split["none"] > 0.25 for split in splits),
        blocks=blocks,
    )


def lengths_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Frames a clip."""
    rows = [
        [split["split"], f"{split['clips']:,}", f"{split['frames']:,}"]
        + [f"{value:g}" for value in split["percentiles"]]
        for split in found["splits"]
    ]
    histograms = {split["split"]: split["histogram"] for split in found["splits"]}
    columns = ("split", "clips", "frames", "shortest", "5 %", "median", "95 %", "longest")
    return Section(
        "Clip lengths",
        "; ".join(
            "{}: {:g} to {:g} frames, {:g} in the middle".format(
                split["split"], *(split["percentiles"][place] for place in (0, -1, 2))
            )
            for split in found["splits"]
        ),
        "Frames as stored, with and without hands.",
        blocks=[
            Table(columns, rows),
            Picture(
                figures.split_histogram(found["edges"], histograms, "frames a clip"), small=True
            ),
            Table(CLIP_COLUMNS, clip_rows([*found["shortest"], *found["longest"][::-1]]), "Ends"),
        ],
    )


def coordinates_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Ranges of the part coordinates."""
    rows = [
        [
            name.replace("_", " "),
            axis,
            f"{span['least']:.3f}",
            *(f"{value:.3f}" for value in span["percentiles"]),
            f"{span['most']:.3f}",
            percent(span["outside"]),
        ]
        for name, axes in found["parts"].items()
        for axis, span in axes.items()
        if span is not None
    ]
    absent = [name for name, axes in found["parts"].items() if axes["x"] is None]
    outside = max(
        (axes[a]["outside"] for axes in found["parts"].values() for a in axes if axes[a]), default=0
    )
    summary = f"At most {percent(outside)} of a part's joints lie outside [0, 1]"
    if absent:
        summary += f"; no frame has a {' or a '.join(absent).replace('_', ' ')}"
    columns = ("part", "axis", "least", "1 %", "median", "99 %", "most", "outside [0, 1]")
    return Section(
        "Coordinates",
        summary,
        "Part coordinates of present joints: hands in their crops, the body in the image. Joints "
        "that shape a crop lie within [0, 1]; unsure ones and the body may lie outside.",
        alarm=bool(absent) or outside > 0.05,
        blocks=[
            Picture(figures.coordinate_histograms(found["edges"], found["parts"])),
            Table(columns, rows),
        ],
    )


def tracking_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Parts that stand still, joints that jump."""
    parts = found["parts"]
    rows = [
        [
            name.replace("_", " "),
            f"{part['steps']:,}",
            percent(part["repeat"]),
            f"{part['frozen']:,}",
            percent(part["jumps"]),
        ]
        for name, part in parts.items()
    ]
    frozen = sum(part["frozen"] for part in parts.values())
    hands = max(parts["right_hand"]["jumps"], parts["left_hand"]["jumps"])
    blocks: list[Table | Picture] = [
        Table(("part", "steps", "repeating steps", "frozen in clips", "frames with a jump"), rows),
        Picture(figures.joint_bars(found["joints"]), "How often each joint jumps"),
    ]
    if found["jumping"]:
        blocks.append(
            Table((*CLIP_COLUMNS, "jumps"), clip_rows(found["jumping"], "jumps"), "Most jumps")
        )
    if found["frozen"]:
        rows = [
            [*row[:-1], percent(row[-1])] for row in clip_rows(found["frozen"], "part", "share")
        ]
        columns = (*CLIP_COLUMNS, "part", "repeating steps")
        blocks.append(Table(columns, rows, "Parts frozen in a clip"))
    return Section(
        "Frozen and jumping joints",
        f"A part is frozen in {count(frozen, 'clip')}; a hand's joint jumps in {percent(hands)} of "
        "frames",
        "A step is a frame and the next with the joint in both. A part repeats in a step if all "
        "its joints keep their place exactly, and is frozen in a clip if half of its steps (of at "
        "least 8) repeat. A joint jumps in a frame if it is more than 0.2 of the crop's side (of "
        "the body: of the image's) from its places before and after, which are less than 0.1 "
        "apart.",
        alarm=frozen > 0 or hands > 0.02,
        blocks=blocks,
    )


def refused_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Clips that should not be in a store."""
    bad, repeated = found["bad"], found["repeated_ids"]
    blocks = []
    if bad:
        rows = [[clip["id"], clip["split"], clip["problem"], clip["remedy"]] for clip in bad]
        columns = ("clip", "split", "problem", "remedy")
        blocks.append(Table(columns, rows[:_LISTED], f"The first of {len(bad):,}"))
    if repeated:
        rows = [[clip["id"], ", ".join(clip["splits"])] for clip in repeated[:_LISTED]]
        blocks.append(Table(("clip", "stores"), rows, f"The first of {len(repeated):,} ids"))
    return Section(
        "Bad clips",
        f"{count(len(bad), 'bad clip').capitalize()}, {count(len(repeated), 'repeated id')}",
        "Clips that training could learn nothing from: NaN or infinite joints, no visible hand, "
        "coordinates in pixels; and ids that several clips have.",
        alarm=bool(bad or repeated),
        blocks=blocks,
    )


def samples_section(clips: AuditClips, found: dict[str, Any]) -> Section:
    """Clips drawn at random."""
    pictures = []
    for number, clip in zip(found["numbers"], found["clips"]):
        sign = f"'{clip['gloss']}', " if clip["gloss"] else ""
        caption = f"{sign}{clip['split']}/{clip['id']}, {count(clip['num_frames'], 'frame')}"
        pictures.append(Picture(plot_clip(*clips.clip(number)), caption, small=True))
    return Section(
        "Samples",
        f"{count(len(pictures), 'clip')} drawn at random (seed {found['seed']})",
        "Eight evenly spread frames: the signer, with hands of a typical size on the wrists, and "
        "each hand in its crop.",
        blocks=pictures,
    )
