"""``erfmath tiles`` end to end: what a person sees, what a program reads, errors of one line."""

import json
import sys

import pytest

import erfmath as em
from erfmath.cli import main

CHAIN = """\
conv3same*4 conv3s2p1 in tiles

input           1600
output          800
tile            500
halo            6 before, 4 after
step            490
period          2
tiles           4
overhead        1.250 samples read for each of the input
largest tensor  500 values of a tile, 2 kB in single precision
memory          4 kB held at a time, in single precision
loss            none: the tiles give what the whole gives

Tiles: what is right of each (█), and its halo (░)

tile       read     crop    write
----  ---------  -------  -------  ----------------------------------------
   0      0:500    0:248    0:248  ████████████
   1    490:990    3:248  248:493              █████████████
   2   980:1480    3:248  493:738                          ░████████████
   3  1100:1600  188:250  738:800                              ░░░░░░░░░███
"""

MANY = """\
Tiles along axis 0: what is right of each (█), and its halo (░)

tile  read  crop  write
----  ----  ----  -----  ----------------------------------------
   0  0:20  0:20   0:20  ████████████████████████████████████████

Tiles along axis 1: what is right of each (█), and its halo (░)

tile    read  crop   write
----  ------  ----  ------  ----------------------------------------
   0    0:10   0:8     0:8  █████████░░░
   1    6:16   2:8    8:14         ░░███████░░░
   2   12:22   2:8   14:20                ░░████████░░
   3   18:28   2:8   20:26                       ░░░███████░░
   4   24:34   2:8   26:32                              ░░░███████░░
   …
  15  90:100  2:10  92:100

Smaller halos, with the share of the gradient's variance that the worst unit has beyond them:

 halo  tiles  overhead   beyond
-----  -----  --------  -------
    0     10     1.000  3.3e-01
0 x 1     13     1.300  1.1e-01
0 x 2     16     1.600        0

Shares take the signs of weights to be random; after training much more may lie beyond a halo.
"""


def run(capsys, *words):
    code = main(["tiles", *map(str, words)])
    return code, capsys.readouterr().out


def test_a_chain_of_layers_prints_its_plan_and_each_tile(capsys):
    assert run(capsys, "conv3same*4", "conv3s2p1", "--size", 1600, "--tile", 500) == (0, CHAIN)


def test_axes_that_differ_have_a_table_each_and_many_tiles_few_rows(capsys):
    words = ("conv3x3p1*2", "--size", "20x100", "--tile", "20x10", "--halos")
    code, text = run(capsys, *words)
    assert code == 0
    assert text[text.index("Tiles along") :] == MANY


def test_smaller_halos_are_those_of_plans_and_losses(capsys):
    net, words = em.zoo.unet(), ("--size", 1024, "--tile", 256, "--halos", "--json")
    found = json.loads(run(capsys, "unet", *words)[1])
    assert [row["halo"] for row in found["halos"]] == [[[h, h]] * 2 for h in range(0, 97, 16)]
    for row in found["halos"]:
        ((halo, _), _) = row["halo"]
        plan = em.tiles(net, 1024, 256, halo=halo)
        assert (row["tiles"], row["overhead"]) == (plan.count, plan.overhead)
        assert row["loss"] == pytest.approx(em.halo_loss(net, halo), rel=1e-9)
    assert found["halos"][-1]["loss"] == 0


def test_halos_that_leave_no_room_are_said_to(capsys):
    text = run(capsys, "unet", "--size", 1024, "--tile", 128, "--halo", 16, "--halos")[1]
    rows = [line.split() for line in text.splitlines() if line.startswith("  ") and "e-" in line]
    assert [row[:3] for row in rows[3:]] == [["48", "841", "13.141"], ["64", "-", "-"], ["80", "-", "-"]]


def test_json_has_the_plan_as_the_library_has_it(capsys):
    found = json.loads(run(capsys, "unet", "--size", "4096x2048", "--memory", "200MB", "--json")[1])
    plan = em.tiles(em.zoo.unet(), (4096, 2048), memory="200MB")
    assert found["name"] == "unet"
    assert tuple(found["tile"]) == plan.tile
    assert (found["count"], found["overhead"], found["memory"]) == (plan.count, plan.overhead, plan.memory)
    assert found["halo"] == found["needed"] == [[96, 96]] * 2
    assert (found["is_exact"], found["loss"]) == (True, 0)
    last = plan[-1]
    for axis, spans in enumerate(found["tiles"]):
        assert len(spans) == plan.shape[axis]
        for name in ("read", "crop", "write"):
            assert slice(*spans[-1][name]) == getattr(last, name)[axis]


def test_a_loss_chooses_the_halo(capsys):
    found = json.loads(run(capsys, "unet", "--size", 4096, "--tile", 512, "--loss", "1e-3", "--json")[1])
    assert found["halo"] == [[32, 32]] * 2
    assert 0 < found["loss"] <= 1e-3
    assert not found["is_exact"]


MODULE = """
import torch
from torch import nn

def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 1, 3, padding=1)).eval()
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of a user's in the current folder."""
    pytest.importorskip("torch", reason="modules are exported by PyTorch")
    (tmp_path / "erfmath_test_tiles.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "erfmath_test_tiles:net"
    sys.modules.pop("erfmath_test_tiles", None)


def test_a_module_is_planned_with_its_channels_and_its_own_energies(capsys, module):
    made = {}
    exec(MODULE, made)
    model = em.from_torch(made["net"](), (1, 2, 50, 50))
    words = (module, "--size", 500, "--tile", 50, "--halo", 1, "--json")
    for weights in ("uniform", "energy"):
        found = json.loads(run(capsys, *words, "--weights", weights)[1])
        assert found["loss"] == pytest.approx(em.halo_loss(model.with_weights(weights), 1), rel=1e-9)
    assert json.loads(run(capsys, *words)[1])["memory"] == 4 * 50 * 50 * (4 + 2)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("unet --tile 512", "--size is missing"),
        ("unet --size 4096", "give a tile, or the memory that one may take, such as --memory 2GB"),
        (
            "unet --size 4095 --tile 512",
            "size 4095 is none that the network accepts along axis 0: give 4080 or",
        ),
        ("unet --size 4096 --tile 500", "give 496 or 512"),
        ("unet --size 4096 --tile 192", "give 208 or more"),
        ("unet --size 4096 --tile 0", "--tile must be at least 1"),
        ("unet --size x --tile 5", "--size must be a whole number, or one per axis"),
        ("unet --size 4096 --tile 512 --halo 7", "--halo must be a multiple of the period 16"),
        ("unet --size 4096 --tile 512 --halo 16 --loss .1", "give a loss or a halo, not both"),
        ("unet --size 4096 --tile 512 --loss 2", "--loss must be from 0 to below 1, got 2"),
        ("unet --size 4096 --tile 512 --loss much", "--loss must be a number, got 'much'"),
        ("unet --size 4096 --memory 2XB", "--memory must be a number of bytes"),
        ("unet --size 4096 --memory 1MB", "the least tile, 208 x 208, takes 44.3 MB"),
        ("unet --size 4096 --tile 1024 --memory 200MB", "more than --memory 200MB: give (432, 432)"),
        ("unet --size 4096 --tile 512 --ndim 3", "--ndim must be 2 or None for unet, got 3"),
        ("unet wavenet --size 4096 --tile 512", "tiles are of one network, got 2: unet, wavenet"),
        ("unet --size 4096 --tile 512 --weights energy", "--weights is of an ONNX file or a PyTorch module"),
        ("conv3p1 gap --size 99 --tile 9", "no halo makes tiles equal to the whole: GlobalPool() reads"),
        ("conv3p1 --size 1000000000000 --tile 512 --json", "a line for each tile needs"),
        ("none.onnx --size 4096 --tile 512", "there is no file 'none.onnx'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(capsys, words, says):
    with pytest.raises(SystemExit) as stop:
        main(["tiles", *words.split()])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in error
    assert error.startswith("erfmath tiles: error: ")
    assert error.count("\n") == 1


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["tiles", "--help"])
    assert stop.value.code == 0
    assert "erfmath tiles unet --size 4096 --tile 512" in capsys.readouterr().out.split("examples:")[1]
