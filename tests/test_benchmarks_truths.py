"""Truths of benchmarks: rows that are measured anew one by one, and kept when it is broken off."""

import pytest

from benchmarks.truths import load, renew, write

ROWS = [{"case": "a", "value": 1.5}, {"case": "b", "value": None}, {"case": "c", "value": 3}]


def test_rows_come_back_as_they_were_written_each_on_a_line(tmp_path):
    path = tmp_path / "truths.json"
    write(path, ROWS)
    assert load(path) == ROWS
    assert [line.rstrip(",") for line in path.read_text("utf-8").splitlines()[1:-1]] == [
        '{"case": "a", "value": 1.5}',
        '{"case": "b", "value": null}',
        '{"case": "c", "value": 3}',
    ]


def test_what_was_measured_before_a_break_is_kept(tmp_path, capsys):
    path = tmp_path / "truths.json"
    write(path, ROWS)

    def measured(row):
        if row["case"] == "c":
            raise KeyboardInterrupt
        return {**row, "value": 9}

    with pytest.raises(KeyboardInterrupt):
        renew(path, measured)
    assert [row["value"] for row in load(path)] == [9, 9, 3]
    assert capsys.readouterr().err.splitlines()[0] == "a, 1.5"
