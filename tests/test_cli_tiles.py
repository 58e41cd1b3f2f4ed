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

Smaller halos

 halo  tiles  overhead   beyond
-----  -----  --------  -------
    0     10     1.000  3.3e-01
0 x 1     13     1.300  1.1e-01
0 x 2     16     1.600        0

beyond: share of the gradient's variance beyond the halo, for the worst unit, if signs are random
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
from collections import OrderedDict
import torch
from torch import nn

def net():
    torch.manual_seed(0)
    first, last = nn.Conv2d(2, 4, 5, padding=2), nn.Conv2d(4, 1, 3, padding=1)
    return nn.Sequential(OrderedDict(first=first, relu=nn.ReLU(), last=last)).eval()
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
    model = em.from_torch(made_here(), (1, 2, 50, 50))
    words = (module, "--size", 500, "--tile", 50, "--halo", 1, "--json")
    for weights in ("uniform", "energy"):
        found = json.loads(run(capsys, *words, "--weights", weights)[1])
        assert found["loss"] == pytest.approx(em.halo_loss(model.with_weights(weights), 1), rel=1e-9)
    assert json.loads(run(capsys, *words)[1])["memory"] == 4 * 50 * 50 * (4 + 2)


def made_here():
    made = {}
    exec(MODULE, made)
    return made["net"]()


@pytest.fixture
def image(tmp_path):
    import numpy as np

    found = np.random.default_rng(0).normal(size=(2, 60, 50)).astype(np.float32)
    np.save(tmp_path / "image.npy", found)
    return found


def test_halos_are_measured_on_an_image(capsys, module, image):
    words = (module, "--tile", 30, "--halo", 1, "--measure", "image.npy")
    found = json.loads(run(capsys, *words, "--json")[1])
    own = made_here()
    plan = em.tiles(em.from_torch(own, (1, 2, 30, 30)), (60, 50), 30, halo=1)
    expected = plan.seam_error(own, image[None])
    assert found["size"] == [60, 50]
    assert found["measured"]["tiles"] == list(range(6))
    assert found["measured"]["error"] == pytest.approx(expected.error, rel=1e-4)
    assert [row["error"] for row in found["halos"]] == pytest.approx(expected.errors.tolist(), abs=1e-5)
    assert found["halos"][0]["loss"] is None
    assert found["measured"]["agrees"] is True
    text = run(capsys, *words, "--halos")[1]
    shown = [line.split() for line in text.split("differs by\n")[1].split("\n\n")[0].splitlines()[1:]]
    assert [row[:3] for row in shown] == [
        ["0", "4", "1.200"],
        ["1", "6", "1.800"],
        ["2", "6", "1.800"],
        ["3", "6", "1.800"],
    ]
    assert [row[4] for row in shown[:3]] == [f"{error:.1e}" for error in expected.errors[:3]]
    assert "differs by: largest difference from the whole in 6 of 6 tiles" in text


def test_a_file_is_measured_on_noise_of_few_tiles_at_sizes_that_it_does_not_declare(capsys, module, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxruntime", reason="files are run by onnxruntime: pip install onnxruntime")
    from exported import quiet

    with quiet():
        torch.onnx.export(made_here(), (torch.zeros(1, 2, 40, 40),), tmp_path / "net.onnx", dynamo=False)
    words = ("--size", 10**6, "--tile", 30, "--measure", "--json")
    of_file, of_module = (json.loads(run(capsys, what, *words)[1]) for what in ("net.onnx", module))
    assert of_file["count"] == of_module["count"] == 41667**2
    assert of_file["measured"]["tiles"] == [0, 2, 3, 4, 7, 8]  # of three times three
    for one, other in zip(of_file["halos"], of_module["halos"], strict=True):
        assert one["error"] == pytest.approx(other["error"], abs=1e-5)
    assert of_file["measured"]["agrees"]


PLACED = """
import torch

class Placed(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return self.inner(x) + torch.arange(x.shape[-1])
"""


def test_a_module_that_knows_the_place_is_told(capsys, module, tmp_path):
    (tmp_path / "erfmath_test_tiles.py").write_text(PLACED)
    words = ("erfmath_test_tiles:Placed", "--input-shape", "1,1,40,40", "--size", 200, "--tile", 40)
    text = run(capsys, *words, "--measure")[1]
    assert "The exact halo differs by more than rounding: the function is not the network" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("image.txt", "--measure must be a file that numpy.save has written, FILE.npy, got 'image.txt'"),
        ("none.npy", "there is no file 'none.npy'"),
        ("bad.npy", "--measure: 'bad.npy' is no array"),
        ("flat.npy", "array must have 30 x 30 samples"),
        ("deep.npy", "--measure has an array of 5 axes"),
        ("image.npy --output first", "--measure runs the whole module, which 'first' is not the output of"),
        ("image.npy --size 64", "array must have 64 x 64 samples"),
    ],
)
def test_what_cannot_be_measured_is_one_line(capsys, module, image, tmp_path, words, says):
    import numpy as np

    (tmp_path / "bad.npy").write_bytes(b"no array")
    np.save(tmp_path / "flat.npy", np.zeros(30))
    np.save(tmp_path / "deep.npy", np.zeros((1, 1, 2, 40, 40)))
    size = " --size 30" if "flat" in words else ""
    with pytest.raises(SystemExit) as stop:
        main(["tiles", module, "--tile", "30", "--measure", *(words + size).split()])
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("unet --size 4096 --tile 512 --measure", "--measure needs an ONNX file or a PyTorch module"),
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
        ("unet --size 4096 --tile 1024 --memory 200MB", "more than --memory 200MB: give (400, 480)"),
        ("unet --size 4096 --tile 512 --ndim 3", "--ndim must be 2 or None for unet, got 3"),
        ("unet wavenet --size 4096 --tile 512", "tiles are of one network, got 2: unet, wavenet"),
        ("unet --size 4096 --tile 512 --weights energy", "--weights is of an ONNX file or a PyTorch module"),
        ("conv3p1 gap --size 99 --tile 9", "no halo makes tiles equal to the whole: GlobalPool() reads"),
        ("conv3p1 --size 1000000000000 --tile 512 --json", "a line for each tile needs"),
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
