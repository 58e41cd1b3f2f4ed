"""An analysis as one page of HTML that needs nothing else, written around the template beside it."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .. import __version__
from .._html import Html, if_any
from ..models.model import Model
from ..network.arguments import per_axis_values
from ..words import human_bytes, positions_word, short_count, shown_sides
from . import svg
from .explorer import explorer
from .pictures import drawn_name
from .sizes import shown_side
from .text import facts_of, measured_text, phase_table, title_of

if TYPE_CHECKING:
    from ..laws.base import Distribution
    from ..laws.univariate import UnivariateDistribution
    from .analysis import Analysis

# Axes that have a profile of their own.
_MOST_AXES = 4


def page(found: Analysis) -> str:
    """Return the page."""
    seen = explorer(found)
    parts = {
        "version": escape(__version__),
        "name": escape(found.name),
        "lead": escape(title_of(found).removeprefix(found.name).strip()),
        "css": _resource("page.css"),
        "js": _resource("page.js"),
        "warnings": "".join(f'<p class="warning">{escape(said)}</p>' for said in found.warnings),
        "tiles": "".join(f"<li><b>{escape(a)}</b><span>{escape(b)}</span></li>" for a, b in _tiles(found)),
        "facts": "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in facts_of(found)),
        "phases": _block("Phases", phase_table(found)),
        "measured": _block("Measured", measured_text(found)),
        "pictures": _pictures(found, seen),
        "layers": _layers(found),
        "data": _data(seen),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], _resource("page.html"))


def _resource(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _data(seen: dict[str, Any]) -> str:
    """Return what the picture needs as JSON that nothing in it can end."""
    return json.dumps(seen, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _tiles(found: Analysis) -> list[tuple[str, str]]:
    """Return the numbers that matter most, each with what it is."""
    field, ndim = found.field, found.field.ndim
    unit = positions_word(ndim)
    tiles = [(shown_sides(per_axis_values(field.size)), f"{unit}: the theoretical field")]
    tiles += [
        (shown_side(row.field.size), f"{unit}: {row.meaning} ({row.rule.definition}), {row.field.ratio:.0%}")
        for row in found.sizes
        if row.field is not None
    ]
    tiles.append((shown_sides(per_axis_values(field.stride)), f"{unit} from one unit to the next"))
    if found.cost is not None:
        has_parts = isinstance(found.net, Model) and found.net.has_parts
        held = "parameters" if has_parts else "weights of convolutions"
        tiles.append((short_count(found.cost.parameters), held))
        tiles.append((short_count(found.cost.macs), "multiply-accumulates"))
        tiles.append((human_bytes(found.cost.memory), "of activations"))
    return tiles


def _block(title: str, text: str) -> str:
    return f"<h3>{title}</h3><pre>{escape(text)}</pre>" if text else ""


def _pictures(found: Analysis, seen: dict[str, Any]) -> str:
    """Return the map, the profiles and the growth, those that exist."""
    law = found.distribution
    made: list[Callable[[], Html]] = []
    if law is not None:
        effective = next((value for value in found.effective.values() if value is not None), None)
        what = _drawn(found)
        made += [lambda: svg.impact_map(law, effective, what)] if law.ndim == 2 else []
        made += [functools.partial(svg.profile, one, what + along) for one, along in _profiles(law)]
    sides = [max(map(float, row["field"])) for row in seen["rows"]]
    if math.isfinite(max(sides)):
        made.append(lambda: svg.growth(sides))
    drawn = "".join(map(if_any, made))
    if not drawn:
        return ""
    return f'<section aria-label="Pictures"><h2>Pictures</h2><div class="figures">{drawn}</div></section>'


def _drawn(found: Analysis) -> str:
    """Return what the pictures are of."""
    is_impact = drawn_name(found.profile, found.weights) == "Impact"
    return "Impact of the input" if is_impact else "Variance of the gradient"


def _profiles(law: Distribution) -> list[tuple[UnivariateDistribution, str]]:
    """Return the distribution along each axis with its name, a single one where all are alike."""
    marginals = law.marginals[:_MOST_AXES]
    if all(marginal == marginals[0] for marginal in marginals[1:]):
        return [(marginals[0], "" if law.ndim == 1 else " along each axis")]
    return [(marginal, f" along axis {axis}") for axis, marginal in enumerate(marginals)]


def _layers(found: Analysis) -> str:
    """Return the table of layers."""
    headers, rows = found.layers.cells()
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headers)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    tall = " tall" if len(rows) > 40 else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll{tall}" tabindex="0" role="region" aria-label="Layers">{table}</div>'
