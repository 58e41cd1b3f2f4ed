"""The layers of a stream: each takes what arrives of its inputs and makes all the units that it can.

A step is told, for each of its inputs, the samples that are new and how many there would be in total if the
stream ended now; what is cut from an end is held back by that. Tensors are cut and joined along the axis that
is time; None stands for no samples.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

Array = Any  # a torch tensor, None for no samples
Counts = tuple[int, int]


class Queue:
    """Samples in order that wait to be read."""

    def __init__(self, axis: int) -> None:
        self.axis = axis
        self.samples: Array = None
        self.count = 0

    def add(self, part: Array) -> None:
        """Append samples."""
        if part is not None:
            self.samples = part if self.samples is None else joined((self.samples, part), self.axis)
            self.count += part.shape[self.axis]

    def take(self, count: int) -> Array:
        """Remove and return the first samples, None for none."""
        part = self.first(count) if count else None
        self.drop(count)
        return part

    def first(self, count: int) -> Array:
        """Return the first samples, which stay."""
        return self.samples if count == self.count else self.samples.narrow(self.axis, 0, count)

    def drop(self, count: int) -> None:
        """Remove the first samples; the rest is copied, so that nothing larger is kept for it."""
        if count:
            self.count = rest = self.count - count
            self.samples = self.samples.narrow(self.axis, count, rest).clone() if rest > 0 else None


def joined(parts: Sequence[Array], axis: int) -> Array:
    """Return tensors one behind the other."""
    import torch

    return torch.cat(tuple(parts), axis)


class Step(ABC):
    """One layer of a stream.

    Attributes
    ----------
    name
        The path of its submodule, and what it does.
    following
        What is done to the units as soon as they are made, each alone.
    made
        How many units it has made.
    """

    def __init__(self, name: str, axes: Sequence[int]) -> None:
        self.name = name
        self.axes = tuple(axes)
        self.following: tuple[Callable[[Array], Array], ...] = ()
        self.reset()

    begins = 0  # samples without which it makes nothing, where later units need fewer

    def reset(self) -> None:
        """Forget all samples."""
        self.queues = [Queue(axis) for axis in self.axes]
        self.arrived = [0] * len(self.axes)
        self.made = 0

    @property
    def held(self) -> int:
        """How many samples it keeps."""
        return sum(queue.count for queue in self.queues)

    @abstractmethod
    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """Return how many units can be made, and how many there would be if the stream ended now."""

    @abstractmethod
    def units(self, count: int, is_last: bool) -> Array:
        """Make so many more units, at least one."""

    def push(self, parts: Sequence[Array], totals: Sequence[int], is_last: bool) -> tuple[Array, int]:
        """Take new samples; return the units that they complete, and how many there would be in total."""
        for k, part in enumerate(parts):
            if part is not None:
                self.queues[k].add(part)
                self.arrived[k] += part.shape[self.axes[k]]
        ready, total = self.counts(self.arrived, totals)
        count = max(0, (total if is_last else min(ready, total)) - self.made)
        if not count:
            return None, max(0, total)
        units = self.units(count, is_last)
        self.made += count
        for call in self.following:
            units = call(units)
        return units, total


class Pointwise(Step):
    """What treats each sample alone; several inputs wait for the latest, so that branches stay aligned.

    Each sample makes `factor` units.
    """

    def __init__(self, name: str, axes: Sequence[int], call: Callable[..., Array], factor: int = 1) -> None:
        super().__init__(name, axes)
        self.call, self.factor = call, factor

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """As many as each input has."""
        return min(arrived) * self.factor, min(totals) * self.factor

    def units(self, count: int, is_last: bool) -> Array:
        """Apply the operator to the next samples."""
        return self.call(*[queue.take(count // self.factor) for queue in self.queues])

    def push(self, parts: Sequence[Array], totals: Sequence[int], is_last: bool) -> tuple[Array, int]:
        """Take new samples; at the end none may be left."""
        found = super().push(parts, totals, is_last)
        if is_last and any(queue.count for queue in self.queues):
            raise ValueError(
                f"{self.name} joins branches of {' and '.join(map(str, self.arrived))} samples: the module "
                "takes no input of this length; end the stream at one that it accepts"
            )
        return found


class Window(Step):
    """What moves a window of `extent` samples by `stride`: convolutions, pools, blocks of samples.

    What is padded holds `fill`; `rest` counts a last window that is not full.
    """

    def __init__(
        self,
        name: str,
        axis: int,
        call: Callable[[Array], Array],
        extent: int,
        stride: int,
        padding: tuple[int, int] = (0, 0),
        fill: float = 0.0,
        rest: bool = False,
    ) -> None:
        self.extent, self.stride, self.padding, self.fill = extent, stride, padding, fill
        self.call, self.rest = call, rest
        super().__init__(name, (axis,))

    def reset(self) -> None:
        """Forget all samples."""
        super().reset()
        self.skipped = 0  # samples between two windows that are still to come
        self.none: Array = None  # no samples, of the shape and type of those that come
        self.is_begun = False

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """Those whose windows are full."""
        before, after = self.padding
        if not arrived[0]:
            return 0, 0
        room = totals[0] + before + after - self.extent
        total = room // self.stride + 1
        if self.rest and room % self.stride and total * self.stride < totals[0] + before:
            total += 1
        return (arrived[0] + before - self.extent) // self.stride + 1, total

    def push(self, parts: Sequence[Array], totals: Sequence[int], is_last: bool) -> tuple[Array, int]:
        """Take new samples, behind the padding, without those between two windows."""
        part = parts[0]
        if part is not None and not self.is_begun:
            self.is_begun = True
            self.none = part.narrow(self.axes[0], 0, 0).clone()
            self.queues[0].add(self._filled(part, self.padding[0]))
        if part is not None and self.skipped:
            gone = min(self.skipped, part.shape[self.axes[0]])
            self.skipped -= gone
            self.arrived[0] += gone
            length = part.shape[self.axes[0]] - gone
            part = part.narrow(self.axes[0], gone, length) if length else None
        return super().push((part,), totals, is_last)

    def units(self, count: int, is_last: bool) -> Array:
        """Apply the operator to the next windows, and drop what no later one reads."""
        queue, needed = self.queues[0], (count - 1) * self.stride + self.extent
        if is_last and queue.count < needed:  # where samples are skipped yet, the window is of padding alone
            queue.add(self._filled(self.none, needed - queue.count))
        found = self.call(queue.first(needed))
        gone = count * self.stride
        self.skipped = max(0, gone - queue.count)
        queue.drop(min(gone, queue.count))
        return found

    def _filled(self, like: Array, count: int) -> Array:
        return filled(like, self.axes[0], count, self.fill)


class Blocks(Window):
    """Time divided into blocks, which the end may not cut."""

    def push(self, parts: Sequence[Array], totals: Sequence[int], is_last: bool) -> tuple[Array, int]:
        """Take new samples; at the end none may be left."""
        found = super().push(parts, totals, is_last)
        if is_last and self.queues[0].count:
            raise ValueError(
                f"{self.name} makes blocks of {self.extent} of {totals[0]} samples: the module takes no "
                "input of this length; end the stream at one that it accepts"
            )
        return found


def filled(like: Array, axis: int, count: int, value: float) -> Array:
    """Return so many samples of a value, None for none."""
    shape = list(like.shape)
    shape[axis] = count
    return like.new_full(shape, value) if count else None


class Transposed(Step):
    """A transposed convolution, whose overlaps are made of the inputs that are kept.

    `call(samples, extra)` makes (n - 1) stride + extent + extra units of n samples; `cut` says how many are
    removed at both ends.
    """

    def __init__(
        self,
        name: str,
        axis: int,
        call: Callable[[Array, int], Array],
        extent: int,
        stride: int,
        cut: tuple[int, int],
        extra: int,
    ) -> None:
        self.call, self.extent, self.stride, self.cut, self.extra = call, extent, stride, cut, extra
        super().__init__(name, (axis,))

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """Those that no later sample adds to."""
        total = (totals[0] - 1) * self.stride + self.extent + self.extra - sum(self.cut)
        return arrived[0] * self.stride - self.cut[0], total if totals[0] else 0

    def units(self, count: int, is_last: bool) -> Array:
        """Apply the operator to the samples that the next units read."""
        queue, first = self.queues[0], self.made + self.cut[0]
        begin = self.arrived[0] - queue.count
        extra = max(self.stride - self.extent, self.extra, 0)
        whole = self.call(queue.samples, extra)
        found = whole.narrow(self.axes[0], first - begin * self.stride, count)
        following = first + count
        oldest = min(-(-(following - self.extent + 1) // self.stride), following // self.stride)
        if self.extra:  # of units behind the last sample the bias is made with it
            oldest = min(oldest, self.arrived[0] - 1)
        queue.drop(min(max(oldest - begin, 0), queue.count))
        return found


class Edges(Step):
    """Samples added to both ends, or cut from them where a number is negative.

    `ends` makes what is added: of the first samples what comes before, of the last what comes after; it needs
    `needed` samples of each.
    """

    def __init__(
        self,
        name: str,
        axis: int,
        padding: tuple[int, int],
        ends: Callable[[Array, int, bool], Array],
        needed: tuple[int, int] = (1, 1),
    ) -> None:
        self.padding, self.ends, self.needed = padding, ends, needed
        self.begins = needed[0] - 1
        super().__init__(name, (axis,))

    def reset(self) -> None:
        """Forget all samples."""
        super().reset()
        self.is_begun = False
        self.tail = Queue(self.axes[0])  # for what is added behind the last sample

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """Those that arrived, moved."""
        before, after = self.padding
        ready = arrived[0] + before if arrived[0] >= self.needed[0] else 0
        return ready, totals[0] + before + after

    def push(self, parts: Sequence[Array], totals: Sequence[int], is_last: bool) -> tuple[Array, int]:
        """Take new samples, behind what is added at the beginning, or without what is cut there."""
        part, axis, needed = parts[0], self.axes[0], self.needed[1]
        if self.padding[1] > 0 and part is not None:
            length = part.shape[axis]
            self.tail.add(part.narrow(axis, max(0, length - needed), min(length, needed)).clone())
            self.tail.drop(max(0, self.tail.count - needed))
        return super().push(parts, totals, is_last)

    def units(self, count: int, is_last: bool) -> Array:
        """Return the next samples."""
        queue = self.queues[0]
        if not self.is_begun:
            self.is_begun = True
            self._begin(queue)
        if is_last and self.padding[1] > 0:
            if self.tail.count < self.needed[1]:
                raise ValueError(
                    f"{self.name} pads more than the {self.arrived[0]} samples that it was given"
                )
            queue.add(self.ends(self.tail.samples, self.padding[1], False))
        return queue.take(count)

    def _begin(self, queue: Queue) -> None:
        before = self.padding[0]
        if before < 0:
            queue.drop(-before)
        elif before:
            rest = queue.take(queue.count)
            queue.add(self.ends(rest, before, True))
            queue.add(rest)


class Interpolated(Step):
    """Linear interpolation between the middles of samples: the last sample is kept."""

    def __init__(self, name: str, axis: int, call: Callable[[Array], Array], factor: int) -> None:
        self.call, self.factor = call, factor
        super().__init__(name, (axis,))

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """Those up to the middle of the last sample."""
        ready = self.factor * (arrived[0] - 1) + (self.factor - 1) // 2 + 1
        return ready if arrived[0] else 0, totals[0] * self.factor

    def units(self, count: int, is_last: bool) -> Array:
        """Interpolate between the sample that is kept and the new ones."""
        queue = self.queues[0]
        begin = self.arrived[0] - queue.count
        found = self.call(queue.samples).narrow(self.axes[0], self.made - begin * self.factor, count)
        queue.drop(queue.count - 1)
        return found


class Carried(Step):
    """What goes on from a state of its own: recurrent layers, running sums.

    `call(samples, state)` returns the units and the next state; None is the state at the beginning.
    """

    def __init__(self, name: str, axis: int, call: Callable[[Array, Any], tuple[Array, Any]]) -> None:
        self.call = call
        super().__init__(name, (axis,))

    def reset(self) -> None:
        """Forget all samples and the state."""
        super().reset()
        self.state: Any = None

    def counts(self, arrived: Sequence[int], totals: Sequence[int]) -> Counts:
        """As many as arrived."""
        return arrived[0], totals[0]

    def units(self, count: int, is_last: bool) -> Array:
        """Apply the operator to the new samples."""
        found, self.state = self.call(self.queues[0].take(count), self.state)
        return found
