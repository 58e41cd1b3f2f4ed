"""The site: it builds without a warning, all links lead somewhere, all names are found, all pages fit.

Where ``ERFMATH_SITE`` names the folder of a built site, that one is tested, else one is built.
"""

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from built import dead_links, page, pages, within_clicks

import erfmath as em
from erfmath import plotting, strategies, zoo

ROOT = Path(__file__).parent.parent
MODULES = {"erfmath": em, "erfmath.plotting": plotting, "erfmath.strategies": strategies, "erfmath.zoo": zoo}
NAMES = [f"{path}.{name}" for path, module in MODULES.items() for name in module.__all__]
NEEDED = (
    "sphinx",
    "myst_nb",
    "numpydoc",
    "pydata_sphinx_theme",
    "sphinx_copybutton",
    "sphinx_design",
    "ziamath",
)

# --- The list --------------------------------------------------------------------------------------------


def listed():
    """Return the names that the reference lists, by their paths."""
    text = (ROOT / "docs" / "api" / "index.md").read_text("utf-8")
    for module, names in re.findall(r"currentmodule:: (\S+)\n.*?nosignatures:\n\n(.*?)```", text, re.DOTALL):
        yield from (f"{module}.{name}" for name in names.split())


def test_the_reference_lists_every_public_name_once():
    assert sorted(listed()) == sorted(NAMES)


# --- The build -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site, built as CONTRIBUTING.md says."""
    if "ERFMATH_SITE" in os.environ:
        return Path(os.environ["ERFMATH_SITE"]).resolve()
    if "PYTEST_XDIST_WORKER" in os.environ:
        pytest.skip("one process builds the site: python -m pytest tests/test_site.py")
    missing = [name for name in (*NEEDED, "torch") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the site needs {', '.join(missing)}: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site").resolve()
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2", "docs", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


def test_no_link_is_dead(site):
    assert not list(dead_links(site))


def test_every_page_is_reached(site):
    sources = {path for path in pages(site) if "_modules" in path.parts}  # reached where a name is documented
    assert set(pages(site)) - sources - {site / "search.html"} <= within_clicks(site, 4)


def test_every_public_name_is_two_clicks_away(site):
    near = within_clicks(site, 2)
    assert not [name for name in NAMES if site / "api" / "generated" / f"{name}.html" not in near]


def members(cls):
    """Yield the public methods and properties of a class that the package wrote."""
    for name in dir(cls):
        owner = next((base for base in cls.__mro__ if name in vars(base)), cls)
        if not name.startswith("_") and owner.__module__.startswith("erfmath"):
            value = vars(owner)[name]
            if inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod):
                yield name


def test_every_public_name_and_member_has_its_place(site):
    """A member of a public base has its place on the page of that base."""
    there = {name: page(site / "api" / "generated" / f"{name}.html").places for name in NAMES}
    assert not [name for name in NAMES if name not in there[name]]
    for name in em.__all__:
        value = getattr(em, name)
        if inspect.isclass(value):
            bases = [base.__name__ for base in value.__mro__ if f"erfmath.{base.__name__}" in there]
            for member in members(value):
                places = {f"erfmath.{base}.{member}" for base in bases}
                assert any(places & there[f"erfmath.{base}"] for base in bases), f"{name}.{member}"


# --- In a browser ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tab(site):
    """Return a page of a browser; what it says, and what it asks for outside the site, are in its faults."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="a browser is driven by playwright")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_api.sync_playwright() as driver:
        try:
            browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"no Chromium can be started here: {str(error).splitlines()[0]}")
        opened = browser.new_page()
        opened.faults = []
        opened.on("console", lambda message: opened.faults.append(message.text))
        opened.on("pageerror", lambda error: opened.faults.append(str(error)))
        opened.on("request", lambda request: asked(site, opened, request.url))
        yield opened
        browser.close()


def asked(site, tab, url):
    """Note a request for what is not in the folder of the site."""
    if not url.startswith((f"{site.as_uri()}/", "data:")):
        tab.faults.append(f"asks for {url}")


def test_every_page_is_quiet_and_as_wide_as_the_screen(site, tab):
    wrong = {}
    for path in pages(site):
        tab.faults.clear()
        tab.set_viewport_size({"width": 390, "height": 800})
        tab.goto(path.as_uri())
        for width in (390, 1400):
            tab.set_viewport_size({"width": width, "height": 800})
            needed = tab.evaluate("document.documentElement.scrollWidth")
            if needed > width:
                tab.faults.append(f"is {needed} wide at {width}")
        if tab.faults:
            wrong[str(path.relative_to(site))] = list(tab.faults)
    assert not wrong


def test_search_finds_every_public_name_from_a_folder(site, tab):
    tab.faults.clear()
    tab.goto(f"{(site / 'search.html').as_uri()}?q=halo_loss")
    tab.locator("#search-results a", has_text="halo_loss").first.wait_for()
    found = tab.evaluate(
        "names => names.map(n => Search._performSearch(...Search._parseQuery(n)).map(r => r[0]))",
        [name.rpartition(".")[2] for name in NAMES],
    )
    lost = [name for name, hits in zip(NAMES, found, strict=True) if f"api/generated/{name}" not in hits]
    assert not lost
    assert not tab.faults
