r"""Measured impacts: gradients of one output unit of a PyTorch module, averaged over weights and inputs.

The gradient :math:`g(x) = \partial y_u / \partial x` of the output unit u comes from backpropagation.
:func:`measure` averages its square, which :func:`erfmath.variance` predicts.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_choice, as_count, per_axis
from .._memory import check_memory
from .._work import require_executor
from ..core.scaled import Floats
from ..network.algebra import Node
from ..network.arguments import Ints
from ..words import progress as shown
from .jobs import Job, has_parts, jobs_of, recorded
from .module import GIVEN, to_torch
from .parts import Record, Subject, mark_of, text_of
from .result import Measurement, measurement_of
from .sums import ExactSum
from .torch_types import import_torch
from .unit import natural_size, values_of

# What a map averages, as torch calls what it does to the gradient.
PROFILES = {"variance": "square", "std": "abs", "mean": "clone"}

# Bytes that a run needs for each value of a map, found by trial: the value, its padded copy, their gradients.
_BYTES = 24

# Threads take turns: torch has one generator for all of them.
_TORCH = threading.Lock()


def measure(
    net: Any,
    input_size: Any = None,
    unit: Any = None,
    *,
    runs: int | None = None,
    profile: str = "variance",
    channels: int | None = 16,
    init: str | float | Fraction = "he",
    resample: Callable[[Any], Any] | None = None,
    inputs: Callable[[int], Any] | Iterable[Any] | None = None,
    normalised: bool = False,
    rng: Any = None,
    executor: Any = None,
    checkpoint: Any = None,
    progress: bool = True,
) -> Measurement:
    """Return the measured impact of the input on one output unit of a PyTorch module or of a network.

    Each run computes the gradient of the sum of the unit's channels, with random signs, so that its square is
    on average the sum of the squares of the channels' gradients. For "mean" there are no signs.

    Parameters
    ----------
    net
        A ``torch.nn.Module`` that takes maps and returns a map, in training or evaluation mode as it is. Or a
        network, which :func:`to_torch` builds with `channels` and `init`; its weights are drawn for each run.
    input_size
        Samples of the input, an int or one per axis. None means the size of the inputs, or for a network the
        smallest size at which the middle unit meets no border.
    unit
        Index of the output unit, an int or one per axis; None means the middle one, size // 2.
    runs
        Number of runs, 100 by default; of an iterable of inputs, how many batches at most, all by default.
    profile
        "variance" averages the gradient's square, "std" its magnitude, "mean" the gradient itself.
    channels, init
        The channels and the initialisation of the module that is built from a network. Its input has as many
        channels, each of which is one more sample.
    resample
        Called with the module before each run, to draw new weights; None leaves a module as it is.
    inputs
        Called with the number of the run; returns inputs, floats of shape ``(batch, channels, *sizes)``. Or
        an iterable of batches, such as a data loader, whose tuples begin with the inputs: each is a run. None
        means one standard normal input, with the channels of the module's first convolution.
    normalised
        Whether to divide each run's map by its sum before averaging, so that all runs have the same weight.
    rng
        A seed or a ``numpy.random.Generator``; torch's global generator is left alone. Or several seeds,
        among which the runs are divided: what is found is the sum of a measurement of each, bit for bit.
    executor
        Anything with `submit` that the parts are sent to, one for each seed or batch; see :func:`sweep`.
    checkpoint
        An npz file that is written every few seconds and, where it is there, gone on with: the seeds and the
        batches in it are not run again, but for one run that shows whether it is of the same.
    progress
        Whether to show the progress on standard error, if that is a terminal.

    Returns
    -------
    Measurement
        The averaged map, its standard error, and ``compare()`` with the theory.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError, ValueError
        If the module has no convolution and no inputs are given, if it does not return a map, if the inputs
        are not floats, if the unit lies outside the output, if a gradient is not finite or zero everywhere,
        or if the maps of a network need more memory than there is.

    References
    ----------
    W. Luo et al., Understanding the effective receptive field in deep convolutional neural networks,
    NeurIPS 2016, section 3.

    Examples
    --------
    >>> from erfmath import Activation, Conv, measure  # doctest: +SKIP
    >>> measure((Conv((3, 3)) >> Activation("relu")) ** 5, runs=200, rng=0).compare()  # doctest: +SKIP
                      measured  theory             ratio
    ----------------  --------  ------  ----------------
    variance, axis 0    3.3293  3.3333  0.9988 +- 0.0092
    variance, axis 1    3.2591  3.3333  0.9777 +- 0.0100
    effective size       8.307   8.307  1.0000 +- 0.0039
    correlation        0.99905       1
    L1                  0.0329       0

    Of a module of yours over a data loader; a run that was stopped goes on from the checkpoint:

    >>> found = measure(module, inputs=loader, rng=0, checkpoint="field.npz")  # doctest: +SKIP
    >>> found.distribution, found.map_error.max()  # doctest: +SKIP
    """
    import_torch()
    as_choice(profile, "profile", tuple(PROFILES))
    _require_function(resample, "resample", "the module that draws its weights")
    require_executor(executor)
    batches: Any = inputs if _is_data_set(inputs) else None
    if batches is None:
        _require_function(inputs, "inputs", "the number of a run that returns a batch, or batches")
    if isinstance(net, Node):
        require_profile(profile, init)
        channels = None if channels is None else as_count(channels, "channels", minimum=1)
        if inputs is None:
            input_size = natural_size(net) if input_size is None else input_size
            _require_memory(net, input_size, channels)
    else:
        _input_of(net, is_needed=inputs is None)
    if executor is not None and batches is None and not has_parts(rng):
        raise ValueError("executor needs parts to work on; give rng= several seeds, such as range(8)")
    made = inputs if callable(inputs) else None
    work = Work(net, input_size, unit, profile, channels, init, resample, made, normalised)
    jobs = jobs_of(rng, runs, batches, isinstance(net, Node))
    record = recorded(work, jobs, executor, checkpoint, progress)
    return measurement_of(record, *((net, init) if isinstance(net, Node) else (None, None)))


@dataclass(frozen=True)
class Work:
    """What a part of a measurement needs to know, wherever it is made; see :func:`measure`."""

    net: Any
    input_size: Any
    unit: Any
    profile: str
    channels: int | None
    init: Any
    resample: Callable[[Any], Any] | None
    inputs: Callable[[int], Any] | None
    normalised: bool

    def record(self, job: Job, progress: bool = False) -> Record:
        """Return the sums over the runs of a job."""
        with _TORCH:
            probe = self._probe(job)
            maps = probe.maps(job.runs, job.seed)
            shown_maps = shown(maps, "run", job.runs, 1.0) if progress else maps
            total, squares, moments = _summed(shown_maps, self.normalised)
        subject = Subject(
            **self._named,
            profile=self.profile,
            normalised=self.normalised,
            unit=probe.unit,
            input_size=total.parts.shape[1:],
        )
        return Record(subject, total, squares, (job.seed,), (job.runs,), moments)

    @functools.cached_property
    def _named(self) -> dict[str, Any]:
        """What tells the network or the module from others, the same for all jobs."""
        if isinstance(self.net, Node):
            known = {"net": text_of(self.net), "init": str(self.init), "channels": self.channels}
            return {**known, "module": None}
        return {"net": None, "init": None, "channels": None, "module": mark_of(self.net)}

    def _probe(self, job: Job) -> _Probe:
        """Return the probe of the module, built where a network is given."""
        resample = self.resample
        if isinstance(self.net, Node):
            width = self.channels or 1
            module = to_torch(self.net, self.channels, self.init, in_channels=width, rng=job.weights)
            shape, resample = (width, self.net.ndim or 1), resample or type(module).reset_parameters
        else:
            module = self.net
            shape = _input_of(self.net, is_needed=False)
        inputs = self.inputs if job.batch is None else lambda _: job.batch
        return _Probe(module, *shape, self.input_size, self.unit, self.profile, inputs, resample)


@dataclass
class _Probe:
    """Gradients of one unit, run after run."""

    module: Any
    in_channels: int
    ndim: int  # 0 until the first inputs show it
    input_size: Any
    at: Any
    profile: str
    inputs: Callable[[int], Any] | None
    resample: Callable[[Any], Any] | None
    unit: Ints = ()

    @property
    def _like(self) -> Any:
        """A tensor of the type, and on the device, that the module takes."""
        return next(self.module.parameters(), import_torch().zeros(()))

    def maps(self, runs: int, seed: int) -> Iterator[Floats]:
        """Yield the map of each run; torch's generator is left as it was."""
        torch, device = import_torch(), self._like.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            yield from map(self._run, range(runs))

    def _run(self, number: int) -> Floats:
        """Return the map of one run, averaged over its batch and summed over the input's channels."""
        torch = import_torch()
        if self.resample is not None:
            self.resample(self.module)
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
        power = getattr(torch, PROFILES[self.profile])
        return np.asarray(power(grid).sum(dim=1).mean(dim=0).cpu().numpy())

    def _batch(self, number: int) -> Any:
        """Return the inputs of a run, of the type of the module's weights and on their device."""
        x = self._random() if self.inputs is None else self._given(self.inputs(number))
        return x.to(self._like)

    def _random(self) -> Any:
        """Return one standard normal input, in the type of the weights."""
        if self.input_size is None:
            raise ValueError("input_size must be given for a module without inputs")
        sides = per_axis(self.input_size, self.ndim, "input_size", minimum=1)
        like = self._like
        return import_torch().randn((1, self.in_channels, *sides), dtype=like.dtype, device=like.device)

    def _given(self, batch: Any) -> Any:
        """Return a copy of given inputs, which must have the same size in each run."""
        x = _as_maps(batch, self.ndim)
        self.ndim, size = x.dim() - 2, tuple(x.shape[2:])
        wanted = size if self.input_size is None else self.input_size
        if size != per_axis(wanted, self.ndim, "input_size", minimum=1):
            raise ValueError(f"inputs must have the input_size {wanted}, got {size}")
        self.input_size = size
        return x.clone()

    def _output(self, x: Any) -> Any:
        """Return the output map for a batch of inputs."""
        torch = import_torch()
        try:
            y = self.module(x.clone())  # the module may write into its input
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the module cannot take an input of shape {tuple(x.shape)}: {reason}"
            ) from error
        if not isinstance(y, torch.Tensor) or y.dim() != self.ndim + 2:
            found = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise ValueError(
                f"the module must return a map with axes for batch, channels and {self.ndim} of space, got "
                f"{found}; measure the part before its pooling or head"
            )
        if not y.requires_grad:
            raise ValueError("the module's output does not depend on its input: no gradient flows back")
        return y


def _is_data_set(inputs: Any) -> bool:
    """Return whether these are batches one after another, and not one array or a function."""
    return isinstance(inputs, Iterable) and not (callable(inputs) or hasattr(inputs, "shape"))


def require_profile(profile: str, init: Any) -> None:
    """Raise if given weights are to be squared: they have a mean gradient only."""
    if init == GIVEN and profile != "mean":
        raise ValueError(
            f"profile must be 'mean' with init='given', since given weights are not random, got {profile!r}"
        )


def _require_memory(net: Node, input_size: Any, channels: int | None) -> None:
    """Raise if a run on an input needs more memory than there is."""
    needed = _BYTES * (channels or 1) * values_of(net, input_size)
    check_memory(needed, f"a run on an input of {input_size}", "give a smaller input_size, or fewer channels")


def _require_function(value: object, name: str, meaning: str) -> None:
    """Raise for what cannot be called, such as an array."""
    if value is not None and not callable(value):
        raise TypeError(f"{name} must be a function of {meaning}, got a {type(value).__name__}")


def _input_of(module: Any, is_needed: bool) -> tuple[int, int]:
    """Return the input channels and the axes of a module's first convolution, zeros if it has none."""
    if not isinstance(module, import_torch().nn.Module):
        kind = type(module).__name__
        raise TypeError(f"net must be a torch.nn.Module or a network, got {module!r} of type {kind}")
    for part in module.modules():
        if "Conv" in type(part).__name__ and hasattr(part, "in_channels"):
            return part.in_channels, len(part.kernel_size)
    if is_needed:
        raise ValueError(
            f"net has no convolution: {type(module).__name__} has none of torch's Conv layers, so the shape "
            "of its input is unknown; give inputs"
        )
    return 0, 0


def _as_maps(batch: Any, ndim: int) -> Any:
    """Return a batch of inputs as a tensor, or raise if it is not one of finite floats; 0 is any `ndim`."""
    torch = import_torch()
    if not isinstance(batch, (torch.Tensor, np.ndarray)):
        raise TypeError(f"inputs must return a tensor or an array, got {type(batch).__name__}")
    x = torch.as_tensor(batch).detach()
    if not x.is_floating_point():
        raise TypeError(f"inputs must be floats, got {x.dtype}; convert them, and scale them to about 1")
    shape = f"got the shape {tuple(x.shape)}"
    if x.dim() != ndim + 2 if ndim else x.dim() < 3:
        axes = ndim or "one or more"
        raise ValueError(f"inputs must have axes for batch, channels and {axes} of space, {shape}")
    if not x.numel():
        raise ValueError(f"inputs must hold one or more maps with one or more samples, {shape}")
    if not torch.isfinite(x).all():
        raise ValueError(f"inputs must be finite, got nan or inf in a batch of the shape {tuple(x.shape)}")
    return x


def _inside(unit: Any, sizes: Ints) -> Ints:
    """Return the index of an output unit, by default the middle one, or raise if it lies outside."""
    if unit is None:
        return tuple(size // 2 for size in sizes)
    index = per_axis(unit, len(sizes), "unit")
    if any(not 0 <= i < size for i, size in zip(index, sizes, strict=True)):
        raise ValueError(
            f"unit must lie inside the output map of {' x '.join(map(str, sizes))} units, got {unit!r}; "
            "indices start at 0"
        )
    return index


def _summed(maps: Iterable[Floats], normalised: bool) -> tuple[ExactSum, ExactSum, Floats]:
    """Return the sums of the maps and of their squares, and the moments of each map."""
    sums: tuple[ExactSum, ExactSum] | None = None
    moments = []
    for grid in maps:
        if normalised and grid.sum():
            grid = grid / grid.sum()
        one, two = (
            (ExactSum.of(grid), ExactSum.of(grid**2))
            if sums is None
            else (sums[0].plus(grid), sums[1].plus(grid**2))
        )
        sums = one, two
        moments.append(_moments(grid))
    assert sums is not None  # there is a run at least
    return *sums, np.array(moments)


def _moments(grid: Floats) -> Floats:
    """Return the sums of 1, x and x^2 under a map, x per axis."""
    lines = [grid.sum(axis=tuple(b for b in range(grid.ndim) if b != a)) for a in range(grid.ndim)]
    places = [np.arange(len(line)) for line in lines]
    first = [line @ x for line, x in zip(lines, places, strict=True)]
    second = [line @ x**2 for line, x in zip(lines, places, strict=True)]
    return np.array([grid.sum(), *first, *second])
