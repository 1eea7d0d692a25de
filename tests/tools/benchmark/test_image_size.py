"""The benchmark of image sizes runs, and the right size has no error."""

import re

from toys.benchmark_toys import load_script

image_size = load_script("image_size")


def test_every_rule_has_a_row(capsys):
    assert image_size.main(["--classes", "2", "--seeds", "0", "1"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row[:22].strip() for row in rows] == list(image_size.RULES)
    numbers = [[float(number) for number in re.findall(r"[\d.]+(?= [%p(])", row)] for row in rows]
    assert numbers[0][:3] == [0, 0, 0]
    assert all(row[0] > 0 for row in numbers[1:-1]) and numbers[-1][0] < 0.1
    assert numbers[1][0] < numbers[2][0]  # a centred extent is nearer than a plain one
