"""Which weights the nodes of an ONNX model hold, and which parts of the model the nodes are in."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..parts import Place
from .graph import called, named
from .shapes import kind_of

if TYPE_CHECKING:
    from .folding import Folding

_FLOATS = frozenset([1, 10, 11, 16, 17, 18, 19, 20, 23])  # types of elements; others are sizes and indices

# Which operands of these are weights; of others all of more than one value are.
_WEIGHTS = {"BatchNormalization": (1, 2), "Resize": (), "Upsample": ()}
_NONE = named("Clip DequantizeLinear Expand Max Min Pad Pow QuantizeLinear Range")

_SCOPES, _CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"


class Held:
    """The weights that nodes read, met one after the other; what several read is the first one's.

    Attributes
    ----------
    found
        The name and the operator of each node, and how many values it holds.
    """

    def __init__(self, makers: Mapping[str, Any], folding: Folding) -> None:
        self.makers, self.folding = makers, folding
        self.found: list[tuple[str, str, int]] = []
        self._met: set[str] = set()

    def meet(self, node: Any) -> None:
        """Take note of what a node reads that does not depend on the input."""
        places = () if node.op_type in _NONE else _WEIGHTS.get(node.op_type, range(len(node.input)))
        names = [node.input[i] for i in places if i < len(node.input)]
        count = sum(self._count(name) for name in names if name)
        if count:
            self.found.append((called(node), node.op_type, count))

    def _count(self, name: str) -> int:
        entry = self.folding.constants.get(name)
        if entry is None or kind_of(self.folding.types.get(name)) not in _FLOATS:
            return 0
        source = self._source(name)
        if source in self._met:
            return 0
        shape = entry.shape or ()
        if not shape or None in shape or (name not in self.folding.weights and math.prod(shape) == 1):  # type: ignore[arg-type]
            return 0
        self._met.add(source)
        return math.prod(side or 0 for side in shape)

    def _source(self, name: str) -> str:
        """Return what a constant is made of, where it is one thing cast, moved or scaled."""
        while name not in self.folding.weights and name in self.makers and self.makers[name].input:
            name = self.makers[name].input[0]
        return name


def place_of(name: str, title: str, notes: Mapping[str, str]) -> Place:
    """Return where a node is: by the scopes that an exporter notes, or the slashes in its name.

    >>> place_of("/layer1/layer1.0/conv1/Conv", "Conv", {}).path
    ('layer1', '0', 'conv1', 'Conv')
    """
    scopes, kinds = _listed(notes.get(_SCOPES)), _listed(notes.get(_CLASSES))
    if len(scopes) > 1:
        inner = list(zip(scopes, kinds or scopes, strict=False))[1:-1]
        words = [(scope, kind.rpartition(".")[2]) for scope, kind in inner]
    else:
        words = [(word, "") for word in filter(None, name.split("/")[:-1])]
    path, outer = [], ""
    for scope, _ in words:
        path.append(scope.removeprefix(f"{outer}."))
        outer = scope
    own = name.rpartition("/")[2] or title
    return Place((*path, own), (*(kind for _, kind in words), title))


def _listed(text: str | None) -> list[str]:
    """Return the texts in a list as Python writes it, none where there is no such list."""
    try:
        found = ast.literal_eval(text or "[]")
    except (SyntaxError, ValueError):
        return []
    return list(map(str, found)) if isinstance(found, list) else []
