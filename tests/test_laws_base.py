"""What every kind of distribution inherits: the help of the methods that it overrides."""

import functools
import inspect

import pytest

import erfmath as em
from erfmath.laws.base import Distribution


@pytest.fixture
def kind():
    """A kind of distribution, made while a test runs."""

    class Kind(em.LatticeDistribution):
        """A distribution of its own."""

        def pmf(self, x):
            """Return it in another way."""
            return super().pmf(x)

        def sf(self, x):
            """Return it.

            Notes
            -----
            Its own section.
            """
            return super().sf(x)

        def cdf(self, x):
            return super().cdf(x)

        def volume(self):
            """Return what no other kind has."""
            return 1.0

        @property
        def polynomial(self):
            """None as well."""
            return super().polynomial

        @functools.cached_property
        def lattice(self):
            """The integers."""
            return super().lattice

        def _of_kinds(self):
            """Return what no user asks for.

            Notes
            -----
            None.
            """

        ccdf = "none"

    return Kind


def sections_of(entry):
    """What an entry's help has from its first section on."""
    text = inspect.getdoc(entry)
    return text[text.index("\n\n") :]


def test_a_method_that_overrides_one_takes_over_its_sections(kind):
    for name, own in (
        ("pmf", "Return it in another way."),
        ("polynomial", "None as well."),
        ("lattice", "The integers."),
    ):
        above = getattr(em.LatticeDistribution, name)
        assert vars(kind)[name].__doc__ == own + sections_of(above)
        assert "Examples\n--------" in vars(kind)[name].__doc__


def test_other_help_is_as_it_is_written(kind):
    assert inspect.getdoc(kind.sf) == "Return it.\n\nNotes\n-----\nIts own section."
    assert kind.__dict__["cdf"].__doc__ is None
    assert kind.volume.__doc__ == "Return what no other kind has."
    assert kind.ccdf == "none"

    class Below(kind):
        """A kind of that kind."""

        def _of_kinds(self):
            """Return it."""

    assert Below._of_kinds.__doc__ == "Return it."


@pytest.mark.parametrize("kind", [em.LatticeDistribution, em.JointDistribution, Distribution])
def test_no_distribution_with_another_number_of_axes_is_taken_for_one(kind):
    plane = em.distribution([[1, 2], [2, 4]])
    for other in (plane, 3, None, kind):
        with pytest.raises(
            TypeError, match=r"other must be a LatticeDistribution or another distribution on"
        ):
            em.distribution([1, 1]).convolve(other)


@pytest.mark.parametrize(
    "law",
    [
        em.distribution([1, 2], 3),
        em.LatticeDistribution([0.5, 0.5]),
        em.sum_of({0.5: 0.5, 1: 0.5}),
        em.mixture([em.LatticeDistribution([0.5, 0.5], k) for k in (0, 3)], [0.5, 0.5]),
        em.distribution([1, 2], 30).given(2, 9),
    ],
    ids=repr,
)
def test_a_distribution_on_one_axis_is_its_own_marginal(law):
    assert (law.ndim, law.is_independent, law.bounds) == (1, True, (law.support(),))
    assert law.marginals == (law,)
    assert law.marginal(0) is law
    assert law.marginal(-1) is law
    for axis in (1, -2):
        with pytest.raises(ValueError, match="axis must "):
            law.marginal(axis)


def test_a_distribution_on_several_axes_has_a_marginal_for_each():
    for law, is_independent in (
        (em.distribution([[1, 2], [2, 4]], 3), True),
        (em.distribution([[1, 2], [3, 1]], 3), False),
    ):
        assert (law.ndim, law.is_independent) == (2, is_independent)
        assert law.bounds == law.support() == ((0, 3), (0, 3))
        assert [law.marginal(axis) for axis in (0, 1)] == [*law.marginals]
        assert law.marginal(-1) == law.marginals[1]
        grid = law.probabilities()
        for axis, part in enumerate(law.marginals):
            assert part.probabilities() == pytest.approx(grid.sum(axis=1 - axis), rel=1e-13)
