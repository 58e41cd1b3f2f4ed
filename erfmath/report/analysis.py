"""All readings of a network as one value; ``em.analyze`` makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field as dataclass_field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

from .._files import checked_path, write_beside
from ..design.productive import Productivity, productive
from ..laws.base import Distribution
from ..laws.clt import CentralLimit
from ..laws.effective import EffectiveField
from ..laws.rules import LEVEL, Rule
from ..models.model import Model
from ..network.algebra import Node
from ..network.cost import Cost
from ..network.field import ReceptiveField
from ..network.program import Block, program_of
from .sizes import SizeRow, sizes_of
from .table import LayerTable
from .text import report
from .units import Units

if TYPE_CHECKING:
    from .measurement import Measured
    from .stages import StageTable

# What the file of a page ends in.
PAGES = (".html", ".htm")

# Copies of a block are followed one by one up to here: a tenth of a second.
_MOST_COPIES = 1000

# A model with more layers than fit a few screens is shown by its stages.
_MOST_ROWS = 64


@dataclass(frozen=True, repr=False)
class Analysis:
    """All readings of a network; see :func:`analyze`. What does not exist is None, and `why` says why.

    Attributes
    ----------
    name, net
        The name and the network that was read.
    output
        The tensor that was read; None for the network's own output.
    input_size, channels
        Samples per axis and channels of the input: those asked for, the model's own, or usual ones.
    at, borders
        The output unit, per axis, and whether the borders of the input are taken into account.
    weights, profile, definitions, ref, level
        How the impact and the effective field are read.
    field
        The theoretical receptive field.
    distribution
        The distribution of the impact, by weights and profile.
    effective
        The effective field by each definition.
    limits
        The central limit along each axis.
    cost, layers
        The cost, of a model that of all it holds and runs, and the table of layers.
    measured
        A measurement and its agreement with the theory, if one was asked for.
    units
        The length of a sample along each axis, if a rate or a spacing was given.
    why
        The reason for each reading that does not exist, by its name in :meth:`to_dict`.
    warnings
        Sentences about the reading of a model, above all if another tensor than its output was read, and
        about gradients that are coherent, see :func:`erfmath.coherence`.
    is_size_asked, is_unit_asked
        Whether the size of the input, and the unit, were asked for.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.analyze("resnet18", input_size=64)
    >>> found.name, found.field.size, found.halo, found.limit.verdict.kind
    ('resnet18', (435, 435), ((217, 186), (217, 186)), 'one layer dominates')
    >>> {name: field.count for name, field in found.effective.items()}, str(found.rules[0])
    ({'threshold': 17333, 'mass': 31981}, "pixels above 4.55 % of the centre's impact")
    >>> found.is_long, found.shown is found.layers, len(found.context.critical), found.why
    (False, True, 11, {})
    """

    name: str
    net: Node
    output: str | None
    input_size: tuple[int, ...] | None
    channels: int
    at: tuple[int, ...]
    borders: bool
    weights: str
    profile: str
    definitions: tuple[str, ...]
    ref: str
    field: ReceptiveField
    distribution: Distribution | None
    effective: dict[str, EffectiveField | None]
    limits: tuple[CentralLimit, ...]
    cost: Cost | None
    layers: LayerTable
    why: dict[str, str]
    warnings: tuple[str, ...] = ()
    measured: Measured | None = None
    units: Units | None = None
    level: float = LEVEL
    is_size_asked: bool = dataclass_field(default=False, compare=False)
    is_unit_asked: bool = dataclass_field(default=False, compare=False)

    @property
    def halo(self) -> Any:
        """The samples that a tile needs around it; see :meth:`ReceptiveField.halo`."""
        return self.field.halo()

    @cached_property
    def context(self) -> Productivity | None:
        """Which layers add context at this input size; None without one, or for thousands of layers."""
        program = program_of(self.net, self.field.ndim)
        copies = sum(op.what.n for op in program.operations if isinstance(op.what, Block))
        if self.input_size is None or len(program.operations) + copies > _MOST_COPIES:
            return None
        return productive(self.net, self.input_size)

    @property
    def limit(self) -> CentralLimit | None:
        """The central limit along the first axis."""
        return self.limits[0] if self.limits else None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """What counts as the effective field, a rule for each definition."""
        return tuple(rules_of(self.definitions, self.ref, self.profile, self.level))

    @cached_property
    def sizes(self) -> tuple[SizeRow, ...]:
        """The effective field in its meanings.

        What the mean weights pass, the paper's theory, beside the magnitude of the gradient at
        initialisation, which one measures, and beside each its measurement, if there is one by that rule. Of
        a model's own weights what was asked for.

        Examples
        --------
        >>> from erfmath import analyze
        >>> [(row.meaning, round(row.field.size)) for row in analyze("vgg16", definition="threshold").sizes]
        [('what the mean weights pass', 124), ('gradient magnitude at initialisation', 164)]
        """
        return sizes_of(self)

    @cached_property
    def stages(self) -> StageTable:
        """The tensors of a model or a Graph at which the stride changes or branches join.

        Raises
        ------
        ValueError
            For another network, whose tensors have no names.

        Examples
        --------
        >>> import erfmath as em
        >>> net = em.Graph({"a": (em.Conv(3, stride=2), "input"), "b": (em.Conv(3), "a")})
        >>> print(em.analyze(net, input_size=32).stages)
        tensor  size  stride  offset  field
        ------  ----  ------  ------  -----
        a          ?       2       0      3
        b          ?       2       0      7
        """
        from .stages import stages_of

        return stages_of(self.net)

    @property
    def is_long(self) -> bool:
        """Whether a model has so many layers, folded as they may be, that its stages are shown instead."""
        return isinstance(self.net, Model) and self.layers.fitting(_MOST_ROWS) is None

    @property
    def shown(self) -> LayerTable | StageTable:
        """The table that is printed: the layers, folded to a few screens, or the stages."""
        if not isinstance(self.net, Model):
            return self.layers
        return self.layers.fitting(_MOST_ROWS) or self.stages

    def __str__(self) -> str:
        return report(self)

    def __repr__(self) -> str:
        return f"<Analysis of {self.name}: {self.field!r}>"

    def _repr_html_(self) -> str:
        """Return the report as HTML for a notebook: the readings, the profiles, and the layers, folded."""
        from .notebook import analysis_html

        return analysis_html(self)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return the report as one page of HTML, and write it to a file if a path is given.

        The page is one file that asks for nothing: tables, pictures as SVG, and where a browser runs scripts
        a picture in which layers and units can be chosen, borders included. ``erfmath analyze WHAT --html
        FILE`` writes it.

        Parameters
        ----------
        path
            A file that ends in .html or .htm; written beside and renamed, so that it is whole or not there.

        Returns
        -------
        str
            The page.

        Raises
        ------
        TypeError, ValueError, OSError
            If the path is none, has another ending, or the file cannot be written.

        Examples
        --------
        >>> from erfmath import analyze
        >>> page = analyze("conv3x3p1*5", input_size=32).to_html()
        >>> page[:15], "11" in page
        ('<!doctype html>', True)
        """
        from .html import page

        target = None if path is None else checked_path(path, PAGES)
        text = page(self)
        if target is not None:
            write_beside(target, lambda aside: aside.write_text(text, "utf-8", newline="\n"))
        return text

    def to_dict(self) -> dict[str, Any]:
        """Return all readings as values for JSON, which ``erfmath analyze --json`` prints.

        ``erfmath.json_schema("analysis")`` is the schema.

        The keys are "version", "name", "output", "network", "input_size", "channels", "unit", "borders",
        "weights", "profile", "ref", "level", "layers", "field", "effective", "sizes", "central_limit",
        "cost", "measured", "units", "warnings" and "why". What does not exist is null, with its reason in
        "why" under the same key. Values per axis are lists. For each layer, "field" is the size of the
        theoretical field and "offset" the first position that unit 0 sees. Infinity is the string "inf" or
        "-inf"; a fraction is a string such as "1/2".

        Examples
        --------
        >>> import erfmath as em
        >>> found = em.analyze(em.Conv(3, padding=1), input_size=16).to_dict()
        >>> found["field"]["size"], found["field"]["halo"], found["cost"]
        ([3], [[1, 1]], {'parameters': 3, 'macs': 48, 'memory': 64})
        """
        from .as_json import as_dict

        return as_dict(self)


def rules_of(definitions: Sequence[str], ref: str, profile: str, level: float, **_: Any) -> list[Rule]:
    """Return what counts as the effective field by each definition, of the choices of an analysis."""
    return [Rule(name, ref, profile, level) for name in definitions]
