"""An analysis as HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._html import Html, card, folded, if_any
from ..laws.display import profiles
from .text import facts_of, title_of

if TYPE_CHECKING:
    from .analysis import Analysis


def analysis_html(found: Analysis) -> Html:
    """Return the title, all readings in words, the profiles of the impact, and the layers, folded."""
    law = found.distribution
    pictures = [] if law is None else [if_any(lambda: profiles(law))]
    table = found.shown._repr_html_()
    warned = [("warning", sentence) for sentence in found.warnings]
    return card(title_of(found), [*warned, *facts_of(found)], *pictures, folded("layers", Html(table)))
