r"""Measured impacts: gradients of one unit of a PyTorch module, averaged over weights and inputs.

The gradient :math:`g(x) = \partial y_u / \partial x` of the unit u at a known place is taken by
backpropagation. Its square, averaged, is what :func:`erfmath.variance` is the theory of; :func:`measure` sets
the one beside the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._checks import as_choice, as_count, per_axis
from .._memory import check_memory
from ..core.scaled import Floats
from ..network.algebra import Node
from ..network.arguments import Ints, plain
from ..words import progress as shown
from .module import GIVEN, to_torch
from .result import Measurement
from .torch_types import import_torch, seed_of
from .unit import natural_size, values_of

# What a map averages: the gradient's square, its magnitude, or the gradient itself.
PROFILES = ("variance", "std", "mean")

# Bytes that a run takes for each value of a map, by trial: the value, its padded copy and their gradients.
_BYTES = 24


def measure(
    net: Any,
    input_size: Any = None,
    unit: Any = None,
    *,
    runs: int = 100,
    profile: str = "variance",
    channels: int | None = 16,
    init: str = "he",
    resample: Callable[[Any], Any] | None = None,
    inputs: Callable[[int], Any] | None = None,
    normalised: bool = False,
    rng: Any = None,
    progress: bool = True,
) -> Measurement:
    r"""Return the measured impact of the input on one unit of a PyTorch module, or of a network made one.

    Each run takes the gradient of the unit's channels added with random signs (as they are for "mean"), so
    that squares are those of the channels on average.

    Parameters
    ----------
    net
        A ``torch.nn.Module`` from maps to a map, left in its training or evaluation mode; or a network,
        which goes through :func:`to_torch` with `channels` and `init`, its weights drawn anew each run.
    input_size
        Samples of the input, an int or one per axis. None for those of the inputs, or for a network for
        the fewest at which the middle unit meets no border.
    unit
        Index of the output unit, an int or one per axis; None for the middle one, size // 2.
    runs
        Number of runs.
    profile
        "variance" averages the gradient's square, "std" its magnitude, "mean" the gradient itself.
    channels, init
        Of the module that a network becomes; its input has as many channels, each of which is a sample.
    resample
        Called with the module before each run, to draw its weights anew; None to leave a module as it is.
    inputs
        Called with the number of each run for a batch of inputs, floats of shape (batch, channels, *sizes);
        None for one standard normal input, of the size and channels of a module's first convolution.
    normalised
        Whether each run's map is divided by its sum before averaging, so that runs weigh the same.
    rng
        Seed of all that is random, or a ``numpy.random.Generator``; torch's global generator is left alone.
    progress
        Whether a terminal's standard error is told how far the work is.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError, ValueError
        If the module has no convolution and there are no inputs, it makes no map, inputs are no floats, the
        unit lies outside the output, a gradient is not finite or zero everywhere, or the maps of a network
        take more memory than there is.

    Notes
    -----
    W. Luo et al., Understanding the effective receptive field in deep convolutional neural networks,
    NeurIPS 2016, section 3.

    Examples
    --------
    >>> from erfmath import Activation, Conv, measure  # doctest: +SKIP
    >>> measure((Conv((3, 3)) >> Activation("relu")) ** 5, runs=200, rng=0).compare()  # doctest: +SKIP
    """
    torch = import_torch()
    as_choice(profile, "profile", PROFILES)
    count, generator = as_count(runs, "runs", minimum=1), np.random.default_rng(rng)
    if isinstance(net, Node):
        require_profile(profile, init)
        module = to_torch(net, channels, init, in_channels=channels or 1, rng=generator)
        resample = resample or type(module).reset_parameters
        known = channels or 1, net.ndim or 1
        if inputs is None:
            input_size = natural_size(net) if input_size is None else input_size
            _require_memory(net, input_size, channels)
    elif isinstance(net, torch.nn.Module):
        module, known = net, _convolution(net, is_needed=inputs is None)
    else:
        raise TypeError(
            f"net must be a torch.nn.Module or a network, got {net!r} of type {type(net).__name__}"
        )
    probe = _Probe(module, *known, input_size, unit, profile, inputs)
    devices = [probe.device] if probe.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed_of(generator))
        maps = (probe.run(number, resample) for number in range(count))
        total, moments = _summed(shown(maps, "run", count, 1.0) if progress else maps, normalised)
    if not total.any():
        raise ValueError(
            f"the gradient of unit {plain(probe.unit)} is zero everywhere: it does not see the input"
        )
    cut, offset = _cut(total / count)
    found = Measurement(cut, offset, probe.unit, total.shape, profile, count, moments=moments)
    return replace(found, net=net, init=init) if isinstance(net, Node) else found


@dataclass
class _Probe:
    """One gradient after another of the same unit."""

    module: Any
    in_channels: int
    ndim: int  # 0 until it is told by the inputs
    input_size: Any
    at: Any
    profile: str
    inputs: Callable[[int], Any] | None
    unit: Ints = ()

    @property
    def device(self) -> Any:
        """Where the module lives."""
        return self._like.device

    @property
    def _like(self) -> Any:
        """A tensor of the kind that the module takes."""
        return next(self.module.parameters(), import_torch().zeros(()))

    def run(self, number: int, resample: Callable[[Any], Any] | None) -> Floats:
        """Return the map of one run, averaged over its batch and summed over the input's channels."""
        torch = import_torch()
        if resample is not None:
            resample(self.module)
        x = self._batch(number).requires_grad_()
        y = self._output(x)
        self.unit = _inside(self.at, tuple(y.shape[2:]))
        values = y[(slice(None), slice(None), *self.unit)]
        if self.profile != "mean":
            values = values * (2 * torch.randint_like(values, 2) - 1)
        (gradient,) = torch.autograd.grad(values.sum(), x, allow_unused=True)
        if gradient is None:
            raise ValueError("the module's output does not depend on its input: no gradient flows back")
        grid = gradient.double()
        if not torch.isfinite(grid).all():
            raise ValueError(f"the gradient of run {number} is not finite; check the weights and the inputs")
        powers = {"variance": torch.square, "std": torch.abs, "mean": lambda g: g}
        return np.asarray(powers[self.profile](grid).sum(dim=1).mean(dim=0).cpu().numpy())

    def _batch(self, number: int) -> Any:
        """Return the inputs of a run."""
        torch = import_torch()
        weight = self._like
        if self.inputs is None:
            if self.input_size is None:
                raise ValueError("input_size must be given for a module, unless inputs are")
            sides = per_axis(self.input_size, self.ndim, "input_size", minimum=1)
            return torch.randn((1, self.in_channels, *sides), dtype=weight.dtype, device=weight.device)
        given = self.inputs(number)
        if not isinstance(given, (torch.Tensor, np.ndarray)):
            raise TypeError(f"inputs must return a tensor or an array, got {type(given).__name__}")
        x = torch.as_tensor(given).detach()
        if not x.is_floating_point():
            raise TypeError(f"inputs must be floats, got {x.dtype}; convert them, and scale them to about 1")
        if x.dim() != self.ndim + 2 if self.ndim else x.dim() < 3:
            raise ValueError(
                f"inputs must have batch, channels and {self.ndim or 'some'} axes, got the shape "
                f"{tuple(x.shape)}"
            )
        self.ndim = x.dim() - 2
        if self.input_size is not None and tuple(x.shape[2:]) != per_axis(
            self.input_size, self.ndim, "input_size", minimum=1
        ):
            raise ValueError(f"inputs must have the input_size {self.input_size}, got {tuple(x.shape[2:])}")
        self.input_size = tuple(x.shape[2:])  # that of every run
        if not x.shape[0] or not torch.isfinite(x).all():
            raise ValueError(f"inputs must be finite, one or more of them, got the shape {tuple(x.shape)}")
        return x.to(device=weight.device, dtype=weight.dtype).clone()

    def _output(self, x: Any) -> Any:
        """Return the module's output map."""
        torch = import_torch()
        try:
            y = self.module(x.clone())  # which it may write into
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the module cannot take an input of shape {tuple(x.shape)}: {reason}"
            ) from error
        if not isinstance(y, torch.Tensor) or y.dim() != self.ndim + 2:
            found = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise ValueError(
                f"the module must make a map of {self.ndim} axes with batch and channels before them, got "
                f"{found}; measure the part before its pooling or head"
            )
        if not y.requires_grad:
            raise ValueError("the module's output does not depend on its input: no gradient flows back")
        return y


def require_profile(profile: str, init: str) -> None:
    """Raise where given weights are to be squared: theirs is the mean."""
    if init == GIVEN and profile != "mean":
        raise ValueError(
            f"profile must be 'mean' with init='given', whose gradient is no random one, got {profile!r}"
        )


def _require_memory(net: Node, input_size: Any, channels: int | None) -> None:
    """Raise where a run on an input takes more memory than there is."""
    needed = _BYTES * (channels or 1) * values_of(net, input_size)
    check_memory(needed, f"a run on an input of {input_size}", "give a smaller input_size, or fewer channels")


def _convolution(module: Any, is_needed: bool) -> tuple[int, int]:
    """Return the input channels and the axes of a module's first convolution, zeros without one."""
    for part in module.modules():
        if "Conv" in type(part).__name__ and hasattr(part, "in_channels"):
            return part.in_channels, len(part.kernel_size)
    if is_needed:
        raise ValueError(
            f"net has no convolution: {type(module).__name__} holds none of torch's Conv layers, so that "
            "nothing is known of its maps; give inputs"
        )
    return 0, 0


def _inside(unit: Any, sizes: Ints) -> Ints:
    """Return the index of an output unit, the middle one by default, or raise where there is none."""
    if unit is None:
        return tuple(size // 2 for size in sizes)
    index = per_axis(unit, len(sizes), "unit")
    if any(not 0 <= i < size for i, size in zip(index, sizes, strict=True)):
        raise ValueError(
            f"unit must lie inside the output map of {' x '.join(map(str, sizes))} units, got {unit!r}; "
            "indices begin at 0"
        )
    return index


def _summed(maps: Any, normalised: bool) -> tuple[Floats, Floats]:
    """Return the sum of the maps, and of each the sums of 1, x and x^2."""
    total: Any = 0.0
    moments = []
    for grid in maps:
        if normalised and grid.sum():
            grid = grid / grid.sum()
        total = total + grid
        moments.append(_moments(grid))
    return total, np.array(moments)


def _moments(grid: Floats) -> Floats:
    """Return the sums of 1, x and x^2 under a map, x per axis."""
    lines = [grid.sum(axis=tuple(b for b in range(grid.ndim) if b != a)) for a in range(grid.ndim)]
    places = [np.arange(len(line)) for line in lines]
    first = [line @ x for line, x in zip(lines, places, strict=True)]
    second = [line @ x**2 for line, x in zip(lines, places, strict=True)]
    return np.array([grid.sum(), *first, *second])


def _cut(grid: Floats) -> tuple[Floats, Ints]:
    """Return the box of a map that is not zero, read-only, and its offset."""
    places = np.argwhere(grid)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    cut = grid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].copy()
    cut.flags.writeable = False
    return cut, tuple(low.tolist())
