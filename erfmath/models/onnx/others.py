"""How many frames a model's other inputs have beside the one that is read, as sound and its spectrogram."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .folding import Folding


class Mismatch(NamedTuple):
    """Where what comes of the input meets what comes of others, of another length."""

    own: int
    other: int

    def fit(self, side: int, is_open: bool) -> tuple[int, int] | None:
        """Return a side of the input and the frames of the others that go together, None where none do.

        Parameters
        ----------
        side
            That of the input at which they did not, the others having one frame.
        is_open
            Whether the side may grow.

        Examples
        --------
        >>> Mismatch(16000, 64).fit(16000, False), Mismatch(16000, 256).fit(16000, True)
        ((16000, 250), (16128, 63))
        >>> Mismatch(16000, 256).fit(16000, False) is None
        True
        """
        frames = -(-self.own // self.other)
        needed = frames * self.other * side
        if needed % self.own or (needed != self.own * side and not is_open):
            return None
        return needed // self.own, frames


def mismatch(folding: Folding, nodes: Sequence[Any], ours: Collection[str]) -> Mismatch | None:
    """Return the first lengths that do not go together, None where that is no matter of other inputs."""
    for node in folding.walk(nodes):
        if folding.misfits:
            shapes = {name: folding.shape(name) for name in node.input if folding.shape(name)}
            own = [shape for name, shape in shapes.items() if name in ours]
            rest = [shape for name, shape in shapes.items() if name not in ours]
            if len(own) == len(rest) == 1 and own[0] and rest[0] and own[0][-1] and rest[0][-1]:
                return Mismatch(own[0][-1], rest[0][-1])
            return None
    return None
