"""Arguments up to their limits are taken, and beyond them are refused by their names."""

import math
import re
from fractions import Fraction

import pytest

import erfmath as em
from erfmath.laws.rules import Rule

D = em.distribution([1, 2, 1], 4)
TABLE = em.LatticeDistribution([0.25, 0.75])
HALVES = em.sum_of({0: 0.5, 0.5: 0.5}, 3)
PLANE = em.distribution([[1, 2], [3, 1]], 2)
NET = em.Conv(3, padding=1) ** 3
FARTHEST = 2**62

LIMITS = {
    "a coarse step": (
        lambda step: em.sum_of({0: 0.5, step: 0.5}, step=step).lattice[1],
        [Fraction(3 * 10**280 - 1, 3), Fraction(1, 10**280)],
        [Fraction(3 * 10**280 + 1, 3), 10**280, 0, -1],
        "step",
    ),
    "scaled up": (
        lambda factor: TABLE.scaled(factor).lattice[1],
        [Fraction(10**281 - 1, 10), Fraction(1, 10**280)],
        [Fraction(10**281 + 1, 10), Fraction(1, 10**280 + 1)],
        "the step between values must lie between 1e-280 and 1e280",
    ),
    "the first point": (
        lambda offset: em.LatticeDistribution([1.0], offset).support(),
        [FARTHEST, -FARTHEST],
        [FARTHEST + 1, -FARTHEST - 1],
        "offset must be at ",
    ),
    "the last point": (
        lambda offset: em.distribution(em.Kernel([1, 1], offset)).support(),
        [FARTHEST - 2, 1 - FARTHEST],
        [FARTHEST - 1, -FARTHEST],
        "the support leaves the 62-bit integers",
    ),
    "copies": (lambda n: em.distribution([1, 1], n).mean(), [0, 10**15], [-1, 10**15 + 1], "n must be at "),
    "copies of a sum": (lambda n: em.sum_of([0.5, 0.5], n).mean(), [0, 10**15], [-1, 10**15 + 1], "n must "),
    "cumulants": (D.cumulants, [1, 100], [0, 101], "order must be at "),
    "moments": (D.moment, [0, 100], [-1, 101], "order must be at "),
    "an expansion": (em.central_limit(D).edgeworth, [0, 8], [-1, 9], "order must be at "),
    "axes": (
        lambda ndim: em.effective_field([1], "sigma", ndim=ndim).count,
        [1, 32],
        [0, 33],
        "ndim must be at ",
    ),
    "depths": (lambda depth: len(em.growth([1, 1, 1], [depth, 7])), [1, 2], [0, -1], "depths must be at "),
    "a level": (
        lambda level: em.effective_field(D, level=level).count,
        [1e-300, 1 - 1e-16],
        [0, 1, -0.5, math.nan],
        "level must lie strictly between 0 and 1",
    ),
    "a share": (
        lambda share: em.effective_field(D, "mass", share=share).count,
        [1e-9, 1 - 1e-16],
        [0, 1, 1.5, math.nan],
        "share must lie strictly between 0 and 1",
    ),
    "a level of a rule": (
        lambda level: Rule(level=level).share,
        [1e-300, 1 - 1e-16],
        [0, 1],
        "level must lie strictly between 0 and 1",
    ),
    "a confidence": (
        D.interval,
        [0, 1, 0.5],
        [-1e-9, 1 + 1e-9],
        "confidence must lie between 0 and 1",
    ),
    "a tail": (D.window, [1e-300, 0.999], [0, 1], "tail must lie strictly between 0 and 1"),
    "a sum of probabilities": (
        lambda rest: em.LatticeDistribution([0.5, rest]).mean(),
        [0.5, 0.5 + 0.9e-9, 0.5 - 0.9e-9],
        [0.5 + 1.1e-9, 0.5 - 1.1e-9],
        "probabilities must sum to 1",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_reaches_a_limit_is_taken_and_what_exceeds_it_is_named(name):
    reading, taken, refused, words = LIMITS[name]
    for value in taken:
        assert reading(value) is not None
    for value in refused:
        with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
            reading(value)


@pytest.mark.parametrize(
    "law", [D, TABLE, HALVES, em.mixture([D, TABLE], [0.5, 0.5]), D.given(1, 5)], ids=repr
)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("law.interval('a')", "confidence must be real numbers, got 'a'"),
        ("law.ppf('a')", "q must be real numbers, got 'a'"),
        ("law.isf('a')", "q must be real numbers, got 'a'"),
        ("law.pmf('a')", "x must be real numbers, got 'a'"),
        ("law.enclose('a')", "x must be real numbers, got 'a'"),
        ("law.window('a')", "tail must be a number between 0 and 1, got 'a'"),
        ("law.cumulants('a')", "order must be an int, got 'a'"),
        ("law.moment('a')", "order must be an int, got 'a'"),
        ("law.given('a')", "low must be a real number, got 'a'"),
        ("law.given(high='a')", "high must be a real number, got 'a'"),
        ("law.scaled('a')", "factor must be a real number, got 'a'"),
        ("law + 'a'", "other must be a real number, got 'a'"),
        ("law - 'a'", "other must be a real number, got 'a'"),
        ("law.convolve('a')", "other must be a LatticeDistribution or another distribution on one"),
        ("1.5 * law", "n must be an int, the number of independent copies, got 1.5"),
        ("law.rvs('a')", "size must be None, an int or a tuple of ints, got 'a'"),
        ("law.rvs(rng='a')", "rng must be a numpy.random.Generator, a seed"),
        ("law.expect('a')", "func must be a function of an array of points, got 'a'"),
        ("law.expect(lambda x: 'a')", "the values of func must be real numbers, got 'a'"),
        ("law.plot('a')", "ax must be Matplotlib axes or None, got 'a'"),
    ],
)
def test_every_kind_names_what_is_of_another_type(law, code, words):
    with pytest.raises(TypeError, match=f"^{re.escape(words)}"):
        eval(code)


@pytest.mark.parametrize("law", [D, TABLE, HALVES], ids=repr)
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("law.kurtosis(3)", "convention must be one of 'non-excess', 'excess', got 3"),
        ("law.moment(2, 3)", "kind must be one of 'raw', 'central', 'standardized', got 3"),
        ("law.enclose(0, 3)", "kind must be one of 'pmf', 'cdf', 'sf', got 3"),
        ("law.stats(3)", "moments must be letters of 'mvsk', got 3"),
        ("law.stats('')", "moments must be letters of 'mvsk', got ''"),
        ("law.given(7, 3)", "no probability lies between low=7 and high=3"),
        ("law.expect(lambda x: [1, 2, 3])", "func must return one number per point, got shape"),
    ],
)
def test_names_of_other_things_are_named(law, code, words):
    with pytest.raises(ValueError, match=f"^{re.escape(words)}"):
        eval(code)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        ("em.mixture(3, [1.0])", TypeError, "distributions must be a sequence of distributions, got 3"),
        (
            "em.mixture([D, 3], [0.5, 0.5])",
            TypeError,
            "distributions must be a LatticeDistribution or another",
        ),
        ("em.mixture([D], ['a'])", TypeError, "weights must be real numbers, got ['a']"),
        ("em.mixture([D], [True])", TypeError, "weights must be numbers, got booleans: [True]"),
        ("em.mixture([D, D], [0.5, 0.4])", ValueError, "weights must sum to 1, got 0.9"),
        ("em.mixture([D, D], [1.0])", ValueError, "weights must be 2 numbers, one per distribution"),
        ("em.mixture([D], [])", ValueError, "weights must not be empty"),
        ("em.compound_sum(D, PLANE)", TypeError, "terms must be a distribution or another"),
        ("em.compound_sum(PLANE, D)", TypeError, "number must be a LatticeDistribution or another"),
        ("em.compound_sum(D - 3, D)", ValueError, "number must be a distribution on 0, 1, 2, .."),
        ("em.JointDistribution.independent([D])", ValueError, "marginals must be two distributions or"),
        (
            "em.JointDistribution.independent([D, 3])",
            TypeError,
            "marginals must be a LatticeDistributi",
        ),
        ("em.JointDistribution([0.5, 0.5])", ValueError, "probabilities must have two axes or more"),
        ("em.JointDistribution([[0.5, 0.5]], 'a')", TypeError, "offset must be "),
        ("PLANE.pmf('a')", TypeError, "x must be real numbers, got 'a'"),
        ("PLANE.pmf([1, 2, 3])", ValueError, "x must hold 2 coordinates on its last axis"),
        ("em.growth([1, 1], 5)", TypeError, "depths must be a sequence of ints, got 5"),
        ("em.growth([1, 1], ['a', 5])", TypeError, "depths must be an int, got 'a'"),
        ("em.growth([1, 1], [3, 5], profile='a')", ValueError, "profile must be one of 'mean', "),
        (
            "em.growth([1, 1], [3, 5], convention='a')",
            ValueError,
            "convention must be one of 'luo2016'",
        ),
        ("em.effective_field(NET, borders=3)", TypeError, "borders must be a bool, got 3"),
        ("em.effective_field(NET, ndim='a')", TypeError, "ndim must be an int, got 'a'"),
        ("em.effective_field(NET, level='a')", TypeError, "level must be a number between 0 and 1, got 'a'"),
        ("em.effective_field(NET, share='a')", TypeError, "share must be a number between 0 and 1, got 'a'"),
        (
            "em.effective_field(NET, 'a')",
            ValueError,
            "definition must be one of 'sigma', 'two_sigma', ",
        ),
        ("em.effective_field(NET, ref='a')", ValueError, "ref must be one of 'centre', 'max', got 'a'"),
        ("em.effective_field(PLANE, ndim=1)", ValueError, "ndim must be 2 or None for 2 axes, got 1"),
        ("Rule('square', 'middle')", ValueError, "ref must be one of 'centre', 'max', 'picture', got"),
        ("Rule(level='a')", TypeError, "level must be a number between 0 and 1, got 'a'"),
        ("Rule(profile='a')", ValueError, "profile must be one of 'mean', 'variance', 'std', got 'a'"),
        ("em.central_limit([1, 1], 'a')", TypeError, "n must be an int, got 'a'"),
        ("em.central_limit(D).edgeworth('a')", TypeError, "order must be an int, got 'a'"),
        ("em.central_limit(D).cumulants('a')", TypeError, "order must be an int, got 'a'"),
        ("em.sum_of([1.0], 'a')", TypeError, "n must be an int, got 'a'"),
        ("em.sum_of([1.0], step='a')", TypeError, "step must be a real number, got 'a'"),
        ("em.sum_of([1.0], normalize=3)", TypeError, "normalize must be a bool, got 3"),
        ("em.sum_of(3)", TypeError, "outcomes must be {value: probability}, a sequence of prob"),
        ("em.sum_of([D, PLANE])", ValueError, "outcomes[1] must have one axis, got <JointDistribution"),
        ("em.distribution(D, 2, at=3)", ValueError, "at and input_size are for networks"),
        ("em.distribution([1, 1], at=0)", ValueError, "at and input_size are for networks"),
        ("em.distribution([1, 1], input_size=9)", ValueError, "at and input_size are for networks"),
        ("em.LatticeDistribution(['a'])", TypeError, "probabilities must be real numbers, got ['a']"),
        ("em.LatticeDistribution([1.0], 'a')", TypeError, "offset must be an int, got 'a'"),
    ],
)
def test_functions_name_what_they_cannot_take(code, error, words):
    with pytest.raises(error, match=f"^{re.escape(words)}"):
        eval(code)


@pytest.mark.parametrize(
    ("given", "ending"),
    [
        (3, "or a sequence of these, got 3"),
        (iter([1.0]), "; take list() of it"),
    ],
    ids=["int", "iterator"],
)
def test_what_may_be_meant_is_said_at_the_end(given, ending):
    with pytest.raises(TypeError, match=f"{re.escape(ending)}$"):
        em.sum_of(given)
