"""Configs that are data: what is read, and what is refused without being executed."""

import json

import pytest

from masa_mm.compat.config_data import (
    MAX_BYTES,
    DataConfigError,
    check_inert,
    literal_config,
    read_data_config,
)


def written(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_plain_configs_are_read(tmp_path):
    text = "model: &m {type: MASA, depth: 2}\nagain: *m\nsizes: !!python/tuple [1, 2]\n"
    assert read_data_config(written(tmp_path, "c.yaml", text)) == dict(
        model=dict(type="MASA", depth=2), again=dict(type="MASA", depth=2), sizes=(1, 2)
    )
    config = dict(model=dict(type="mmaction.RecognizerGCN"), custom_imports=dict(imports="masa_mm"))
    path = written(tmp_path, "c.json", json.dumps(config))
    assert read_data_config(path) == config


ALIASES = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"a{i}: &a{i} [{','.join(['*a' + str(i - 1)] * 9)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("c.yaml", "a: !!python/object/apply:os.system ['touch executed']", "plain values"),
        ("c.yml", "a: !!python/name:os.system", "plain values"),
        ("c.yaml", "model: [", "plain values"),
        ("c.yaml", "- 1", "holds a list"),
        ("c.yaml", "", "holds a NoneType"),
        ("c.yaml", ALIASES, "aliases expand"),
        ("c.yaml", "a: &a [*a]", "contains itself"),
        ("c.yaml", "a: " + "[" * 20_000, "nested too deeply"),
        ("c.yaml", "a: " + "[" * 100 + "]" * 100, "nested deeper than 64"),
        ("c.json", '{"a":' * 50_000, "nested"),
        ("c.json", '{"a": ' + "9" * 10_000 + "}", "plain values"),
        ("c.json", '{"a": 1', "plain values"),
        ("c.yaml", "a: " + "b" * MAX_BYTES, "bytes, a config at most"),
        ("c.yaml", "hook: {type: os.system, command: touch executed}", "'os.system'"),
        ("c.yaml", "hook: {type: mmengine.load, file: x.pkl}", "'mmengine.load'"),
        ("c.yaml", "hook: {type: antigravity}", "'antigravity'"),
        ("c.yaml", "optim_wrapper: {constructor: os.system}", "'os.system'"),
        ("c.yaml", "custom_imports: {imports: [antigravity]}", "custom_imports"),
        ("c.yaml", "custom_imports: {imports: antigravity}", "custom_imports"),
        ("c.yaml", "default_scope: antigravity", "default_scope"),
        ("c.yaml", "model: {_scope_: antigravity}", "_scope_"),
        ("c.yaml", "_base_: other.py", "may execute no Python"),
        ("c.json", '{"_base_": ["/x/other.py"]}', "may execute no Python"),
        ("c.json", '{"_base_": 3}', "_base_ must be"),
    ],
)
def test_what_is_more_than_data_is_refused_in_one_line(tmp_path, monkeypatch, name, text, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataConfigError, match=message) as caught:
        read_data_config(written(tmp_path, name, text))
    line = str(caught.value)
    assert line.startswith(str(tmp_path / name)) and "\n" not in line and len(line) < 500
    assert not (tmp_path / "executed").exists()


def test_bases_of_data_may_be_data_or_a_packages_config():
    check_inert(dict(_base_=["a.yaml", "../b.json", "masa_mm::masa_pretrain_wlasl.py"]), "x")


def test_config_text_of_literals():
    text = (
        "lr = -1e-4\nmodel = dict(\n    type='MASA', sizes=(1, [2]), other={'a': None, 1: True})\n"
    )
    assert literal_config(text, "x") == dict(
        lr=-1e-4, model=dict(type="MASA", sizes=(1, [2]), other={"a": None, 1: True})
    )


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "a = __import__('os').system('touch executed')",
        "a = dict([1])",
        "a = dict(**{})",
        "a = {**{}}",
        "a.b = 1",
        "a = [x for x in ()]",
        "a = (",
        "a = '\0'",
        "a = dict(type='os.system', command='touch executed')",
        "a = " + "-" * 10_000 + "1",
        "a = " + "(" * 5_000,
        "a = 1 #" + "x" * MAX_BYTES,
    ],
    ids=range(13),
)
def test_config_text_that_is_more_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataConfigError, match=r"^a.pth: ") as caught:
        literal_config(text, "a.pth")
    assert "\n" not in str(caught.value) and not (tmp_path / "executed").exists()
