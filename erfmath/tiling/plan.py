r"""Plans of tiles: what each reads, which of its outputs are right, and where they go.

A network of period p (the least common multiple of all its down-samplings) gives the same outputs on a part
of its input as on the whole when the part begins at a multiple of p, has a length that the network accepts,
and is read a halo further on either side than what its outputs stand for. At the borders of the whole input
tiles end where it ends, so that the network pads there as it would.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from .._checks import as_count, per_axis
from .._html import card
from ..network.algebra import Node
from ..network.arguments import Ints, plain_size
from ..network.program import program_of
from ..network.sizes import sized
from ..words import facts
from . import adapters
from .axis import AxisTiles
from .clean import Margins
from .described import as_dict, described
from .load import Load
from .run import run

if TYPE_CHECKING:
    from .seams import Seams

Slices = tuple[slice, ...]


@dataclass(frozen=True)
class Tile:
    """One tile of a plan; each attribute has a slice for each axis of space.

    Attributes
    ----------
    read
        What the tile reads of the input.
    crop
        Which part of the tile's own output is right.
    write
        Where that part belongs in the output.

    Examples
    --------
    >>> import erfmath as em
    >>> plan = em.tiles(em.Conv(3, padding=1), 20, 8)
    >>> plan[1]
    Tile(read=6:14, crop=1:7, write=7:13)
    """

    read: Slices
    crop: Slices
    write: Slices

    def __repr__(self) -> str:
        parts = (f"{name}={_shown(getattr(self, name))}" for name in ("read", "crop", "write"))
        return f"Tile({', '.join(parts)})"


def _shown(slices: Slices) -> str:
    """Return slices as one writes them in an index."""
    return ", ".join(f"{part.start}:{part.stop}" for part in slices)


@dataclass(frozen=True, repr=False)
class TilePlan:
    """The tiles that cover an input; what :func:`tiles` returns, and a sequence of :class:`Tile`.

    Tiles are made when they are asked for, in the order of the last axis first. Numbers are ints on one axis
    and tuples, one entry per axis, on several.

    Attributes
    ----------
    net
        The network.
    axes
        The tiles along each axis.
    needed
        The halo (before, after) per axis with which every output is that of the whole.
    load
        What the network holds of a tile.

    Examples
    --------
    >>> import erfmath as em
    >>> plan = em.tiles(em.zoo.unet(depth=3), 1024, 256)
    >>> plan.ndim, plan.size, plan.output_size, plan.tile, plan.halo, plan.step, plan.period
    (2, (1024, 1024), (1024, 1024), (256, 256), ((48, 48), (48, 48)), (160, 160), (8, 8))
    >>> plan.shape, plan.count, plan.overhead, plan.is_exact, plan.loss
    ((6, 6), 36, 2.25, True, 0.0)
    >>> plan.largest_tensor, plan.memory, plan.tiles is plan
    (8388608, 67108864, True)
    """

    net: Node = field(compare=False)
    axes: tuple[AxisTiles, ...]
    needed: tuple[Margins, ...]
    load: Load

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.axes)

    @property
    def size(self) -> Any:
        """Samples of the input."""
        return self._per_axis(lambda axis: axis.size)

    @property
    def output_size(self) -> Any:
        """Samples of the output."""
        return self._per_axis(lambda axis: axis.output)

    @property
    def tile(self) -> Any:
        """Samples that a tile reads, its halo included."""
        return self._per_axis(lambda axis: axis.tile)

    @property
    def halo(self) -> Any:
        """Input samples (before, after) that a tile reads around those whose outputs it makes, inside."""
        return self._per_axis(lambda axis: (axis.before, axis.after))

    @property
    def step(self) -> Any:
        """Input samples from one tile to the next."""
        return self._per_axis(lambda axis: axis.step)

    @property
    def period(self) -> Any:
        """Input samples after which the network's pattern repeats: tiles begin at its multiples."""
        return self._per_axis(lambda axis: axis.period)

    @property
    def shape(self) -> Ints:
        """Number of tiles along each axis."""
        return tuple(axis.count for axis in self.axes)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return math.prod(self.shape)

    @property
    def is_exact(self) -> bool:
        """Whether the tiles' outputs are those of the whole."""
        pairs = zip(self.axes, self.needed, strict=True)
        return all(a.count == 1 or (a.before >= n.before and a.after >= n.after) for a, n in pairs)

    @cached_property
    def loss(self) -> float:
        """The largest share of the gradient's variance that lies beyond an end of a tile, for any unit.

        A unit at a corner loses at most the sum over its axes; see :func:`erfmath.halo_loss`.
        """
        if self.is_exact:
            return 0.0
        from .loss import losses_of

        losses, worst = losses_of(self.net, self.ndim), 0.0
        for number, axis in enumerate(self.axes):
            if axis.count > 1:
                before, after = losses.beyond(number, np.array([axis.before, axis.after]))
                worst = max(worst, float(before[0]), float(after[1]))
        return worst

    @property
    def largest_tensor(self) -> int:
        """Values of the largest tensor that the network makes of a tile."""
        return self.load.largest

    @property
    def memory(self) -> int:
        """Bytes of all that the network holds at a time of a tile, in single precision, without gradients."""
        return 4 * self.load.held

    @property
    def overhead(self) -> float:
        """Samples read by all tiles over samples of the input; 1 where none is read twice."""
        return math.prod(axis.read / axis.size for axis in self.axes)

    @property
    def tiles(self) -> TilePlan:
        """The tiles: the plan itself, which is a sequence of them."""
        return self

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, index: int) -> Tile: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Tile, ...]: ...

    def __getitem__(self, index: int | slice) -> Tile | tuple[Tile, ...]:
        if isinstance(index, slice):
            return tuple(self[i] for i in range(*index.indices(self.count)))
        return self.at(self.place(index))

    def __iter__(self) -> Iterator[Tile]:
        return map(self.at, itertools.product(*map(range, self.shape)))

    def place(self, index: int) -> Ints:
        """Return where a tile is in the grid of tiles, which :meth:`at` takes.

        Parameters
        ----------
        index
            The number of the tile in the plan; negative ones count from the end.

        Returns
        -------
        tuple of int
            A number from 0 per axis.

        Raises
        ------
        TypeError, ValueError, IndexError
            If `index` is no int, or there is no such tile.

        Examples
        --------
        >>> import erfmath as em
        >>> em.tiles(em.Conv((3, 3), padding=1), 20, 8).place(5)
        (1, 2)
        """
        number = as_count(index, "index", minimum=-self.count)
        if number >= self.count:
            raise IndexError(f"index must be below {self.count}, the number of tiles, got {index}")
        return _unravelled(number % self.count, self.shape)

    def at(self, place: Any) -> Tile:
        """Return the tile at a place of the grid of tiles, one number per axis.

        Parameters
        ----------
        place
            Numbers from 0, an int or one per axis.

        Returns
        -------
        Tile

        Raises
        ------
        TypeError, ValueError
            If `place` is no int, or not one per axis, or negative.
        IndexError
            If there is no such tile.

        Examples
        --------
        >>> import erfmath as em
        >>> em.tiles(em.Conv((3, 3), padding=1), 20, 8).at((0, 1))
        Tile(read=0:8, 6:14, crop=0:7, 1:7, write=0:7, 7:13)
        """
        numbers = per_axis(place, self.ndim, "place", minimum=0)
        if any(i >= count for i, count in zip(numbers, self.shape, strict=True)):
            raise IndexError(f"place must be below {self.shape}, the tiles along each axis, got {place!r}")
        spans = [axis.span(i) for axis, i in zip(self.axes, numbers, strict=True)]
        return Tile(*(tuple(slice(*ends) for ends in part) for part in zip(*spans, strict=True)))

    def output_of(self, lengths: Ints) -> Ints:
        """Return how many samples the network makes of a tile of so many, per axis.

        Parameters
        ----------
        lengths
            Samples of the tile, one per axis.

        Returns
        -------
        tuple of int

        Raises
        ------
        ValueError
            If the network does not accept so many.

        Examples
        --------
        >>> import erfmath as em
        >>> em.tiles(em.Conv(3, stride=2, padding=1), 20, 8).output_of((8,))
        (4,)
        """
        return sized(program_of(self.net, self.ndim, unrolled=True), lengths).output

    def run(
        self,
        function: Callable[[Any], Any],
        array: Any,
        *,
        out: Any = None,
        batch: int = 1,
        space: Any = None,
        progress: Any = None,
    ) -> Any:
        """Return the output of a function for a whole array, tile by tile; see :func:`erfmath.tiles`.

        Each tile is read from the array, given to the function, and what is right of the result is written.
        Nothing larger than a tile is held beside the output.

        Parameters
        ----------
        function
            Takes and returns an array of a tile's samples: the network as it runs. A PyTorch module gets
            tensors of its own type, on its device, without gradients.
        array
            Anything with a `shape` that can be sliced: numpy and torch arrays, memory maps, zarr. Its axes
            are those of space, with any others before them, or with channels behind.
        out
            Where to write: anything of the output's shape that takes slices, other than the array. None makes
            an array like those that the function returns. Gradients are not kept.
        batch
            Tiles of one shape that are given at once: stacked along the first axis where the array has axes
            for a batch and for channels, or else along a new first axis.
        space
            The axes of space, where the sizes do not tell them.
        progress
            True shows the tiles on standard error, if that is a terminal; or a function of the number of
            tiles done and of all.

        Returns
        -------
        array
            `out`, or an array like those that the function returns.

        Raises
        ------
        TypeError, ValueError
            If the array or `out` does not fit the plan, or a tile's output has another shape than the plan
            says.

        Examples
        --------
        >>> import numpy as np
        >>> import erfmath as em
        >>> plan = em.tiles(em.Conv(3), 1000, 100)
        >>> smooth = lambda x: np.convolve(x, [1, 2, 1], "valid")
        >>> x = np.arange(1000) % 7
        >>> bool((plan.run(smooth, x) == smooth(x)).all())
        True
        """
        return run(self, function, array, out, batch, space, progress)

    def seam_error(
        self,
        function: Callable[[Any], Any],
        array: Any,
        *,
        tiles: Any = 6,
        space: Any = None,
        rng: Any = 0,
        progress: Any = None,
    ) -> Seams:
        r"""Return how far a function's outputs differ from the whole's at each halo, by running some tiles.

        A few tiles are run as they are, for outputs y, and once more with the exact halo around them, for the
        outputs :math:`\hat y` of the whole, which is never run. With s their standard deviation, a halo of h
        makes a difference of

        .. math:: \max_i |y_i - \hat y_i| / s

        over the outputs i that lie h or more within the ends of their tile: those which a tile with that halo
        would write. So one pair of runs tells of all halos that the tiles have room for.

        Parameters
        ----------
        function, array, space, progress
            As for :meth:`run`. The exact halo is read around a whole tile, which takes more memory: give a
            plan of smaller tiles where there is little, since the differences hardly depend on their size.
        tiles
            How many tiles are run: the one in the middle, the first, the last, and others at random; or their
            numbers in the plan.
        rng
            Which are drawn: a seed or a generator.

        Returns
        -------
        Seams
            `error` at the plan's halo, `errors` at each of `halos`, and ``least(tolerance)``, the least halo
            that keeps within a tolerance. Printed, it is a table.

        Raises
        ------
        TypeError, ValueError
            As :meth:`run`; or if the plan has a single tile, there is no such tile, or the outputs are no
            finite numbers or all the same.

        Examples
        --------
        >>> import numpy as np
        >>> import erfmath as em
        >>> plan = em.tiles(em.Conv(5, padding=2), 1000, 100, halo=1)
        >>> smooth = lambda x: np.convolve(x, [1, 1, 6, 1, 1], "same")
        >>> print(plan.seam_error(smooth, np.sin(np.arange(1000.0)), tiles=11))
        Largest difference from the whole in 11 of 11 tiles, in standard deviations of the output (4.42):
        <BLANKLINE>
        halo  tiles  overhead  differs by
        ----  -----  --------  ----------
           0     10     1.000     4.0e-01
           1     11     1.100     2.2e-01
           2     11     1.100     0.0e+00
        """
        from .seam_runs import seam_error

        return seam_error(self, function, array, tiles, space, rng, progress)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as values for JSON: its numbers, an entry per axis, and the tiles along each axis.

        Returns
        -------
        dict
            The properties by their names; ``tiles`` has per axis each tile's `read`, `crop` and `write` as
            (first, one behind the last). `loss` is None where the variance of a layer is unknown.

        Examples
        --------
        >>> import erfmath as em
        >>> found = em.tiles(em.Conv(3, padding=1), 20, 12).to_dict()
        >>> found["halo"], found["count"], found["tiles"][0][1]
        ([(1, 1)], 2, {'read': (8, 20), 'crop': (3, 12), 'write': (11, 20)})
        """
        return as_dict(self)

    def to_dask(self, function: Callable[[Any], Any], array: Any, *, space: Any = None) -> Any:
        """Return the output for an array as a dask array, a block for each tile, computed when asked for.

        The arguments are those of :meth:`run`; the array is a dask array, or what ``dask.array.from_array``
        takes. The function is called once with zeros, for the type and the channels of its output.

        Parameters
        ----------
        function, array, space
            As for :meth:`run`; the array is a dask array, or what ``dask.array.from_array`` takes.

        Returns
        -------
        dask.array.Array

        Raises
        ------
        ImportError
            If dask is not installed.
        TypeError, ValueError
            If the array does not fit the plan.

        Examples
        --------
        >>> import numpy as np  # doctest: +SKIP
        >>> import erfmath as em  # doctest: +SKIP
        >>> plan, signal = em.tiles(em.Conv(3, padding=1), 20, 8), np.arange(20.0)  # doctest: +SKIP
        >>> found = plan.to_dask(lambda x: np.convolve(x, [1, 2, 1], "same"), signal)  # doctest: +SKIP
        >>> found.numblocks, found[:3].compute()  # doctest: +SKIP
        ((3,), array([1., 4., 8.]))
        """
        return adapters.to_dask(self, function, array, space)

    def map_overlap(self, function: Callable[[Any], Any], array: Any, *, space: Any = None) -> Any:
        """Return the output for an array by ``dask.array.map_overlap``, chunked and cropped as planned.

        As :meth:`to_dask`; dask needs chunks no shorter than the halo, and the last chunk is as long as is
        left, which the network has to accept.

        Parameters
        ----------
        function, array, space
            As for :meth:`run`; the array is a dask array, or what ``dask.array.from_array`` takes.

        Returns
        -------
        dask.array.Array

        Raises
        ------
        ImportError
            If dask is not installed.
        TypeError, ValueError
            If the array does not fit the plan.

        Examples
        --------
        >>> import numpy as np  # doctest: +SKIP
        >>> import erfmath as em  # doctest: +SKIP
        >>> plan, signal = em.tiles(em.Conv(3, padding=1), 20, 8), np.arange(20.0)  # doctest: +SKIP
        >>> found = plan.map_overlap(lambda x: np.convolve(x, [1, 2, 1], "same"), signal)  # doctest: +SKIP
        >>> found.numblocks, found[:3].compute()  # doctest: +SKIP
        ((3,), array([1., 4., 8.]))
        """
        return adapters.map_overlap(self, function, array, space)

    def for_monai(self, dtype: str = "float32") -> dict[str, Any]:
        """Return what MONAI's ``sliding_window_inference`` is given: roi_size, overlap and roi_weight_map.

        ``sliding_window_inference(x, sw_batch_size=1, predictor=net, **plan.for_monai())``; the windows are
        the plan's tiles. Weights are 1 where a tile is right, and in its halo so small that they count only
        at the borders of the input, where there is no other: `dtype` is the type of the input, which limits
        how small.

        Parameters
        ----------
        dtype
            "float32", "float64" or "bfloat16": the type of the input.

        Returns
        -------
        dict

        Raises
        ------
        ImportError
            If PyTorch is not installed.
        ValueError
            If `dtype` is no such type, or MONAI has no such tiles.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> found = em.tiles(em.Conv((3, 3), padding=1), 64, 34).for_monai()  # doctest: +SKIP
        >>> found["roi_size"], found["overlap"]  # doctest: +SKIP
        ((34, 34), [0.05882352941176472, 0.05882352941176472])
        """
        return adapters.for_monai(self, dtype)

    def for_tiler(self) -> tuple[Any, Any, Any]:
        """Return a ``tiler.Tiler`` for the input, one for the output, and the window to merge by.

        ``merger = Merger(outputs, window=window, data_dtype=float, weights_dtype=float)``, then for each
        ``i, tile in inputs(x)`` a ``merger.add(i, function(tile))``, and ``merger.merge()``.

        Raises
        ------
        ImportError
            If tiler is not installed.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> inputs, outputs, window = em.tiles(em.Conv(3, padding=1), 64, 34).for_tiler()  # doctest: +SKIP
        >>> len(inputs), window.shape  # doctest: +SKIP
        (2, (34,))
        """
        return adapters.for_tiler(self)

    def for_torchgeo(self) -> dict[str, Any]:
        """Return the size and the stride of chips in pixels, as samplers such as torchgeo's take them.

        ``GridGeoSampler(dataset, units=Units.PIXELS, **plan.for_torchgeo())``; chip i of a row is tile i,
        whose `crop` and `write` say what is right of its output and where it belongs.

        Raises
        ------
        ValueError
            If the last chip would lie partly outside the input.

        Examples
        --------
        >>> import erfmath as em
        >>> em.tiles(em.Conv((3, 3), padding=1), 64, 33).for_torchgeo()
        {'size': (33, 33), 'stride': (31, 31)}
        """
        return adapters.for_torchgeo(self)

    def for_bioimageio(self) -> list[dict[str, int]]:
        """Return what a bioimage.io description declares along each axis: min, step and halo.

        Inputs are `min` + k `step` samples, the least of them the plan's tile, and `halo` units are cropped
        from either end of the output.

        Examples
        --------
        >>> import erfmath as em
        >>> em.tiles(em.Conv((3, 3), padding=1), 64, 32).for_bioimageio()
        [{'min': 32, 'step': 1, 'halo': 1}, {'min': 32, 'step': 1, 'halo': 1}]
        """
        return adapters.for_bioimageio(self)

    def _per_axis(self, reading: Callable[[AxisTiles], Any]) -> Any:
        return plain_size(tuple(map(reading, self.axes)))

    def __repr__(self) -> str:
        return facts(list(described(self).items()))

    def _repr_html_(self) -> str:
        """Return the plan as HTML for a notebook."""
        return card("Plan of tiles", described(self).items())


def _unravelled(number: int, shape: Ints) -> Ints:
    """Return the place of a number in a grid, the last axis first."""
    found = []
    for side in reversed(shape):
        number, place = divmod(number, side)
        found.append(place)
    return tuple(reversed(found))
