"""The public API is the one on record, so that a change of it is deliberate."""

import difflib

import public_api

import erfmath as em


def test_the_public_api_is_the_one_on_record():
    kept = public_api.RECORD.read_text(encoding="utf-8")
    found = public_api.public_api()
    changes = "\n".join(difflib.unified_diff(kept.splitlines(), found.splitlines(), "on record", "now", n=0))
    assert not changes, f"if you mean it, run `python tests/public_api.py`, add to CHANGELOG.md:\n{changes}"


def test_a_change_of_a_name_an_argument_or_a_default_shows(monkeypatch):
    before = public_api.public_api()
    monkeypatch.setattr(em, "plan", lambda kernel, n, method="auto": None)  # has no `reading` any more
    assert public_api.public_api() != before
    monkeypatch.undo()
    monkeypatch.setattr(em.Model, "up_to", property(lambda self: None))
    assert public_api.public_api() != before


def test_the_record_has_methods_properties_fields_and_options():
    lines = public_api.RECORD.read_text(encoding="utf-8").splitlines()
    start = lines.index(next(line for line in lines if line.startswith("class erfmath.Model(")))
    model = lines[start + 1 : lines.index("", start)]
    assert any(line.startswith("    up_to(self, ") for line in model)
    assert any(line.startswith("    input_shape: ") for line in model)
    assert any(line.startswith("$ erfmath analyze ") and " --html " in line for line in lines)
