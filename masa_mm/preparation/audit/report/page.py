"""Sections as one HTML page that needs nothing else: no network, no script, pictures inside."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

from matplotlib.figure import Figure

from masa_mm.preparation.audit.report.section import Picture, Section, Table

_DPI = 110
_SMALL_DPI = 80

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #2b2d33;
  background: #f6f7fa; margin: 0; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 24px 80px; }
h1 { font-size: 26px; margin: 8px 0 2px; }
h2 { font-size: 19px; margin: 0 0 4px; }
section, .head { background: #fff; border: 1px solid #e3e6ee; border-radius: 10px;
  padding: 20px 24px; margin: 18px 0; }
.summary { font-weight: 600; margin: 4px 0; }
.about, .faint, figcaption, caption { color: #676c78; }
.about { margin: 4px 0 14px; max-width: 78ch; }
figure { margin: 10px 0; }
figcaption, caption { font-size: 13px; }
caption { text-align: left; padding: 6px 0; }
img { max-width: 100%; height: auto; display: block; }
.beside { display: flex; flex-wrap: wrap; gap: 6px 28px; align-items: flex-start; }
.beside figure { flex: 1 1 440px; max-width: 500px; }
.beside caption { max-width: 30ch; }
.scroll { overflow: auto; max-height: 360px; margin: 12px 0; }
table { border-collapse: collapse; font-size: 13.5px; }
th { text-align: left; font-weight: 600; position: sticky; top: 0; background: #fff;
  border-bottom: 1px solid #cfd4df; }
th, td { padding: 4px 16px 4px 0; vertical-align: top; }
tr + tr td { border-top: 1px solid #eef0f5; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
ul.list { list-style: none; padding: 0; margin: 10px 0 0; }
ul.list li { padding: 4px 0 4px 20px; position: relative; }
ul.list li::before { content: ""; position: absolute; left: 2px; top: 12px; width: 9px; height: 9px;
  border-radius: 50%; background: #b9bdc7; }
ul.list li.alarm::before { background: #d55e00; }
a { color: #1f5f9e; text-decoration: none; }
a:hover { text-decoration: underline; }
"""
# Nothing may be fetched, whatever a store's names say.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render_page(title: str, stores: Table, sections: Sequence[Section]) -> str:
    """The page.

    Args:
        title: its heading.
        stores: what was audited.
        sections: in order.
    """
    body = "\n".join(_section(number, section) for number, section in enumerate(sections))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<div class="head">
<h1>{escape(title)}</h1>
{_table(stores)}
{_contents(sections)}
</div>
{body}
</main>
</body>
</html>
"""


def _contents(sections: Sequence[Section]) -> str:
    lines = [
        f'<li{_alarm(section)}><a href="#s{number}">{escape(section.title)}</a>: '
        f"{escape(section.summary)}.</li>"
        for number, section in enumerate(sections)
    ]
    return '<ul class="list">\n' + "\n".join(lines) + "\n</ul>"


def _alarm(section: Section) -> str:
    return ' class="alarm"' if section.alarm else ""


def _section(number: int, section: Section) -> str:
    return "\n".join(
        [
            f'<section id="s{number}">',
            f"<h2>{escape(section.title)}</h2>",
            f'<p class="summary">{escape(section.summary)}.</p>',
            f'<p class="about">{escape(section.about)}</p>',
            *_blocks(section.blocks),
            "</section>",
        ]
    )


def _blocks(blocks: Sequence[Table | Picture]) -> Iterator[str]:
    """Blocks in order; small ones that follow each other stand side by side."""
    for small, run in groupby(blocks, key=lambda block: block.small):
        parts = [_picture(block) if isinstance(block, Picture) else _table(block) for block in run]
        if small:
            parts = ['<div class="beside">', *parts, "</div>"]
        yield from parts


def _table(table: Table) -> str:
    numeric = [
        bool(table.rows) and all(_is_number(row[column]) for row in table.rows)
        for column in range(len(table.columns))
    ]
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    head = _row("th", table.columns, numeric)
    rows = "\n".join(_row("td", row, numeric) for row in table.rows)
    body = f"<thead>{head}</thead>\n<tbody>{rows}</tbody>"
    return f'<div class="scroll"><table>{caption}{body}</table></div>'


def _row(tag: str, cells: Sequence[object], numeric: Sequence[bool]) -> str:
    kinds = [' class="n"' if is_numeric else "" for is_numeric in numeric]
    return (
        "<tr>"
        + "".join(f"<{tag}{kind}>{escape(str(c))}</{tag}>" for kind, c in zip(kinds, cells))
        + "</tr>"
    )


def _is_number(cell: object) -> bool:
    """Whether a cell is to be set to the right: a number, a share, or empty."""
    text = str(cell).replace(",", "").removeprefix("< ").removesuffix(" %")
    try:
        float(text or 0)
    except ValueError:
        return False
    return True


def _picture(picture: Picture) -> str:
    data = base64.b64encode(_png(picture.figure, _SMALL_DPI if picture.small else _DPI)).decode()
    caption = escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{data}">'
        + (f"<figcaption>{caption}</figcaption>" if caption else "")
        + "</figure>"
    )


def _png(figure: Figure, dpi: int) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
