"""Programs of networks, sets of positions as runs, and what layers mean, against what is written out."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em
from erfmath.network import runs as runs_module
from erfmath.network.program import Block, Program, program_of, pull_back
from erfmath.network.runs import Runs, require_few
from erfmath.network.stage import Stage, Unbounded

SETS = st.sets(st.integers(-12, 12), min_size=1, max_size=6)


def as_runs(places):
    return Runs.of((x, x) for x in places)


@given(SETS, SETS, st.integers(1, 5), st.integers(0, 5))
def test_runs_are_sets(a, b, step, n):
    one, two = as_runs(a), as_runs(b)
    assert list(one) == sorted(a)
    assert (one.first, one.last, one.extent, len(one)) == (min(a), max(a), max(a) - min(a) + 1, len(a))
    assert set(one | two) == a | b
    assert {x for low, high in one.gaps for x in range(low, high + 1)} == set(range(min(a), max(a))) - a
    assert one.span == math.gcd(*(x - y for x in a for y in a))
    assert set(one.shifted(3)) == {x + 3 for x in a}
    assert set(one.stretched(step)) == {step * x for x in a}
    assert set(one.plus(two, step)) == {x + step * y for x in a for y in b}
    assert set(one.times(n)) == {sum(xs) for xs in itertools.combinations_with_replacement(sorted(a), n)}
    kept = one.decimated(step)
    assert set(kept or ()) == {x // step for x in a if x % step == 0}
    for found in (one, one | two, one.plus(two, step), one.times(n)):
        assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(found.runs))


def test_so_many_runs_are_listed_and_no_more(monkeypatch):
    monkeypatch.setattr(runs_module, "_MOST_RUNS", 4)
    require_few(4)
    with pytest.raises(ValueError, match="the field has 5 separate runs of pixels, at most 4e"):
        require_few(5)
    one = Runs(((0, 1), (4, 5)))
    assert len(one.stretched(3)) == 4
    assert one.plus(Runs(((0, 9),)), 2).runs == ((0, 23),)  # each run stays one
    with pytest.raises(ValueError, match="separate runs"):
        one.plus(Runs(((0, 2),)), 9)
    with pytest.raises(ValueError, match="the field has 5 separate runs"):
        Runs(((0, 4),)).stretched(2)


def whats(program):
    """What the operations are, in a word each."""
    names = {Stage: "stage", Unbounded: "whole", Block: "block", type(None): "sum"}
    return [names[type(op.what)] for op in program.operations]


@pytest.mark.parametrize(
    ("net", "unrolled", "expected"),
    [
        (em.Conv(3) ** 4, False, ["block"]),
        (em.Conv(3) ** 4, True, ["stage"] * 4),
        (em.Conv(3, 2) ** 3, False, ["stage"] * 3),
        (em.Upsample(2) ** 3, False, ["stage"] * 3),
        (em.Power(em.Conv(3), 0), False, []),
        (em.Activation("relu") ** 3, False, []),
        (em.GlobalContext() ** 3, False, ["block"]),
        (em.GlobalContext("before") ** 3, False, ["block"]),
        (em.GlobalPool() ** 3, False, ["whole"]),
        ((em.Conv(3) >> em.GlobalPool()) ** 3, False, ["whole"]),
        (em.Normalization() ** 2, False, ["whole"]),
        (em.Normalization(along=(True,)) ** 2, False, ["block"]),
        (em.Residual(em.Conv(3, padding=1)), False, ["stage", "sum"]),
        (em.Concat([em.Conv(3), em.Conv(5)], [1, 2]), False, ["stage", "stage", "sum"]),
    ],
    ids=repr,
)
def test_the_operations_of_a_network(net, unrolled, expected):
    assert whats(program_of(net, unrolled=unrolled)) == expected


def test_pointwise_layers_are_written_where_asked_for():
    net = em.Conv(3) >> em.Activation("relu") >> em.Identity() >> em.Dropout(0.5)
    assert whats(program_of(net)) == ["stage"]
    named = program_of(net, pointwise=True)
    assert whats(named) == ["stage", "sum", "sum"]
    assert [op.sources for op in named.operations] == [((0, 1),), ((1, 1),), ((2, 1),)]
    assert [op.node for op in named.operations] == [em.Conv(3), em.Activation("relu"), em.Dropout(0.5)]
    inside = program_of(net**2, pointwise=True, unrolled=True)
    assert whats(inside) == ["stage", "sum", "sum"] * 2


def test_copies_that_are_followed_one_by_one_are_counted(monkeypatch):
    from erfmath.network import program

    monkeypatch.setattr(program, "_MOST_COPIES", 6)
    net = em.Conv(3) >> em.Pool(2)
    assert len(program_of(net**3).operations) == 6
    words = r"^4 copies of Series\(\[Conv\(3\), Pool\(2\)\]\) are too many: .* they may be 6 operations"
    with pytest.raises(ValueError, match=words):
        program_of(net**4)
    with pytest.raises(ValueError, match=r"^7 copies of Conv\(9\) are too many"):
        program_of(em.Conv(9) ** 7, unrolled=True)


def test_what_is_not_needed_is_not_live():
    blind = em.Sum([em.Conv(3), em.Conv(5) >> em.GlobalPool()], [1, 0])
    program = program_of(blind)
    assert [op.node for op in program.live] == [em.Conv(3), blind]
    assert program.unbounded is None
    assert program.wholes == (Unbounded(None),)
    assert [stage.kernel.shape for stage in program.stages] == [(3,), (5,)]
    deep = program_of(em.Conv(3) >> (em.Conv(5) >> em.GlobalContext("after")) ** 2)
    assert deep.unbounded == em.GlobalContext("after")
    assert deep.wholes == (Unbounded(((False, True),), keeps_positions=True),)
    assert [stage.kernel.shape for stage in deep.stages] == [(3,), (5,)]
    assert program_of(em.Conv(3) >> em.Normalization("X")).unbounded == em.Normalization("X")
    weighted = em.Weighted(em.Conv(1), [[[2.0]]])
    assert program_of(em.Conv(1) >> weighted**2).mixes is not None
    assert program_of(em.Conv(1) ** 2).mixes is None


@pytest.mark.parametrize(
    ("net", "period", "rate"),
    [
        (em.Upsample(2) >> em.Conv(3) >> em.Upsample(3), (6,), (Fraction(1, 6),)),
        (em.Upsample(2) >> em.Conv(3, 2), (1,), (1,)),
        (em.Conv(3, 2) >> em.Upsample(4), (4,), (Fraction(1, 2),)),
        (em.Upsample(2) >> em.Conv(3, 3), (2,), (Fraction(3, 2),)),
        (em.Upsample((1, 3)) >> em.Conv((3, 3), (2, 1)), (1, 3), (2, Fraction(1, 3))),
        (em.Upsample(2) >> em.GlobalPool() >> em.Conv(1), (1,), (Fraction(1, 2),)),
        (em.Sum([em.GlobalPool() >> em.Conv(1, 2), em.Conv(3, 3)]), (1,), (3,)),
        (em.Sum([em.Conv(3, 3), em.GlobalPool() >> em.Conv(1, 2)]), (1,), (3,)),
        (em.Sum([em.Upsample(2), em.GlobalPool() >> em.Upsample(3)]), (6,), (Fraction(1, 2),)),
    ],
    ids=repr,
)
def test_rates_and_periods(net, period, rate):
    program = program_of(net)
    assert (program.period, program.rate) == (period, rate)


def test_axes_alike_and_apart():
    likenesses = [
        (em.Conv((3, 3)), (0, 0)),
        (em.Conv((3, 3), (1, 2)), (0, 1)),
        (em.Conv((3, 3), dilation=(1, 2)), (0, 1)),
        (em.Conv((3, 3), padding=(1, 0)), (0, 1)),
        (em.Conv((3, 4)), (0, 1)),
        (em.Conv([[1, 2], [3, 4]]), (0, 1)),
        (em.Conv([[1, 2], [2, 4]]), (0, 0)),
        (em.Conv((3, 5, 3)), (0, 1, 0)),
        (em.Conv((5, 3, 3)), (0, 1, 1)),
        (em.Upsample((2, 3)), (0, 1)),
        (em.Weighted(em.Conv((2, 2)), np.ones((1, 1, 2, 2))), (0, 1)),
    ]
    for net, expected in likenesses:
        assert program_of(net).likenesses == expected
    assert program_of(em.Conv((3, 3)) ** 2 >> em.Conv((2, 4))).is_separable
    assert not program_of(em.Conv([[1, 0], [0, 1]]) ** 2 >> em.Conv((2, 4))).is_separable
    assert not program_of(em.Residual(em.Conv((3, 3), padding=1))).is_separable
    assert not program_of(em.Residual(em.Conv((3, 3), padding=1)) ** 2).is_separable
    assert not program_of(em.Weighted(em.Conv((2, 2)), np.ones((1, 1, 2, 2)))).is_separable
    assert not program_of(em.Sum([em.Conv((3, 3))] * 2)).is_separable


def test_a_program_on_one_axis_has_the_sums_over_the_others():
    net = em.Conv([[1, 2, 3], [4, 5, 6]], (1, 2)) >> em.GlobalContext(("before", "none"))
    first, second = (program_of(net).along(axis) for axis in (0, 1))
    assert [op.what.kernel.weights for op in (first.operations[0], second.operations[0])] == [
        (6, 15),
        (5, 7, 9),
    ]
    assert [program.operations[0].what.stride for program in (first, second)] == [(1,), (2,)]
    assert [program.operations[1].what.reads(0) for program in (first, second)] == [
        (True, False),
        (False, False),
    ]
    assert first.ndim == second.ndim == 1
    block = program_of(em.Conv((3, 5)) ** 4).along(1).operations[0].what
    assert (block.n, block.program.operations[0].what.kernel.shape) == (4, (5,))


class Count:
    """The number of paths."""

    def __init__(self, n=1):
        self.n = n

    def through(self, stage):
        return self

    def through_block(self, block):
        return Count(self.n * pull_back(block.program, Count()).n ** block.n)

    @classmethod
    def total(cls, parts):
        return cls(sum(gain * part.n for gain, part in parts)) if parts[0][0] != 7 else None


def test_what_nothing_is_left_of_is_not_followed():
    net = em.Residual(em.Conv(3, padding=1), 2) ** 3
    assert pull_back(program_of(net), Count()).n == 27
    assert pull_back(program_of(em.Sum([em.Conv(1)], [7])), Count()) is None
    with pytest.raises(TypeError, match="a program with an unbounded layer has no finite response"):
        pull_back(program_of(em.GlobalContext()), Count())
    halves = pull_back(program_of(net, unrolled=True), Count(), lambda index, whole: Count(whole.n / 2))
    assert halves.n == sum(math.comb(3, k) * 2**k / 2 ** (k + 3) for k in range(4))
    assert pull_back(program_of(net), Count(), lambda index, whole: None) is None


@pytest.mark.parametrize(
    ("net", "reads"),
    [
        (em.Conv(3, 2, padding=1), [(-1, 0, 1), (1, 2, 3)]),
        (em.Conv(2, dilation=3, padding=(4, 0)), [(-4, -1), (-3, 0)]),
        (em.ConvTranspose([1, 2, 3], 2, padding=1), [(0,), (0, 1)]),
        (em.Pad([(2, 0)]), [(-2,), (-1,)]),
        (em.Slice(2, None, 3), [(2,), (5,)]),
        (em.Upsample(2), [(0,), (0,)]),
        (em.Upsample(2, "linear"), [(-1, 0), (0, 1)]),
        (em.Pool(2), [(0, 1), (2, 3)]),
    ],
    ids=repr,
)
def test_what_units_read(net, reads):
    for unit, places in enumerate(reads):
        (phases,) = em.receptive_field(net).all_phases
        move = unit // len(phases) * em.receptive_field(net).period
        runs = phases[unit % len(phases)].runs
        assert [move + x for a, b in runs for x in range(a, b + 1)] == list(places)


def test_units_of_programs_by_hand():
    program = program_of(em.Conv(3) >> em.Conv(5))
    assert isinstance(program, Program)
    assert [span.operations for span in program.spans] == [slice(0, 1), slice(1, 2)]
    assert program_of(em.Identity(), 3).ndim == 3
    assert program_of(em.Identity()).ndim == 1
    assert program_of(em.Conv((3, 3)), 1).ndim == 2
    assert program_of(em.Conv(3)) is program_of(em.Conv(3)) or program_of(em.Conv(3)).output == 1
