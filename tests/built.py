"""A built site as a folder of pages: what they link to, and which places they have."""

import functools
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """What a page links to or loads, and the places in it that a link may name."""

    def __init__(self, path: Path):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attributes):
        """Note links and places."""
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "link" or "src" in given:
            self.loaded += [given[name] for name in ("href", "src") if given.get(name)]


@functools.cache
def page(path: Path) -> Page:
    """Return a page, read once."""
    return Page(path)


def pages(site: Path) -> list[Path]:
    """Return all pages of a site; what lies with the theme's files is none."""
    return sorted(path for path in site.rglob("*.html") if "_static" not in path.parts)


def target(origin: Path, link: str) -> tuple[Path, str] | None:
    """Return the file and the place that a link of a page leads to, None for one to elsewhere."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = (origin.parent / unquote(parts.path)).resolve() if parts.path else origin
    return (path / "index.html" if path.is_dir() else path), unquote(parts.fragment)


def dead_links(site: Path) -> Iterator[str]:
    """Yield each link that leads nowhere, or out of the folder, with its page."""
    for origin in pages(site):
        for link in page(origin).links + page(origin).loaded:
            found = target(origin, link)
            if found is None:
                parts = urlsplit(link)
                if parts.scheme != "https" or "." not in parts.netloc or set(link) & set(' "<>\\'):
                    yield f"{origin.relative_to(site)}: {link} is not well formed"
                continue
            path, place = found
            if not path.is_relative_to(site) or not path.is_file():
                yield f"{origin.relative_to(site)}: {link} is not there"
            elif place and path.suffix == ".html" and place not in page(path).places:
                yield f"{origin.relative_to(site)}: {link} has no such place"


def within_clicks(site: Path, clicks: int) -> set[Path]:
    """Return the pages that so many clicks from the start reach."""
    reached = new = {site / "index.html"}
    for _ in range(clicks):
        found = (target(origin, link) for origin in new for link in page(origin).links)
        new = {where[0] for where in found if where is not None and where[0].suffix == ".html"} - reached
        reached = reached | new
    return reached
