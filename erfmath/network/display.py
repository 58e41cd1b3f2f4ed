"""Networks as HTML for notebooks: what a unit sees, and the layers as a tree."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from .._html import Html, card, folded, html_of, or_reason, text_block
from .algebra import Node, lines_of_tree
from .field import ReceptiveField, field_facts, receptive_field

# Lines of a tree that are shown: a few screens.
_MOST_LINES = 200

# Expressions up to here are titles of their own.
_LONGEST_TITLE = 60


@html_of.register
def network_html(net: Node, title: str | None = None, facts: Iterable[tuple[str, object]] = ()) -> Html:
    """Return a network's title, facts of its own and those of its field, and its layers, folded."""
    field = or_reason(lambda: receptive_field(net))
    known = field_facts(field) if isinstance(field, ReceptiveField) else [("size", field)]
    known = [("field" if name == "size" else name, value) for name, value in known]
    return card(title or _title(net), [*facts, *known], folded("layers", text_block(_tree(net))))


def _title(net: Node) -> str:
    text = net.expression
    return text if len(text) <= _LONGEST_TITLE else net.summary


def _tree(net: Node) -> str:
    lines = list(itertools.islice(lines_of_tree(net), _MOST_LINES + 1))
    return "\n".join([*lines[:_MOST_LINES], "..."] if len(lines) > _MOST_LINES else lines)
