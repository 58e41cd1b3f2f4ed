"""What a gradient is multiplied by on its way through an activation: the mean slope and its mean square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..network.activations import ACTIVATIONS, activation_gain, activation_slope
from .ir import Operator

# Activations that pass a share of their inputs as they are and stop the others, or pass them by a slope.
_GATES = ("relu", "relu6", "hardtanh")
_LEAKY = ("leaky_relu",)


class Rates:
    """The shares of inputs at which gates are open.

    Parameters
    ----------
    given
        One share for all; or shares, or arrays with one per channel, by name: of an operator, of what it
        makes, or of a submodule that it is in, of which the innermost counts. None for 1/2 everywhere.
    """

    def __init__(self, given: Any) -> None:
        self.default: Any = None if isinstance(given, Mapping) else given
        self.named: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
        self.unused = set(self.named)
        for name, rate in [("", self.default), *self.named.items()]:
            what = f"rates[{name!r}]" if name else "rates"
            values = np.asarray(0.5 if rate is None else rate)
            if values.dtype.kind not in "fiu" or values.ndim > 1:
                raise TypeError(f"{what} must be a share or one per channel, got {rate!r}")
            if not (values.size and (values >= 0).all() and (values <= 1).all()):
                raise ValueError(f"{what} must lie between 0 and 1, got {rate!r}")

    def moments(self, op: Operator) -> tuple[Floats, Floats]:
        """Return the mean slopes of an activation and their mean squares, one for all or one per channel."""
        name = op.options["activation"]
        if name in _LEAKY or (name in _GATES and self._of(op) is not None):
            share = self.share(op)
            leak = float(op.get("slope", 0.01)) if name in _LEAKY else 0.0
            return share + (1 - share) * leak, share + (1 - share) * leak**2
        if name not in ACTIVATIONS or op.get("is_unusual"):
            raise op.error("has an unknown slope")
        if self.named.keys() & self._names(op) - set(op.scopes):
            raise op.error("has no gate that is open or closed, so it has no rate")
        return np.array([float(activation_slope(name))]), np.array([float(activation_gain(name))])

    def share(self, op: Operator) -> Floats:
        """Return the share at which a gate is open, one for all channels or one each."""
        rate = self._of(op)
        return np.atleast_1d(np.asarray(0.5 if rate is None else rate, dtype=float))

    def meet(self, op: Operator) -> None:
        """Take note of an operator, whose names may be given."""
        if op.options.get("activation") or op.kind == "prelu":
            self.unused.difference_update(self._names(op))

    def require_used(self) -> None:
        """Raise where a name is that of no gate."""
        if self.unused:
            names = ", ".join(sorted(map(repr, self.unused)))
            raise ValueError(f"rates must name activations before the output, got {names}")

    def _of(self, op: Operator) -> float | Sequence[float] | None:
        """Return the share of an operator: by its own name, else by that of the innermost part it is in."""
        names = sorted(self._names(op), key=lambda name: (name not in op.scopes, name.count("."), len(name)))
        return self.named[names[-1]] if names else self.default  # type: ignore[no-any-return]

    def _names(self, op: Operator) -> set[str]:
        return self.named.keys() & {op.name, op.alias, *op.outputs, *op.scopes}
