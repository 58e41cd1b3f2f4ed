"""The page of an analysis: whole, self-contained, and in a browser what the theory says, borders included."""

import json
import os
import re
import shutil
import stat

import numpy as np
import pytest

import erfmath as em
from erfmath import zoo
from erfmath.cli import main
from erfmath.report.explorer import explorer

# --- The file --------------------------------------------------------------------------------------------


def test_the_page_is_one_file_that_asks_for_nothing():
    page = em.analyze("resnet50").to_html()
    assert len(page.encode()) <= 500_000
    assert "default-src 'none'" in page
    outside = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for word in ("http:", "https:", "//", "@import", "url(", "<iframe", "<object", "<base"):
        assert word not in outside.replace("<!doctype", "")
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon|https?:", page)
    assert not re.search(r"\{\{\w+\}\}", page)


def test_without_a_script_all_numbers_are_there():
    report = em.analyze("resnet50")
    plain = re.sub(r"<script.*?</script>", "", report.to_html(), flags=re.DOTALL)
    for row in report.layers:
        assert str(row.size[0]) in plain
        assert row.layer in plain
    assert "24,877 pixels" in plain
    assert plain.count("<svg") == plain.count("</svg>") == 3  # a map, a profile for both axes, the growth


@pytest.mark.parametrize(
    ("profile", "drawn", "box"),
    [
        ("mean", "Impact of the input", "threshold."),
        ("std", "Variance of the gradient", "threshold, std."),
        ("variance", "Variance of the gradient", "threshold, variance."),
    ],
)
def test_pictures_say_what_they_are_of(profile, drawn, box):
    page = em.analyze("conv3x3*4", profile=profile).to_html()
    captions = re.findall("<figcaption>(.*?)</figcaption>", page)
    assert captions[0].startswith(f"{drawn}, all 9 x 9 positions;")
    assert captions[0].endswith(f"Red: the effective field, by {box}")
    assert captions[1].startswith(f"{drawn} along each axis: mean 4,")


def test_texts_are_escaped():
    graph = em.Graph({"</script><script>alert(1)//": (em.Conv((3, 3)), "input"), "{{js}}&": (em.Conv((3, 3)),
             "</script><script>alert(1)//")})  # fmt: skip
    page = em.analyze(graph).to_html()
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert data["rows"][0]["name"].startswith("</script><script>alert(1)//")


@pytest.mark.parametrize(
    "what",
    [
        em.Conv(3),
        em.Conv((3, 3, 3, 3)),
        em.Conv((3, 3)) >> em.GlobalPool(),
        em.Conv((3, 3)) >> em.GlobalPool((True, False)),
        em.Conv(3, padding=1) >> em.GlobalContext("before"),
        em.Conv(3) ** 10**6,
        em.Conv([1, -2, 1]),
        em.Upsample(2) >> em.Conv(2, stride=2),
        em.Conv(2, dilation=2) >> em.Upsample(4),
        em.Identity(),
        zoo.wavenet(),
    ],
    ids=lambda net: net.expression[:40],
)
def test_every_kind_of_network_has_a_page(what):
    page = em.analyze(what).to_html()
    json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    assert "nan" not in page.lower().replace("nanmed", "").split("<script")[0]


def test_a_very_deep_network_sends_no_program():
    assert "programs" not in explorer(em.analyze(em.Conv(3) ** 10**6))
    assert "programs" in explorer(em.analyze(em.Conv(3) ** 40))


def test_files_are_whole_or_not_there(tmp_path):
    report = em.analyze("conv3x3p1*3")
    path = tmp_path / "page.html"
    assert report.to_html(path) == path.read_text("utf-8") == report.to_html()
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
    path.write_text("old")
    report.to_html(str(path))
    assert path.read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.skipif(os.name != "posix", reason="links and rights are of POSIX")
def test_links_and_rights_are_kept(tmp_path):
    report = em.analyze("conv3x3p1*3")
    path, link = tmp_path / "page.html", tmp_path / "link.html"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    report.to_html(link)
    assert link.is_symlink()
    assert path.read_text("utf-8") == report.to_html()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_weights_between_channels_are_not_taken_for_equal():
    net = em.Weighted(em.Conv(2), [[[1.0, 2.0]], [[-1.0, 1.0]]]) >> em.Conv(3)
    operations = explorer(em.analyze(net, input_size=9))["programs"]["each"][0]["operations"]
    assert [op["w"] for op in operations] == [None, 1 / 3]


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda folder: folder / "page.txt", ValueError, "path must end in .html or .htm"),
        (lambda folder: folder / "page", ValueError, "path must end in .html or .htm"),
        (lambda folder: folder / "no" / "page.html", FileNotFoundError, "a folder that is not there"),
        (lambda folder: folder / "folder.html", IsADirectoryError, "is a folder"),
        (lambda folder: folder / "a\0.html", ValueError, "has a null character"),
        (lambda folder: "~no such user/page.html", ValueError, "the home of a user who is not known"),
        (lambda folder: folder / f"{'a' * 300}.html", OSError, "cannot be written: File name too long"),
        (lambda folder: 3, TypeError, "path must be the path of a file"),
        (lambda folder: "", TypeError, "path must be the path of a file"),
    ],
    ids=["text", "no ending", "no folder", "a folder", "null", "no home", "long", "a number", "nothing"],
)
def test_bad_paths_are_one_line(tmp_path, make, error, said):
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(error, match=re.escape(said)) as caught:
        em.analyze("conv3").to_html(make(tmp_path))
    assert "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.html"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"page.html' cannot be written: No space left on device"):
        em.analyze("conv3").to_html(path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]


def test_the_command_writes_the_page(tmp_path, capsys):
    path = tmp_path / "page.html"
    assert main(["analyze", "resnet18", "--html", str(path)]) == 0
    assert path.read_text("utf-8") == em.analyze("resnet18").to_html()
    assert "435" in capsys.readouterr().out
    assert stat.S_ISREG(path.stat().st_mode)
    with pytest.raises(SystemExit):
        main(["analyze", "resnet18", "--html", str(tmp_path / "page.pdf")])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("erfmath analyze: error: --html must end in .html or .htm")


# --- In a browser ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as driver:
        try:
            opened = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started here: {str(error).splitlines()[0]}")
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, tmp_path):
    """Open the page of a report; what it asks for and what it logs are errors."""
    contexts, faults = [], []

    def opener(report, width=1280, **options):
        path = tmp_path / f"page{len(contexts)}.html"
        report.to_html(path)
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "request", lambda request: None if request.url == path.as_uri() else faults.append(request.url)
        )
        page.goto(path.as_uri())
        return page

    yield opener
    for context in contexts:
        context.close()
    assert not faults


def texts(page):
    """Return what is said of the layer that is shown, minus signs as in JSON."""
    names = page.eval_on_selector_all("#readout dd", "all => all.map(e => [e.id.slice(4), e.textContent])")
    return {name: text.replace("−", "-") for name, text in names}


def sides(values):
    """Return values of the JSON as the page shows them, an unbounded field as "all"."""
    words = {"inf": "all", "-inf": "all", None: "none"}
    return " × ".join(words.get(value) or str(value) for value in values)


@pytest.mark.parametrize("name", ["resnet50", "unet", "wavenet", "conv3x5s2 up2 conv3x3"])
def test_hovered_numbers_are_those_of_the_json(opened, name):
    report = em.analyze(name)
    page = opened(report)
    layers = json.loads(json.dumps(report.to_dict()))["layers"]
    buttons = page.locator("#ladder button")
    assert buttons.count() == len(layers)
    for number, layer in enumerate(layers):
        buttons.nth(number).hover()
        said = texts(page)
        assert said["layer"] == layer["layer"]
        for key in ("field", "stride", "offset", "output_size"):
            assert said[key] == sides(layer[key])
    page.mouse.move(1, 1)
    assert texts(page)["layer"] == layers[-1]["layer"]


def test_modules_are_a_tree_and_hovered_numbers_those_of_their_maps(opened):
    torch = pytest.importorskip("torch", reason="a module is traced by PyTorch")
    nn = torch.nn
    inner = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    module = nn.Sequential(
        inner, nn.Sequential(nn.Conv2d(8, 8, 3, padding=1)), nn.Flatten(), nn.Linear(2048, 7)
    )
    report = em.analyze(em.from_torch(module.eval(), torch.zeros(1, 3, 32, 32), output="last map"))
    page = opened(report)
    rows = {row["path"]: row for row in report.to_dict()["layers"]}
    for number, path in ((0, "0.0"), (page.locator("#ladder button").count() - 1, "1.0")):
        page.locator("#ladder button").nth(number).hover()
        said = texts(page)
        for key in ("field", "stride", "offset"):
            assert said[key] == sides(rows[path][key])
    assert "parameters" in page.locator(".tiles").inner_text()
    for path in rows:
        assert page.get_by_role("cell").filter(has_text=path.split(".")[-1]).count()


def test_the_depth_slides(opened):
    report = em.analyze("resnet18")
    page = opened(report)
    page.locator("#depth").focus()
    page.keyboard.press("Home")
    assert texts(page)["field"] == "7 × 7"
    page.keyboard.press("ArrowRight")
    assert texts(page)["field"] == "11 × 11"
    page.keyboard.press("End")
    assert texts(page)["field"] == "435 × 435"
    page.locator("#ladder button").last.focus()
    page.keyboard.press("ArrowUp")
    assert texts(page)["field"] == sides(report.layers.rows[-2].size)


# Networks on one axis with an input: borders of all kinds, strides, phases, holes, branches, averages.
BORDERED = [
    ("conv3p1*4", 12),
    ("conv3d2p2 conv4s2p1 conv3p1", 24),
    ("conv5s3p2 up3 conv3p1", 21),
    ("deconv4s2p1 conv3p1 deconv3s2", 9),
    ("res(conv3p1 conv5p2)*3 conv2s2", 16),
    ("avg3s2p1 conv3p1 max2", 20),
    ("conv3d4same*3", 18),
]


def bordered_nets():
    yield from ((em.parse_network(text), size) for text, size in BORDERED)
    for mode in ("reflect", "replicate", "circular"):
        yield (
            em.Conv(5, padding=2, padding_mode=mode) ** 2
            >> em.Conv(3, stride=2, padding=1, padding_mode=mode),
            13,
        )
    yield em.Pool(3, 2, 1, count_include_pad=False) >> em.Conv(3, padding=1), 15
    yield em.Conv(3, padding=1) >> (em.Identity() + em.GlobalPool()), 10
    yield em.Conv(2, padding="causal", dilation=4) >> em.GlobalContext("before"), 14
    yield em.Concat([em.Conv(3, padding=1), em.Conv(1)], [3, 5]) >> em.Pad(2) >> em.Conv(3), 11
    yield em.Conv([1, 2, 3], padding=1) >> em.Upsample(2, "linear") >> em.Slice(1, -2), 10


@pytest.mark.parametrize(
    ("net", "size"), list(bordered_nets()), ids=lambda v: getattr(v, "expression", str(v))
)
def test_units_see_what_the_theory_says_borders_included(opened, net, size):
    page = opened(em.analyze(net, input_size=size))
    assert texts(page)["output_size"] == str(em.output_size(net, size))
    for unit in range(em.output_size(net, size)):
        page.locator("#unit input").fill(str(unit))
        said = texts(page)
        assert said["unit"] == str(unit)
        try:
            law = em.distribution(net, at=unit, input_size=size)
        except ValueError:  # all paths are lost
            assert said["inside"] == "nothing"
            continue
        low, high = law.support()
        assert said["inside"] == f"{low} .. {high}"
        shares = law.probabilities()
        first = low + int(np.argmax(shares.cumsum() > 0.02275))
        last = high - int(np.argmax(shares[::-1].cumsum() > 0.02275))
        assert said["core"] == f"{first} .. {last} ({last - first + 1})"
        mean, deviation = map(float, said["moments"].split(" ± "))
        assert mean == pytest.approx(law.mean(), abs=0.0051)
        assert deviation == pytest.approx(law.std(), abs=0.0051)


def test_units_without_borders_see_their_region(opened):
    net = em.parse_network("conv5s2p2 up4 conv3p1 conv3s3")
    field = em.receptive_field(net)
    page = opened(em.analyze(net, input_size=60))
    for unit in range(em.output_size(net, 60)):
        page.locator("#unit input").fill(str(unit))
        low, high = field.region(unit)
        assert texts(page)["sees"] == f"{low} .. {high}"


def test_the_part_that_is_shown_can_be_chosen(opened):
    page = opened(em.analyze("conv3x3p1*3", input_size=64))
    canvas = page.locator("#field")
    assert page.get_by_label("around the unit").is_checked()
    box = canvas.bounding_box()
    canvas.click(position={"x": 9, "y": box["height"] - 9})  # the view is of 7 positions and 2 on each side
    assert texts(page)["unit"] == "37, 27"
    page.get_by_role("radio", name="the input").check()
    canvas.click(position={"x": 9, "y": canvas.bounding_box()["height"] - 9})
    assert texts(page)["unit"] == "63, 0"
    page.locator("#cone").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert texts(page)["unit"] == "63, 11"
    page = opened(em.analyze("conv3x3p1*40", input_size=32))
    assert page.get_by_label("all that is seen").is_checked()


def test_a_picture_keeps_its_proportions(opened):
    page = opened(em.analyze("conv3x3p1*3", input_size=(200, 40)))
    page.get_by_role("radio", name="the input").check()
    places = []
    for step in (0, 60):
        page.locator("#field").click(position={"x": 60 + step, "y": 200 + step})
        places.append([int(text) for text in texts(page)["unit"].split(", ")])
    (high, wide), (higher, wider) = places
    assert abs((higher - high) - (wider - wide)) <= 1
    assert wider > wide + 10


def test_units_move_by_keys_and_clicks(opened):
    page = opened(em.analyze("conv3x3p1*3", input_size=33))
    canvas = page.locator("#field")
    canvas.focus()
    assert texts(page)["unit"] == "16, 16"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    assert texts(page)["unit"] == "17, 25"
    for _ in range(4):
        page.keyboard.press("Shift+ArrowUp")
    assert texts(page)["unit"] == "0, 25"
    assert texts(page)["inside"] == "0 .. 3 × 22 .. 28"
    page.get_by_role("button", name="corner").click()
    assert texts(page)["unit"] == "0, 0"
    page.get_by_role("button", name="middle").click()
    assert texts(page)["unit"] == "16, 16"
    box = canvas.bounding_box()
    canvas.click(position={"x": 9, "y": box["height"] - 9})
    assert texts(page)["unit"] == "32, 0"


def test_a_network_without_layers_has_its_input(opened):
    page = opened(em.analyze(em.Power(em.Identity(), 0), input_size=8))
    expected = {"layer": "input", "unit": "4", "inside": "4 .. 4", "core": "4 .. 4 (1)"}
    assert expected.items() <= texts(page).items()


@pytest.mark.parametrize("name", ["resnet50", "wavenet", "densenet121"])
@pytest.mark.parametrize("width", [390, 1024, 3840])
def test_nothing_is_wider_than_the_screen(opened, name, width):
    page = opened(em.analyze(name), width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#explore").is_visible()


def test_light_and_dark_are_those_of_the_system(opened):
    def shades(scheme):
        page = opened(em.analyze("conv3x3*2"), color_scheme=scheme)
        body = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        )
        return [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in body]

    (paper, ink), (dark_paper, dark_ink) = shades("light"), shades("dark")
    assert paper > ink
    assert dark_paper < dark_ink


def test_the_page_is_whole_without_scripts(opened):
    page = opened(em.analyze("resnet18"), java_script_enabled=False)
    assert not page.locator("#explore").is_visible()
    assert page.get_by_role("table").is_visible()
    assert page.get_by_text("need no script").is_visible()


# Whether the red share of the drawn field comes to be what is wanted within 600 frames. One promise and not
# wait_for_function, whose later looks are an eval, which the page's own policy forbids.
SHARE_OF_RED = """(wanted => new Promise(done => {
  const look = frames => {
    const canvas = document.getElementById("field"), { width, height } = canvas;
    const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    const shades = pen.getImageData(0, 0, width, height).data;
    let red = 0;
    for (let i = 0; i < shades.length; i += 4) red += shades[i] > 180 && shades[i] > 1.4 * shades[i + 1];
    if (wanted(red / (width * height))) done(true);
    else if (frames) requestAnimationFrame(() => look(frames - 1));
    else done(false);
  };
  look(600);
}))"""


def test_a_picture_of_the_users_own_is_drawn_and_stays(opened, tmp_path):
    plt = pytest.importorskip("matplotlib.image", reason="a picture is made by matplotlib")
    path = tmp_path / "own.png"
    plt.imsave(path, np.full((48, 64, 3), (255, 0, 0), np.uint8))
    page = opened(em.analyze("conv3x3p1*3", input_size=32))
    page.locator("#picture").set_input_files(path)
    page.get_by_text("64 × 48, scaled and cut to the input's 32 × 32").wait_for()
    assert page.evaluate(f"{SHARE_OF_RED}(share => share > 0.1)")
    page.locator("#no-picture").click()
    assert page.evaluate(f"{SHARE_OF_RED}(share => share < 0.05)")
    (tmp_path / "no.png").write_text("no picture")
    page.locator("#picture").set_input_files(tmp_path / "no.png")
    page.get_by_text("no picture that the browser can show").wait_for()
