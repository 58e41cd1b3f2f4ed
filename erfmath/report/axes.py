"""Values per axis for any number of axes."""

from __future__ import annotations

from typing import Any

from ..laws.base import Distribution
from ..network.field import ReceptiveField


def marginals_of(law: Distribution | None) -> tuple[Any, ...]:
    """Return the distributions along each axis, empty if there is no distribution."""
    return () if law is None else law.marginals


def pairs_of(field: ReceptiveField, value: Any) -> tuple[Any, ...]:
    """Return the pairs of all axes; on a single axis the value is its pair."""
    return value if field.ndim > 1 else (value,)


def phases_of(field: ReceptiveField) -> tuple[Any, ...]:
    """Return the phases along each axis."""
    return field.phases if field.ndim > 1 else (field.phases,)
