"""The table from kinds of operators to their rules.

A rule takes an :class:`Operator` and returns what it is, :class:`Placed`; a list of them where its outputs
differ. What it is in space comes first; `by_channel` says what becomes of the channels and their weights.
"""

from __future__ import annotations

from collections.abc import Callable

from ..ir import Operator, Placed

Rule = Callable[[Operator], Placed | list[Placed]]

RULES: dict[str, Rule] = {}


def rule(*kinds: str) -> Callable[[Rule], Rule]:
    """Register a function as the rule of some kinds of operators."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(kinds, function))
        return function

    return register
