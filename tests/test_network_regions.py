"""The regions of all tensors, against the field of the network up to each, pulled back."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given, strategies as st

import erfmath as em
from erfmath.network.algebra import series_as_given
from erfmath.network.factored import Factored, Powered
from erfmath.network.field import phases_of
from erfmath.network.program import program_of
from erfmath.network.regions import regions_of
from erfmath.network.runs import Runs
from erfmath.network.support import Supports, ends_by_residue
from erfmath.strategies import networks

# On axis 0 nothing comes through the first branch, though a unit of its middle tensor sees something.
BLIND = em.Conv((3, 3)) >> em.Sum(
    [
        em.ConvTranspose(em.Kernel([[1]]), (2, 1)) >> em.Conv(em.Kernel([[1]], offset=(1, 0)), (2, 1)),
        em.Conv((1, 5), padding=(0, 2)),
    ]
)


def truncated(program, tensor):
    """The program up to a tensor, as a reader of its own would have it."""
    return type(program)(program.operations[:tensor], tensor, program.ndim)


@given(networks(max_layers=6, max_dims=2))
@example(em.Upsample(3) >> em.Conv(3, dilation=2) ** 7 >> em.Conv(2, stride=2))
@example(em.Upsample(2) >> em.Conv([1, 0, 0, 1], dilation=2) ** 10**7 >> em.Conv(3))
@example(em.ConvTranspose([1, 0, 0, 2], stride=3) >> em.Conv([1, 0, 1], stride=2))
@example(BLIND)
def test_the_regions_of_each_tensor_are_those_pulled_back(net):
    program = program_of(net)
    for tensor, regions in enumerate(regions_of(program)):
        phases = phases_of(truncated(program, tensor))
        assert [axis.phases for axis in regions] == [tuple(p.region for p in axis) for axis in phases]
        assert [axis.rate for axis in regions] == list(truncated(program, tensor).rate)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(-9, 9), min_size=1, max_size=3, unique=True),
            st.integers(0, 9),
            st.integers(1, 5),
        ),
        max_size=3,
    ),
    st.integers(-9, 9),
    st.integers(1, 6),
)
def test_the_ends_of_each_residue(factors, shift, period):
    powers = tuple(Powered(Runs.of((x, x) for x in taps), n, (step,)) for taps, n, step in factors)
    seen = Factored(Supports(0), powers, (shift,))
    places = set(seen.written)
    firsts, lasts = ends_by_residue(seen, period)
    classes = {x % period for x in places}
    assert set(firsts) == {min(x for x in places if x % period == c) for c in classes}
    assert set(lasts) == {max(x for x in places if x % period == c) for c in classes}


def test_what_reads_everything_is_unbounded_from_there_on():
    net = em.Conv(3, stride=2) >> em.GlobalPool() >> em.Conv(3)
    first, pooled, last = (axes[0] for axes in regions_of(program_of(net))[1:])
    assert (first.start, first.size, first.stride) == (0, 3, 2)
    for axis in (pooled, last):
        assert (axis.start, axis.size, axis.stride) == (-math.inf, math.inf, 2)


def test_strides_beyond_every_machine_integer():
    (axis,) = regions_of(program_of((em.Conv(3, stride=2) >> em.Activation("relu")) ** 400))[-1]
    assert (axis.stride, axis.size) == (2**400, 2**401 - 1)
    (axis,) = regions_of(program_of(em.Upsample(3)))[-1]
    assert axis.stride == Fraction(1, 3)


@pytest.mark.parametrize("unrolled", [False, True])
def test_spans_are_what_each_part_wrote(unrolled):
    block = em.Residual(em.Conv(3, padding=1))
    elements = (block, block, em.Identity(), block**3)
    program = program_of(series_as_given(elements, 1, None), unrolled=unrolled)
    last = 10 if unrolled else 5
    spans = [(slice(0, 2), 2), (slice(2, 4), 4), (slice(4, 4), 4), (slice(4, last), last)]
    assert list(program.spans) == spans
    graph = em.Graph(
        {"a": (block, "input"), "b": (em.Conv(1), "a", ("input", 2)), "c": (em.Identity(), "a", "b")}
    )
    assert program_of(graph).spans == ((slice(0, 2), 2), (slice(2, 4), 4), (slice(4, 5), 5))
