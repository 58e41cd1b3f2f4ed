"""The command in a terminal: colours, widths, progress, completion, and several networks at once."""

import io
import itertools
import json
import os
import shutil
import subprocess
import sys

import pytest

import erfmath as em
from erfmath import words
from erfmath.cli import main, parser_of_all
from erfmath.cli.screen import coloured, encodable, has_colours, shown

PLAIN = (
    "resnet on 8 x 8\n\nlayer     field\n--------  -----\nConv 1x1      3\n\nField  3 x 3\nCost   4\n\n ▃█▃\n"
)


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of colours, 80 columns wide."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    return Terminal()


def without(text):
    """The text without the codes of colours."""
    for code in ("\033[1m", "\033[2m", "\033[34m", "\033[0m"):
        text = text.replace(code, "")
    return text


def test_colours_are_for_terminals_that_have_and_want_them(terminal, monkeypatch):
    assert has_colours(terminal)
    assert shown(PLAIN, terminal) == coloured(PLAIN) != PLAIN
    assert without(coloured(PLAIN)) == PLAIN
    assert "\033[1mlayer     field\033[0m\n" in coloured(PLAIN)
    assert "\nConv 1x1      3\n" in coloured(PLAIN)
    assert "\033[1mField\033[0m  3 x 3" in coloured(PLAIN)
    assert shown('{\n  "Field": 3\n}', terminal) == '{\n  "Field": 3\n}'
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as changed:
            changed.setenv(name, value)
            assert shown(PLAIN, terminal) == PLAIN
    assert not has_colours(io.StringIO())


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp850", "cp932", None])
def test_what_a_screen_lacks_is_no_error(encoding):
    """Trees of modules, pictures, names in any script, and such as were no text."""
    text = "├─\u5c64.1\n│ └─conv\n ▃█▃ ░▒▓ … · \udcff"
    found = encodable(text, encoding)
    assert found.encode(encoding or "ascii").decode(encoding or "ascii") == found
    assert "conv" in found
    assert ("\u5c64" in found) != ("\\u5c64" in found)
    assert encodable("conv │", "utf-8") == "conv │"
    assert encodable("├─a\n└─b ", "ascii") == "|-a\n`-b "


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_network_with_names_in_any_script_is_shown(tmp_path, encoding):
    path = tmp_path / "net.json"
    path.write_text(em.network_to_json(em.Graph({"\u5c64": (em.Conv(3), "input")})), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "erfmath", "analyze", str(path)],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
    )
    assert done.returncode == 0, done.stderr
    assert b"\\u5c64: Conv 3" in done.stdout


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_tables_and_facts_fit_the_terminal(terminal, monkeypatch, width):
    rows = [["features.denseblock4.denselayer16.conv2", "1024x14x14", "3"], ["conv", "64x112x112", "427"]]
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    wide = words.table(["layer", "output", "field"], rows, left=1)
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = words.table(["layer", "output", "field"], rows, left=1).split("\n")
    assert max(map(len, lines)) <= max(width, 12 + 4 + 15)
    assert (lines == wide.split("\n")) == (width >= max(map(len, wide.split("\n"))))
    assert lines[-1].endswith("427")
    text = words.facts([("Effective", "  " + "word " * 30), ("", "short")])
    assert max(map(len, text.split("\n"))) <= width
    assert text.split() == ["Effective", *["word"] * 30, "short"]


def test_progress_is_shown_after_a_while_with_a_rate(monkeypatch):
    """By tqdm, and by a line of its own where there is none; never before a second, nor in a pipe."""
    clock = itertools.count()
    monkeypatch.setattr(words.time, "monotonic", lambda: next(clock) / 4)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert list(words.progress(range(20), "run", 20)) == list(range(20))
    assert "of 20" in screen.getvalue()
    assert "a second" in screen.getvalue()
    assert " s left" in screen.getvalue()
    assert "run 1 of" not in screen.getvalue()
    silent = io.StringIO()
    monkeypatch.setattr(sys, "stderr", silent)
    assert list(words.progress(range(20), "run", 20)) == list(range(20))
    assert not silent.getvalue()


def test_progress_by_tqdm_passes_everything_on(monkeypatch):
    pytest.importorskip("tqdm", reason="tqdm is an optional dependency")
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    assert list(words.progress(iter("abcdef"), "run", 6, after=0)) == list("abcdef")


def test_several_networks_have_a_row_each(capsys):
    assert main(["analyze", "resnet18", "vgg16", "nothing.json"]) == 0
    text = capsys.readouterr().out
    lines = text.split("\n")
    assert [line.split()[0] for line in lines[2:5]] == ["resnet18", "vgg16", "nothing.json"]
    assert lines[2].split()[1:6] == ["224", "435", "32", "131.7", "259.0"]
    assert "nothing.json: there is no file" in text
    assert main(["analyze", "resnet18", "nothing.json", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first["name"] == "resnet18"
    assert set(second) == {"name", "error"}


def test_a_size_that_several_networks_lack_has_its_reason(capsys, monkeypatch):
    monkeypatch.setattr("erfmath.report.sizes._MOST_PIXELS", 400**2)
    assert main(["analyze", "resnet18", "vgg16"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[2].split()[5] == "-" != lines[3].split()[5]
    said = "resnet18: gradient magnitude at initialisation, not read"
    assert sum(line.startswith(said) for line in lines) == 1
    assert max(map(len, lines[: lines.index("")])) <= 80


def test_a_folder_stands_for_its_models(capsys, tmp_path):
    for name, net in (("b", em.Conv(3)), ("a", em.Conv(5) ** 2)):
        (tmp_path / f"{name}.json").write_text(em.network_to_json(net))
    (tmp_path / "notes.txt").write_text("nothing")
    assert main(["analyze", str(tmp_path)]) == 0
    rows = [line.split() for line in capsys.readouterr().out.split("\n")[2:4]]
    assert [(row[0].rsplit("/", 1)[-1], row[2]) for row in rows] == [("a.json", "9"), ("b.json", "3")]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["resnet18", "vgg16", "--html", "x.html"], "--html is for one network, got 2"),
        (["resnet18", "vgg16", "--measure"], "--measure is for one network, got 2"),
        (["a.json", "b.json"], "none of 2 networks can be read; a.json: there is no file"),
        (["{empty}"], "holds no model: no file ends in .onnx or .json"),
    ],
)
def test_what_several_networks_cannot_have_is_one_line(capsys, tmp_path, arguments, says):
    with pytest.raises(SystemExit) as stopped:
        main(["analyze", *(word.format(empty=tmp_path) for word in arguments)])
    assert stopped.value.code == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_words_that_are_layers_are_still_one_network(capsys):
    assert main(["analyze", "conv3", "relu", "conv3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["field"]["size"] == [5]


COMPLETED = [
    (["erfmath", "a"], {"analyze"}),
    (["erfmath", "analyze", "resnet1"], {"resnet101", "resnet152", "resnet18"}),
    (["erfmath", "analyze", "--as", "rep"], {"replknet"}),
    (["erfmath", "growth", "--prof"], {"--profile"}),
    (["erfmath", "tiles", "--mem"], {"--memory"}),
    (["erfmath", "tiles", "unet"], {"unet"}),
    (["erfmath", "completion", "f"], {"fish"}),
]


def needs(shell):
    """Skip a test where a shell is missing, or has other paths than Python, as on Windows."""
    return pytest.mark.skipif(os.name != "posix" or not shutil.which(shell), reason=f"needs {shell}")


def script(capsys, shell, tmp_path):
    assert main(["completion", shell]) == 0
    path = tmp_path / f"erfmath.{shell}"
    path.write_text(capsys.readouterr().out)
    return path


@needs("bash")
@pytest.mark.parametrize(("typed", "offered"), COMPLETED)
def test_bash_completes(capsys, tmp_path, typed, offered):
    code = f"source {script(capsys, 'bash', tmp_path)}; cd {tmp_path}; COMP_WORDS=({' '.join(typed)}); "
    code += f"COMP_CWORD={len(typed) - 1}; _erfmath; printf '%s\\n' ${{COMPREPLY[@]}}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"erfmath.bash"} == offered
    assert not done.stderr


@needs("fish")
@pytest.mark.parametrize(("typed", "offered"), COMPLETED)
def test_fish_completes(capsys, tmp_path, typed, offered):
    code = f"source {script(capsys, 'fish', tmp_path)}; cd {tmp_path}; complete -C '{' '.join(typed)}'"
    done = subprocess.run(["fish", "-c", code], capture_output=True, text=True, check=True)
    found = {line.split("\t")[0] for line in done.stdout.split("\n") if line}
    assert offered <= found
    assert not done.stderr


@needs("zsh")
def test_zsh_reads_its_script(capsys, tmp_path):
    path = script(capsys, "zsh", tmp_path)
    code = f"autoload -U compinit; compinit -D; source {path}; print $_comps[erfmath]"
    done = subprocess.run(["zsh", "-fc", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "_erfmath"
    assert not done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_completed(capsys, tmp_path, shell):
    text = script(capsys, shell, tmp_path).read_text()
    (group,) = [action for action in parser_of_all()._actions if action.dest == "command"]
    for name in group.choices:
        assert name in text
    assert "replknet31b" in text
