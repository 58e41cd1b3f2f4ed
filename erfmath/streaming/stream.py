"""One-dimensional PyTorch models chunk by chunk: ``em.stream``."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from .._checks import is_index
from ..models.torch import Reader
from ..models.torch_export import exported
from ..network.rates import integral
from . import windows as windows  # registers its rules
from .operators import Builder, NoStreamError, Timed
from .pipeline import Pipeline, delayed, fused
from .steps import Queue


class Stream:
    """A module that takes its input chunk by chunk; see :func:`stream`.

    Attributes
    ----------
    delay
        Samples of the input by which the output is late, the same for all units: unit i is out once more
        than ``i * hop + delay`` samples are in. A Fraction where the output is faster than the input.
    hop
        Samples of the input per unit of the output.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> import erfmath as em  # doctest: +SKIP
    >>> s = em.stream(torch.nn.Conv1d(1, 1, 5, padding=2), (1, 1, 64))  # doctest: +SKIP
    >>> s.delay, s.hop, s(torch.zeros(1, 1, 10)).shape, s.memory  # doctest: +SKIP
    (2, 1, torch.Size([1, 1, 8]), 4)
    >>> s.flush().shape  # doctest: +SKIP
    torch.Size([1, 1, 2])
    """

    def __init__(
        self,
        pipeline: Pipeline,
        shape: tuple[int, ...],
        axis: int,
        kinds: tuple[Any, Any],
        output: Timed,
        device: Any,
    ) -> None:
        self._pipeline, self._shape, self._axis = pipeline, shape, axis
        self._dtype, self._made = kinds
        self._device = device
        self._out = output.axis
        self._none = (*output.shape[: self._out], 0, *output.shape[self._out + 1 :])
        self._delay, self._rate = pipeline.delay(), pipeline.rates[pipeline.output]
        self.delay: int | Fraction = integral(self._delay)
        self.hop: int | Fraction = integral(self._rate)
        self._takes_any_length = True
        self._weights: dict[Any, int] = {}  # the versions of the tensors that it reads
        self.reset()

    def __repr__(self) -> str:
        wanted = _shown(_wanted(self._shape, self._axis))
        return f"<Stream: chunks of {wanted}, delay {self.delay}, hop {self.hop}>"

    def reset(self) -> None:
        """Begin again, as if nothing had been given.

        Examples
        --------
        >>> import torch  # doctest: +SKIP
        >>> import erfmath as em  # doctest: +SKIP
        >>> s = em.stream(torch.nn.Conv1d(1, 1, 5, padding=2), (1, 1, 64))  # doctest: +SKIP
        >>> first = s(torch.ones(1, 1, 10))  # doctest: +SKIP
        >>> s.reset()  # doctest: +SKIP
        >>> torch.equal(s(torch.ones(1, 1, 10)), first)  # doctest: +SKIP
        True
        """
        self._pipeline.reset()
        self._queue = Queue(self._out)
        self._given = self._sent = 0
        self._like: Any = None

    def __call__(self, chunk: Any) -> Any:
        """Take the next samples of the input; return those of the output that are due.

        Raises
        ------
        TypeError, ValueError
            If it is not a tensor of the example's shape, whatever its length, or the module's weights
            changed since the stream was made.
        """
        import torch

        self._check(chunk)
        if not self._given:
            self._require_same_weights()
        self._like = chunk
        length = chunk.shape[self._axis]
        self._given += length
        with torch.no_grad():
            # A copy, since the samples that are kept outlive a chunk that may be written into again.
            part = self._pipeline.push(chunk.clone() if length else None, self._given, False)
        self._queue.add(part)
        due = delayed(self._given, self._delay, self._rate) - self._sent
        return self._sent_off(max(0, min(due, self._queue.count)))

    def flush(self) -> Any:
        """End the stream: return what is left of the output, and begin again.

        Raises
        ------
        ValueError
            If the module does not take an input as long as the stream was, or ends it in another way than
            its layers say: branches differ there, or it pads or resizes by what strides leave over.
        """
        import torch

        if not self._given:
            raise ValueError("nothing was given to the stream: there is no output to flush")
        try:
            self._require_same_weights()
            self._require_length()
            with torch.no_grad():
                self._queue.add(self._pipeline.push(None, self._given, True))
            return self._sent_off(self._queue.count)
        finally:
            self.reset()

    @property
    def memory(self) -> int:
        """Samples that all layers keep now, together."""
        return sum(step.held for step in self._pipeline.steps) + self._queue.count

    def _sent_off(self, count: int) -> Any:
        """Return the next units of the output, an empty tensor for none."""
        self._sent += count
        part = self._queue.take(count)
        return self._like.new_empty(self._none, dtype=self._made) if part is None else part

    def _require_same_weights(self) -> None:
        """Raise where weights changed, of which some are read as they are and some as they were."""
        if any(_version(weight) != version for weight, version in self._weights.items()):
            raise ValueError("the module's weights changed since the stream was made: make it anew")

    def _require_length(self) -> None:
        """Raise where the module ends such a length in another way than that of the example."""
        length, period = self._shape[self._axis], self._pipeline.period
        if not self._takes_any_length and (self._given - length) % period:
            raise ValueError(
                f"the stream ends after {self._given} samples, and the module pads or resizes by what its "
                f"strides leave over: end it at {length % period} more than a multiple of {period}, or make "
                f"the stream with an example of such a length"
            )

    def _check(self, chunk: Any) -> None:
        import torch

        wanted = _wanted(self._shape, self._axis)
        if not isinstance(chunk, torch.Tensor):
            raise TypeError(f"chunk must be a tensor of shape {_shown(wanted)}, got {type(chunk).__name__}")
        shape = tuple(chunk.shape)
        fits = len(shape) == len(wanted) and all(a in ("n", b) for a, b in zip(wanted, shape, strict=True))
        if not fits:
            raise ValueError(f"chunk must have shape {_shown(wanted)}, n its samples, got {_shown(shape)}")
        if chunk.dtype != self._dtype:
            raise TypeError(f"chunk must be of {self._dtype} as the example was, got {chunk.dtype}")


def stream(module: Any, example: Any, *, axis: int = -1) -> Stream:
    r"""Return a PyTorch module as a function of chunks: what it makes of them is what it makes of the whole.

    Each layer keeps what its next units read: a convolution of k taps and dilation d its last d (k - 1)
    samples, a transposed one the samples whose units overlap, a recurrent one its state; where branches join,
    the earlier wait. The output is late by the least delay that is the same for all units,
    :math:`\max_i (b_i - \rho i)`, see :func:`latency`.

    Parameters
    ----------
    module
        A ``torch.nn.Module`` of one tensor, which runs as at inference, or an exported program.
    example
        An input, or its shape: its batch, channels and type are those of the chunks, which may have any
        length. It has to be long enough for the module.
    axis
        The axis that is time.

    Returns
    -------
    Stream
        ``s(chunk)`` returns the units that are due, none at first and none where a chunk is short;
        ``s.flush()`` the rest, with the padding at the end; ``s.reset()`` begins again; ``s.delay`` is in
        samples of the input.

    Raises
    ------
    TypeError, ValueError
        If an operator cannot stream, which the message names with the path of its submodule: recurrent layers
        in both directions, statistics over time, attention, interpolation with aligned corners, circular
        padding, positions counted from the end; or if the module depends on the length of its input in
        another way, which is tried on a few lengths.
    ImportError
        If PyTorch is missing.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> from erfmath import stream  # doctest: +SKIP
    >>> module = torch.nn.Conv1d(1, 1, 5, padding=2)  # doctest: +SKIP
    >>> s, whole = stream(module, (1, 1, 64)), torch.randn(1, 1, 100)  # doctest: +SKIP
    >>> s.delay  # doctest: +SKIP
    2
    >>> parts = [s(chunk) for chunk in whole.split(7, -1)] + [s.flush()]  # doctest: +SKIP
    >>> torch.allclose(torch.cat(parts, -1), module(whole))  # doctest: +SKIP
    True
    """
    program = exported(module, example)
    if (count := len(program.graph_signature.user_outputs)) != 1:
        raise NoStreamError(f"module must return one tensor to be a stream, and returns {count}")
    try:
        reader = Reader(program, None, None, type(module).__name__)
    except ValueError as error:
        raise ValueError(f"{type(module).__name__} cannot stream: {error}") from None
    shape = reader.input_shape
    if not is_index(axis) or not -len(shape) <= axis < len(shape):
        raise ValueError(f"axis must be one of the {len(shape)} axes of the example, got {axis!r}")
    axis %= len(shape)
    if (shape[axis] or 0) < 2:
        raise ValueError(f"example must have at least 2 samples along time, got shape {_shown(shape)}")
    pipeline, output = Builder(reader, axis).pipeline()
    pipeline = fused(pipeline)
    first = reader.input.meta["val"]
    kinds = first.dtype, reader.output.meta["val"].dtype
    found = Stream(pipeline, tuple(side or 0 for side in shape), axis, kinds, output, first.device)
    _require_equal(found, module, program, example)
    tensors = [*program.state_dict.values(), *program.constants.values()]
    found._weights = {weight: _version(weight) for weight in tensors if hasattr(weight, "_version")}
    return found


def _version(weight: Any) -> int:
    """Return how often a tensor was written into; one made for inference alone does not count it."""
    return 0 if weight.is_inference() else int(weight._version)


def _require_equal(found: Stream, module: Any, program: Any, example: Any) -> None:
    """Raise where a stream is not what the module makes of the whole, at the example's length or another.

    What fails only where strides leave samples over is refused at the end of a stream of such a length.
    """
    import torch

    length, period = found._shape[found._axis], found._pipeline.period
    whole = _trial(found, example, length + 4 * period)
    _require_equal_at(found, program.module(), whole.narrow(found._axis, 0, length))
    if not isinstance(module, torch.nn.Module):
        return
    _require_equal_at(found, module, whole.narrow(found._axis, 0, length + 3 * period))
    for rest in sorted({1, period // 2, period - 1} - {0, period}):
        try:
            _require_equal_at(found, module, whole.narrow(found._axis, 0, length + 3 * period + rest))
        except NoStreamError:
            found._takes_any_length = False
        except ValueError:  # it is refused as it ends
            continue


def _require_equal_at(found: Stream, module: Any, samples: Any) -> None:
    """Raise where a stream is not what the module makes of these samples, if it takes so many."""
    import torch

    try:
        with torch.no_grad():
            expected = _evaluated(module, samples.clone())
    except Exception:  # a length that the module itself does not take
        return
    length = samples.shape[found._axis]
    if not isinstance(expected, torch.Tensor):
        raise NoStreamError(f"module must return one tensor, and returns {type(expected).__name__}")
    found.reset()
    pieces = samples.split([length // 3, length - length // 3], found._axis)
    try:
        made = torch.cat([*map(found, pieces), found.flush()], found._out)
    except (RuntimeError, IndexError) as error:
        raise NoStreamError(f"the module cannot stream: of {length} samples, {error}") from error
    _compare(made, expected, length)


def _compare(made: Any, expected: Any, length: int) -> None:
    import torch

    if made.shape != expected.shape:
        raise NoStreamError(
            f"the module makes {_shown(tuple(expected.shape))} of {length} samples, and the stream "
            f"{_shown(tuple(made.shape))}: a length in it is a constant of the example"
        )
    if made.dtype != expected.dtype:
        raise NoStreamError(f"the module makes {expected.dtype}, and the stream {made.dtype}")
    is_real = made.dtype.is_floating_point or made.dtype.is_complex
    bound = math.sqrt(torch.finfo(made.dtype).eps) if is_real else 0.0
    # Roots and logarithms of random numbers are nan where the module's are.
    differ = ~((made == expected) | (made.isnan() & expected.isnan()))
    if not differ.any():
        return
    wide = torch.promote_types(made.dtype, torch.float64)  # booleans have no difference
    scale = float(expected[expected.isfinite()].to(wide).abs().max()) if expected.isfinite().any() else 1.0
    worst = float((made[differ].to(wide) - expected[differ].to(wide)).abs().max())
    if not worst <= bound * scale:
        raise NoStreamError(
            f"the stream differs from the module by {worst / (scale or 1.0):.1e} of its largest output on "
            f"{length} samples: something in it depends on the length of its input"
        )


def _trial(found: Stream, example: Any, length: int) -> Any:
    """Return an input of a length, of random numbers where they are floats."""
    import torch

    shape = list(found._shape)
    shape[found._axis] = length
    if found._dtype.is_floating_point:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(shape, dtype=torch.float64, generator=generator).to(found._device, found._dtype)
    times = -(-length // example.shape[found._axis])
    return torch.cat([example] * times, found._axis).narrow(found._axis, 0, length)


def _evaluated(module: Any, samples: Any) -> Any:
    """Return what a module makes at inference; it is left as it was."""
    training = [part for part in module.modules() if part.training]
    for part in training:
        part.training = False
    try:
        return module(samples)
    finally:
        for part in training:
            part.training = True


def _wanted(shape: tuple[int, ...], axis: int) -> tuple[int | str, ...]:
    """Return the shape of chunks, n along time."""
    return tuple("n" if i == axis else side for i, side in enumerate(shape))


def _shown(shape: Any) -> str:
    return "x".join(map(str, shape))
