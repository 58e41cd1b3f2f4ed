"""From a network, a size and a tile to the plan that covers an input."""

from __future__ import annotations

from typing import Any

from .._checks import as_bytes
from ..network.arguments import plain_size
from ..words import human_bytes
from .along import along
from .asked import Asked, Wanted, asked_of, read_at, wanted_of
from .best import best_sides
from .load import load_of
from .loss import losses_of
from .plan import TilePlan


def tiles(
    net: Any, size: Any, tile: Any = None, *, loss: float = 0.0, halo: Any = None, memory: Any = None
) -> TilePlan:
    r"""Return the tiles that cover an input, whose outputs put together are those of the whole.

    A tile reads :math:`[a, a + L)` of the input and makes the outputs that stand for
    :math:`[a + h, a + L - h')`. Here a and h are multiples of the network's period p, L is a length that the
    network accepts, and h, h' are the least for which no unit that is kept reads past the tile's ends, in any
    of the network's tensors. Tiles at a border of the input end there, so that the network pads as it would.

    Parameters
    ----------
    net
        A network, a Model, or what :func:`erfmath.analyze` takes: a name, layers, a file, a PyTorch module.
    size
        Samples of the input, an int or one per axis.
    tile
        Samples that a tile reads, its halo included, an int or one per axis. One as large as the input stands
        for a single tile along that axis. By default what :func:`erfmath.best_tile` finds for the `memory`.
    loss
        The share of the gradient's variance that the worst unit may have beyond a tile's end: the least halo
        is taken whose :func:`erfmath.halo_loss` is at most that, by signs that are random. By default none.
        After training measure instead, by :meth:`erfmath.TilePlan.seam_error`.
    halo
        The halo instead: an int, one per axis, or a pair (before, after) per axis. Less than the network
        needs makes outputs near the tiles' ends differ from those of the whole.
    memory
        How many bytes a tile may take, such as "2GB": all that the network holds of it at a time, in single
        precision, without gradients.

    Returns
    -------
    TilePlan
        A sequence of tiles with `read`, `crop` and `write`; `halo`, `period`, `step`, `count`, `overhead`,
        `loss`, `largest_tensor`, `memory` and ``run(function, array)``. Printed, it is a table.

    Raises
    ------
    TypeError, ValueError
        If the network does not accept the size or the tile, or the tile is too small for the halo or too
        large for the memory: the message has the nearest that works. If no halo makes tiles equal to the
        whole: it names the layer.

    Examples
    --------
    >>> import erfmath as em
    >>> plan = em.tiles(em.zoo.unet(depth=3), 4096, 512)
    >>> plan.halo, plan.period, plan.count
    (((48, 48), (48, 48)), (8, 8), 100)
    >>> plan[1]
    Tile(read=0:512, 416:928, crop=0:464, 48:464, write=0:464, 464:880)
    >>> em.tiles(em.zoo.unet(depth=3), 4096, 512, loss=1e-3).halo
    ((24, 24), (24, 24))
    """
    if tile is None:
        if memory is None:
            raise ValueError("give a tile, or the memory that one may take, such as memory='2GB'")
        tile = best_tile(net, size, memory, loss=loss, halo=halo)
    asked = asked_of(net, size, tile, read_at(tile))
    plan = planned(asked, wanted_of(asked, loss, halo))
    if memory is not None and plan.memory > as_bytes(memory, "memory"):
        best = best_tile(net, size, memory, loss=loss, halo=halo)
        raise ValueError(
            f"tile {plan.tile} takes {human_bytes(plan.memory)}, more than memory={memory!r}: give {best}"
        )
    return plan


def best_tile(net: Any, size: Any, memory: Any, *, loss: float = 0.0, halo: Any = None) -> Any:
    """Return the tile of the least overhead that a memory has room for.

    Its sides are in proportion to the halos, which wastes least for a given number of samples, unless others
    cover the input with so much less to spare that a hundredth less is read. They are no longer than the
    input, and of lengths that the network accepts.

    Parameters
    ----------
    net, size, loss, halo
        As of :func:`erfmath.tiles`.
    memory
        How many bytes a tile may take, an int or such as "2GB" or "512MiB": all that the network holds of it
        at a time, in single precision, without gradients. Channels that a network does not name count as one.

    Returns
    -------
    int or tuple of int
        Samples that a tile reads, its halo included; an int on one axis.

    Raises
    ------
    TypeError, ValueError
        As :func:`erfmath.tiles`, or if no tile is small enough: the message has the memory that the least
        needs.

    Examples
    --------
    >>> import erfmath as em
    >>> em.best_tile(em.zoo.unet(depth=3), 4096, "1GB")
    (896, 896)
    >>> em.best_tile(em.zoo.unet(), (6000, 5008), "4GB")
    (2128, 1808)
    """
    asked = asked_of(net, size, size)
    return plain_size(best_sides(asked, wanted_of(asked, loss, halo), as_bytes(memory, "memory")))


def planned(asked: Asked, wanted: Wanted) -> TilePlan:
    """Return the plan that is asked for."""
    losses = losses_of(asked.net, asked.ndim) if wanted.loss and asked.size != asked.tile else None
    pairs = [along(asked, axis, wanted, losses) for axis in range(asked.ndim)]
    axes, needed = zip(*pairs, strict=True)
    return TilePlan(asked.net, axes, needed, load_of(asked.net, asked.program, asked.tile))
