"""Cells, captions and labels of the page."""

from matplotlib.figure import Figure

from masa_mm.preparation.audit.check import Check, Picture, Table, count, histogram_chart, percent
from masa_mm.preparation.audit.report import all_checks


def test_numbers_for_readers():
    assert [percent(share) for share in (0, 1e-5, 0.005, 0.5, 1)] == [
        "0.00 %",
        "< 0.01 %",
        "0.50 %",
        "50.0 %",
        "100.0 %",
    ]
    assert count(0, "clip") == "no clip" and count(1, "clip") == "1 clip"
    assert count(2000, "class", "classes") == "2,000 classes"


def test_a_table_formats_cells_and_aligns_numbers():
    records = [dict(id="a", clips=1234, share=0.5), dict(id="7", clips=0, share=0)]
    columns = {
        "clip": "id",
        "clips": "clips",
        "share": lambda record: percent(record["share"]) if record["share"] else "",
    }
    table = Table(records, columns, caption="Two")
    assert table.rows == [["a", "1,234", "50.0 %"], ["7", "0", ""]]
    assert table.numeric == [False, True, True]


def test_pictures_are_embedded_and_labels_are_no_formulas():
    assert Picture(Figure()).data_uri.startswith("data:image/png;base64,iVBOR")
    picture = histogram_chart([0, 1, 2], {r"$\no$": [1, 3]}, "frames")
    assert picture.small and picture.data_uri


def test_every_check_explains_itself_under_a_name_of_its_own():
    checks = all_checks()
    for field in ("name", "title", "about"):
        values = [getattr(check, field) for check in checks]
        assert all(values) and len(set(values)) == len(checks)
    assert all(check.about != Check.__doc__ for check in checks)
