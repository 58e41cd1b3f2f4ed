"""The command end to end: what a person sees, what a program reads, and one line where input is bad."""

import json
import os
import shlex
import subprocess
import sys
from fractions import Fraction

import pytest

import erfmath as em
from erfmath.cli import main
from erfmath.laws.effective import DEFINITIONS


def run(capsys, *words):
    code = main(list(words))
    return code, capsys.readouterr().out


def test_the_papers_own_case_prints_its_pixel_counts(capsys):
    code, text = run(capsys, "impact", "3x3", "5", "10", "20", "40")
    rows = [line.split() for line in text.splitlines() if "11 x 11" in line or line.strip().startswith("40 ")]
    assert code == 0
    assert rows[0] == ["5", "11", "x", "11", "69", "8.30662", "0.7551", "8.30662", "7.30297", "1.82574"]
    assert [word for word in text.split() if word in ("69", "137", "261", "517")] == [
        "69",
        "137",
        "261",
        "517",
    ]


def test_json_of_impact_is_what_the_library_says(capsys):
    _, text = run(capsys, "impact", "1,2;3,4", "7", "--ref", "max", "--json")
    (depth,) = json.loads(text)["depths"]
    law = em.distribution([[1, 2], [3, 4]], 7)
    for name in DEFINITIONS:
        field = em.effective_field(law, name, "max")
        shown = depth["effective"][name]
        assert (shown["size"], shown["count"], shown["ratio"]) == (field.size, field.count, field.ratio)
        inside = field.mask.any(axis=1)
        assert shown["extent"][0] == [inside.argmax(), 7 - inside[::-1].argmax()]
    assert depth["theoretical"] == [8, 8]
    assert depth["mean"] == pytest.approx(law.mean())
    limit = em.central_limit([[1, 2], [3, 4]][0], 7)
    assert len(depth["distance_to_normal"]) == len(depth["berry_esseen_bound"]) == 2
    assert limit.bound > 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["3", "2", "--method", "direct"], [1.0, 2.0, 3.0, 2.0, 1.0]),
        (["1,-2", "2", "--method", "exact"], [1, -4, 4]),
        (["-1,1", "1", "--method", "exact"], [-1, 1]),
        (["1/3,1", "2", "--method", "exact"], ["1/9", "2/3", "1"]),
        (["1,2;0,1", "1", "--method", "exact"], [[1, 2], [0, 1]]),
    ],
)
def test_json_of_coefficients(capsys, words, expected):
    _, text = run(capsys, "coefficients", *words, "--json")
    assert json.loads(text)["coefficients"] == expected


def test_logarithms_reach_where_floats_do_not(capsys):
    _, text = run(capsys, "coefficients", "2,0,2", "3000", "--log", "--json")
    logs = json.loads(text)["logarithms"]
    assert logs[1] is None
    assert logs[::2] == em.log_coefficients([2, 2], 3000).tolist()


def test_exact_coefficients_have_all_their_digits(capsys):
    before = sys.get_int_max_str_digits()
    _, text = run(capsys, "coefficients", "0,7", "6000", "--method", "exact")
    sys.set_int_max_str_digits(0)
    try:
        assert text.split()[-1] == str(7**6000)
    finally:
        sys.set_int_max_str_digits(before)
    assert sys.get_int_max_str_digits() == before


def test_growth_prints_the_published_slopes(capsys):
    _, text = run(capsys, "growth", "3x3", "5", "10", "20", "40")
    assert "+0.482" in text
    assert "-0.478" in text
    _, text = run(capsys, "growth", "3x3", "5", "10", "20", "40", "--json")
    assert [row["count"] for row in json.loads(text)["rows"]] == [69, 137, 261, 517]


def test_tables_are_aligned_and_pictures_fit_a_terminal(capsys):
    _, text = run(capsys, "impact", "5,0,1,3", "3", "1000000", "--ref", "max")
    lines = text.splitlines()
    rule = next(index for index, line in enumerate(lines) if set(line) == {"-", " "})
    assert len({len(line) for line in lines[rule - 1 : rule + 3]}) == 1
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_a_terminal_without_blocks_gets_plain_characters():
    done = command("impact", "3x3", "5", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "####" in done.stdout
    assert done.stdout.isascii()


@pytest.mark.skipif(os.name != "posix", reason="a shell with another meaning of paths, if any")
def test_a_reader_who_has_seen_enough_is_no_error():
    text = f"{shlex.quote(sys.executable)} -m erfmath coefficients 0.5,0.5 20000 | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", text], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("power")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("impact foo 5", "'foo' where a number should be"),
        ("impact 1,,2 5", "nothing where a number should be"),
        ("impact 1/0,2 5", "'1/0'"),
        ("impact 3x3 x", "depth must be a whole number"),
        ("impact 3 2.5", "depth must be a whole number"),
        ("impact 3 -5", "depth must be a whole number from 0 on"),
        ("impact 3 1e16", "n must be at most 1e+15"),
        ("impact 1,-1 5", "negative weight -1 at position 1"),
        ("impact nan,1 5", "weights must be finite"),
        ("impact 0,0 5", "all zero"),
        ("impact 3", "required: depth"),
        ("impact 2,0,1 3 --ref middle", "invalid choice: 'middle'"),
        ("impact 1,1e-300 5", "--ref max"),
        ("impact 99999999999 5", "are free"),
        ("coefficients 3 700", "use --log, --method exact for integers, or give weights that sum to 1"),
        ("coefficients 3 1e15", "are free"),
        ("coefficients 0.5,1 3 --method exact", "Fraction"),
        ("growth 3 5", "at least two different depths"),
        ("growth 1 5 10 --definition sigma", "no slope"),
        ("grow 3 5", "invalid choice: 'grow'"),
        ("--colour", "required: COMMAND"),
        ("coefficients 3 -5", ": error: n must be a whole number"),
        ("growth 3x3 5", ": error: depths must hold at least two"),
        ("latency unet", "axes is time, such as --axis 1"),
        ("analyze unet --rate 3", "give --spacing, such as 2,.5,.5um"),
        ("design --field 0", ": error: --field must be"),
        ("compare 30", ": error: field must be odd"),
        (
            "impact 3x3 5 --colour",
            "erfmath impact: error: unrecognized arguments: --colour; see erfmath impact --help",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words, says):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in error
    assert error.startswith("erfmath")
    assert error.count("\n") == 1


@pytest.mark.parametrize("words", ["-h", "impact -h", "coefficients -h", "growth --help"])
def test_help_has_the_notation_and_examples(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(words.split())
    text = capsys.readouterr().out
    assert stop.value.code == 0
    assert "rows of weights" in text
    assert words == "-h" or "erfmath " + words.split()[0] in text


def test_fractions_and_decimals_are_read_as_written(capsys):
    _, text = run(capsys, "coefficients", "1/3,2", "1", "--method", "exact", "--json")
    assert [Fraction(value) for value in json.loads(text)["coefficients"]] == [Fraction(1, 3), 2]
    assert json.loads(run(capsys, "coefficients", "0.5,2e0", "1", "--json")[1])["coefficients"] == [0.5, 2.0]


def command(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "erfmath", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
