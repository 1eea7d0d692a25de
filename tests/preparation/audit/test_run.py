"""All checks together."""

import json

from masa_mm.preparation.audit import audit
from masa_mm.preparation.audit.checks import official_parts

from toys.audit_toys import clips_of, smooth_clip


def test_every_check_is_run_and_named(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 12) for n in (0, 0, 1)]))
    official = {"train0": dict(subset="train", action=[0, 1, 2])}
    (tmp_path / "nslt_100.json").write_text(json.dumps(official))
    parts = official_parts(clips, "wlasl", [str(tmp_path / "nslt_100.json")])
    steps = []
    found = audit(clips, parts, num_samples=2, progress=steps.append)
    assert list(found) == steps and len(steps) == 13
    assert found["identical"]["num_groups"] == 1 and len(found["samples"]["numbers"]) == 2
    assert found["coverage"][0]["coverage"] == "WLASL100: 1 of 1 official train clips"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_an_audit_repeats_itself(tmp_path):
    clips = clips_of(tmp_path, dict(clips=[smooth_clip(n, 12) for n in range(4)]))
    assert audit(clips, seed=5) == audit(clips, seed=5)
