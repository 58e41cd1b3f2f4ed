"""What notebooks show: HTML that parses, holds the values, asks for nothing, in the colours of the page."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given

import erfmath as em
from erfmath import _html, zoo
from erfmath.laws.display import columns
from erfmath.strategies import distributions, networks

BOX = em.Kernel.uniform((3, 3))


class Hostile(em.Conv):
    """A layer whose text is markup."""

    def __repr__(self):
        return "<script>alert('&')</script>"


def parsed(html):
    """Return HTML as a tree; ours is well-formed XML too, so a text that was not escaped is an error."""
    return ElementTree.fromstring(f"<div>{html}</div>")


def text_of(value):
    return " ".join(parsed(value._repr_html_()).itertext())


VALUES = {
    "network": (zoo.resnet50, "427"),
    "layer": (lambda: em.Conv(3), "Conv(3)"),
    "field": (lambda: em.receptive_field(em.Conv(3, padding=1)), "1 before, 1 after"),
    "unbounded": (lambda: em.receptive_field(em.Conv((3, 3)) >> em.GlobalPool((True, False))), "all x 3"),
    "distribution": (lambda: em.distribution([1, 1, 1], 40), "0 .. 80"),
    "joint": (lambda: em.distribution(BOX, 40), "0 .. 80 x 0 .. 80"),
    "deep": (lambda: em.distribution([1, 1, 1], 10**12), "816497"),
    "table": (lambda: em.distribution(em.Kernel([[1, 0], [0, 1]]), 3), "0 .. 3 x 0 .. 3"),
    "effective": (lambda: em.effective_field(em.distribution(BOX, 40)), "517"),
    "effective on one axis": (lambda: em.effective_field(em.distribution([1, 1, 1], 40)), "of 81"),
    "limit": (lambda: em.central_limit([1, 1, 1], 40), "5.16398"),
    "point": (lambda: em.central_limit([1], 40), "single point"),
    "growth": (lambda: em.growth(BOX, [5, 10, 20, 40]), "22.74"),
    "plan": (lambda: em.plan([1, 1, 1], 50), "chosen"),
    "plan of a point": (lambda: em.plan([1, 1, 1], 50, reading="point"), "a point of 101 coefficients"),
    "layers": (lambda: em.layer_table(zoo.resnet50(), 224, 3), "Conv 7x7 /2, relu"),
    "comparison": (lambda: em.compare(15), "off the normal by"),
    "tiles": (lambda: em.tiles(zoo.unet(), 512, 256), "96 before, 96 after"),
    "designs": (lambda: em.find_designs(field=64, causal=True), "effective"),
    "latency": (lambda: em.latency(zoo.wavenet()), "1024"),
    "productive": (lambda: em.productive(zoo.resnet50(), 224), "Conv 7x7 /2"),
    "cost": (lambda: em.cost(em.Conv((3, 3), padding=1), 8), "576"),
    "analysis": (lambda: em.analyze("resnet50"), "24,877 pixels"),
    "analysis without an impact": (lambda: em.analyze(em.Conv((3, 3)) >> em.GlobalPool()), "unbounded"),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_are_shown_with_their_numbers(name):
    make, number = VALUES[name]
    html = make()._repr_html_()
    assert number in " ".join("".join(parsed(html).itertext()).split()) or number in text_of(make())
    for word in ("<script", "http:", "https:", "url(", "src=", "onload", "background:#", "color:#"):
        assert word not in html
    assert len(html) < 40_000


@given(networks(max_dims=3))
def test_any_network_is_shown_and_has_a_short_repr(net):
    assert net.summary in text_of(net) or net.expression in text_of(net)
    assert len(repr(net)) <= 120
    assert len(repr(em.receptive_field(net))) <= 200


@given(distributions())
def test_any_distribution_is_shown(law):
    low, high = law.support()
    assert f"{low} .. {high}" in text_of(law)


def test_text_is_escaped():
    net = Hostile(3) >> em.Conv(5)
    assert "<script>alert('&')</script>" in text_of(net)
    assert "<script" not in net._repr_html_()
    graph = em.Graph({"<b onclick=x>": (em.Conv(3), "input")})
    for value in (graph, em.analyze(graph), em.layer_table(graph)):
        assert "<b" not in value._repr_html_()
        parsed(value._repr_html_())


def test_what_cannot_be_read_says_why():
    blurred = em.Conv(3) >> em.GlobalContext()
    assert "all" in text_of(blurred)
    assert "none: the field is unbounded" in text_of(blurred)

    class Unknown(em.Node):
        args = ()
        ndim = 1
        rate = (1,)

    assert "Unknown is an unknown type of layer" in text_of(Unknown())


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
def test_the_blue_stands_out_from_light_and_dark_pages(page):
    light, dark = sorted((luminance(page), luminance(_html.BLUE)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) > 3  # WCAG 2.1, 1.4.11: graphics


@pytest.mark.parametrize("name", zoo.names())
def test_the_repr_of_a_zoo_network_is_one_line(name):
    net = zoo.get(name)
    assert len(repr(net)) <= 120
    assert repr(net).startswith("<") == (len(net.expression) > 120)


def test_a_network_inside_networks_is_spelled_once():
    net = em.Conv(3, padding=1, channels=1)
    for _ in range(40):  # twice at each level would never end
        net = em.Concat([net, em.Identity()], [1, 1])
    assert net.expression.count("Concat") == 40


def test_notebooks_show_values():
    nbclient = pytest.importorskip("nbclient", reason="a notebook is executed by nbclient")
    nbformat = pytest.importorskip("nbformat", reason="a notebook is written by nbformat")
    pytest.importorskip("ipykernel", reason="a notebook is executed by ipykernel")
    v4 = nbformat.v4
    sources = [
        "import erfmath as em\nem.zoo.resnet50()",
        "report = em.analyze('resnet50')\nreport",
        "report.field",
        "report.effective['threshold']",
        "report.distribution",
        "report.limit",
        "report.layers",
        "em.plan([1, 1, 1], 50)",
        "em.growth(em.Kernel.uniform((3, 3)), [5, 10, 20])",
        "em.tiles(em.zoo.unet(), 512, 256)",
    ]
    book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    for cell in book.cells:
        (output,) = cell.outputs
        assert set(output.data) == {"text/plain", "text/html"}
        parsed(output.data["text/html"])
    assert "427" in book.cells[0].outputs[0].data["text/html"]


def test_one_sample_is_no_plural():
    text = text_of(em.latency(em.Conv(3), rate=1000))
    assert "1 sample, 1 ms, 1 frame" in text
    assert "3 samples, 3 ms, 3 frames" in text


def test_columns_are_means_of_the_shares_that_they_stand_for():
    law = em.distribution([1, 2, 3], 100)
    shares = law.pmf(np.arange(20, 180))
    means = shares.reshape(40, 4).mean(axis=1)
    np.testing.assert_allclose(columns(law, 20, 179, 40), means, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(columns(law, 20, 179, 320), np.repeat(shares, 2), rtol=1e-12)
