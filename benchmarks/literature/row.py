"""A row of the table, and the words of its verdict."""

from __future__ import annotations

from typing import NamedTuple

REPRODUCED, DIFFERS, REFUTED, OPEN = VERDICTS = ("reproduced", "differs", "refuted", "cannot be checked")


class Row(NamedTuple):
    """A claim, where it is published, the published figure and the one here, a verdict and why."""

    claim: str
    source: str
    published: str
    ours: str
    verdict: str
    why: str


def equal(claim: str, source: str, published: object, ours: object, why: str) -> Row:
    """Return a row whose figures are to be equal as they are written."""
    same = str(published) == str(ours)
    return Row(claim, source, str(published), str(ours), REPRODUCED if same else DIFFERS, why)
