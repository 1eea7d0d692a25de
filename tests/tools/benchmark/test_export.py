"""The benchmark of exported models runs and prints its tables."""

import pytest
import torch

from toys.benchmark_toys import load_script, read_table
from toys.trained_signs import write_training

pytest.importorskip("onnxscript", reason="the extra 'export' is not installed")
pytest.importorskip("onnxruntime", reason="the extra 'export' is not installed")
export = load_script("export")


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 6), reason="exporting needs torch 2.6"
)
def test_prints_every_figure(tmp_path, capsys):
    write_training(tmp_path)
    store = str(tmp_path / "val.safetensors")
    assert export.main(["tiny", "--clips", store, "--number", "4", "--repeats", "2"]) == 0
    rows = {row[0]: row[1:] for row in read_table(capsys.readouterr().out)}
    assert float(rows["float32"][0]) < 1e-3 and float(rows["float32"][1]) < 1e-4
    assert float(rows["int8"][4]) < float(rows["float32"][4]) / 2
    assert all(float(rows[name][0].split()[0]) > 0 for name in list(rows)[-4:])
