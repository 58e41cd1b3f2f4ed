"""Pictures with a label for each pixel: mosaics of CIFAR-10's images, and CamVid in its two layouts."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="mosaics need torch: pip install 'erfmath[torch]'")
pillow = pytest.importorskip("PIL.Image", reason="CamVid needs Pillow")

from benchmarks.cifar.camvid import CLASSES, VOID, camvid, frame  # noqa: E402
from benchmarks.cifar.lessons import Segmentation  # noqa: E402
from benchmarks.cifar.mosaics import mosaic, mosaics  # noqa: E402
from benchmarks.cifar.networks import Dense  # noqa: E402
from benchmarks.cifar.pictures import Images  # noqa: E402


def flat(value):
    """Return ten images, each of one colour, which tells its label."""
    return np.full((10, 3, 32, 32), value, np.float32) + np.arange(10, dtype=np.float32)[:, None, None, None]


def test_each_pixel_of_a_mosaic_has_the_class_of_its_image():
    made, classes = mosaic(flat(0), np.arange(10), 200, np.random.default_rng(0))
    assert made.shape == (3, 200, 200)
    assert np.array_equal(np.rint(made).astype(int), np.broadcast_to(classes, made.shape))
    assert len(set(classes.ravel())) > 5


def test_training_never_shows_what_is_held_out():
    images = Images("x", flat(0), np.arange(10), flat(100), np.arange(10))
    lessons = Segmentation(mosaics(images), count=4, crop=64, scored=3)
    x, labels = lessons.batch(0, 0, 2)
    assert (x.shape, labels.shape) == ((2, 3, 64, 64), (2, 64, 64))
    assert x.max() < 50
    assert lessons.held_out()[0].min() > 50
    assert lessons.canvases(0, 2, 96).min() > 50
    assert torch.equal(x, lessons.batch(0, 0, 2)[0])
    assert not torch.equal(x, lessons.batch(0, 1, 2)[0])


def test_the_canvas_holds_the_field_of_the_encoder_decoder():
    import erfmath as em

    for shape in (Dense(), Dense((4, 4, 4), 10, 1)):
        features, _ = shape.build()
        model = em.from_torch(features.eval().requires_grad_(False), (1, 3, shape.side, shape.side))
        assert max(em.receptive_field(model).size) <= shape.side


COLOURS = np.zeros((40, 50, 3), np.uint8)
COLOURS[:20] = (128, 64, 128)  # road
COLOURS[20:, 10:] = (64, 192, 0)  # wall: a building
EXPECTED = np.full((40, 50), VOID)
EXPECTED[:20] = list(CLASSES).index("Road")
EXPECTED[20:, 10:] = list(CLASSES).index("Building")


def segnet(folder):
    for part in ("train", "test"):
        for kind in ("", "annot"):
            (folder / f"{part}{kind}").mkdir()
        pillow.new("RGB", (50, 40), (128, 192, 64)).save(folder / part / "a.png")
        pillow.fromarray(np.where(EXPECTED == VOID, 11, EXPECTED).astype(np.uint8)).save(
            folder / f"{part}annot" / "a.png"
        )


def full(folder):
    for kind in ("701_StillsRaw_full", "LabeledApproved_full"):
        (folder / kind).mkdir()
    for name in ("0016E5_00390", "Seq05VD_f00000"):
        pillow.new("RGB", (50, 40), (128, 192, 64)).save(folder / "701_StillsRaw_full" / f"{name}.png")
        pillow.fromarray(COLOURS).save(folder / "LabeledApproved_full" / f"{name}_L.png")


@pytest.mark.parametrize("layout", [segnet, full])
def test_camvid_is_read_in_both_layouts(tmp_path, layout):
    layout(tmp_path)
    found = camvid(tmp_path)
    assert (len(found.train), len(found.test)) == (1, 1)
    assert found.train != found.test
    image, labels = frame(*found.train[0])
    assert np.array_equal(labels, EXPECTED)
    assert image[:, 0, 0].tolist() == [0, 1, -1]
    cut, classes = found(True, 64, np.random.default_rng(0))
    assert (cut.shape, classes.shape) == ((3, 64, 64), (64, 64))
    assert {*classes.ravel()} == {*EXPECTED.ravel()}


def test_the_colours_of_camvid_are_thirty_one_and_void():
    colours = [colour for group in CLASSES.values() for colour in group]
    assert len(CLASSES) == 11
    assert len(set(colours)) == len(colours) == 31
    assert (0, 0, 0) not in colours


def other_size(folder):
    pillow.new("L", (50, 41)).save(folder / "trainannot" / "a.png")


@pytest.mark.parametrize(
    ("layout", "damage", "words"),
    [
        (lambda _: None, lambda _: None, "has no CamVid"),
        (segnet, lambda f: (f / "testannot" / "a.png").unlink(), "is missing"),
        (segnet, lambda f: (f / "train" / "a.png").unlink(), "has no PNGs"),
        (segnet, lambda f: (f / "train" / "a.png").write_bytes(b"PNG"), "damaged"),
        (segnet, other_size, r"is \(41, 50\), and its picture \(40, 50\)"),
        (
            full,
            lambda f: (f / "701_StillsRaw_full" / "Seq05VD_f00000.png").unlink(),
            "Seq05VD, to be held out",
        ),
    ],
    ids=["empty", "no labels", "no pictures", "no picture", "other size", "nothing held out"],
)
def test_what_is_wrong_with_camvid_is_told_in_one_line(tmp_path, layout, damage, words):
    layout(tmp_path)
    damage(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=words) as caught:
        camvid(tmp_path)(False, 32, np.random.default_rng(0))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_pixels_without_a_class_do_not_count():
    from benchmarks.learning import score

    names = torch.nn.Conv2d(3, 2, 1)
    with torch.no_grad():
        names.weight.zero_()
        names.bias.copy_(torch.tensor([1.0, 0.0]))  # says class 0 everywhere
    labels = torch.tensor([[[0, 1], [VOID, VOID]]])
    assert score(torch.nn.Identity(), names, torch.zeros(1, 3, 2, 2), labels) == 0.5


@pytest.mark.parametrize("layout", [segnet, full])
def test_labels_of_no_class_are_refused_by_their_file(tmp_path, layout):
    layout(tmp_path)
    ((picture, labels),) = camvid(tmp_path).train
    pillow.new("RGB", (50, 40), (1, 2, 3)).save(labels)
    with pytest.raises(ValueError, match=rf"{labels.name} has no pixel of any class of CamVid"):
        frame(picture, labels)


def test_calibration_forgets_what_normalisation_saw_before():
    from benchmarks.learning import calibrate

    norm = torch.nn.BatchNorm2d(2)
    norm.running_mean.fill_(100)
    norm.num_batches_tracked.fill_(1000)
    batches = [torch.full((4, 2, 3, 3), float(value)) for value in (1, 2, 6)]
    calibrate(torch.nn.Sequential(norm), batches)
    assert norm.running_mean.tolist() == pytest.approx([3, 3])
    assert norm.momentum == 0.1
