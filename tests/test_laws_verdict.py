"""Verdicts are values: each kind, its readings, and a sentence that says what is meant."""

import pickle

import pytest
from hypothesis import given
from scipy import stats

import erfmath as em
from erfmath.laws.verdict import GAUSSIAN, LARGE_SHARE, ordinal
from erfmath.strategies import kernels

KINDS = [
    (
        lambda: em.central_limit([1, 1, 1], 40),
        "gaussian",
        "Gaussian: cumulative probabilities are within 0.00053",
    ),
    (lambda: em.central_limit([1, 0, 1], 400), "lattice", "Gaussian on every 2nd point"),
    (
        lambda: em.central_limit(em.zoo.wavenet()),
        "one layer dominates",
        "one layer holds 75% of the variance",
    ),
    (lambda: em.central_limit([1, 9], 5), "skewness", "skewness -1.2"),
    (lambda: em.central_limit([1] * 9), "tails", "not Gaussian: a cumulative probability is 0.056 off"),
    (lambda: em.central_limit([1], 7), "point", "a single point"),
]


@pytest.mark.parametrize(("make", "kind", "words"), KINDS, ids=[kind for _, kind, _ in KINDS])
def test_each_kind_has_its_sentence(make, kind, words):
    verdict = make().verdict
    assert verdict.kind == kind
    assert words in str(verdict)
    assert verdict.is_gaussian == (kind in ("gaussian", "lattice"))
    assert pickle.loads(pickle.dumps(verdict)) == verdict


@pytest.mark.parametrize(
    ("case", "headline", "reason"),
    [
        (([1, 1, 1], 40), "Gaussian: cumulative probabilities are within 0.00053 of the normal's", ""),
        (
            ([1, 0, 1], 400),
            "Gaussian on every 2nd point: cumulative probabilities are within 6.8e-05 of the normal's",
            "",
        ),
        (
            ([1, 0, 0, 9], 5),
            "not Gaussian on every 3rd point: a cumulative probability is 0.09 off the normal's",
            "excess kurtosis 1, skewness -1.2",
        ),
        (
            ([1] * 9,),
            "not Gaussian: a cumulative probability is 0.056 off the normal's",
            "excess kurtosis -1.2",
        ),
        (
            (em.Product([([1, 1], 1, 2**layer) for layer in range(10)]),),
            "not Gaussian: a cumulative probability is 0.057 off the normal's",
            "one layer holds 75% of the variance",
        ),
        (([1], 7), "a single point: there is nothing to approximate", ""),
    ],
)
def test_a_sentence_is_its_headline_and_its_reason(case, headline, reason):
    verdict = em.central_limit(*case).verdict
    assert (verdict.headline, verdict.reason) == (headline, reason)
    assert str(verdict) == (f"{headline}; {reason}" if reason else headline)


def test_a_verdict_as_a_dictionary():
    found = em.central_limit(em.Product([([1, 9], 5, 3)])).verdict.to_dict()
    assert found.pop("distance") == pytest.approx(0.9**5 - 0.5)  # at 4, half a step below the mean
    assert found.pop("skewness") == pytest.approx(-0.8 / 0.45**0.5)
    assert found.pop("excess_kurtosis") == pytest.approx((1 - 6 * 0.09) / 0.45)
    assert found.pop("share") == pytest.approx(1 / 5)
    text = "not Gaussian on every 3rd point: a cumulative probability is 0.09 off the normal's"
    assert found == {
        "kind": "skewness",
        "layer": 3,
        "span": 3,
        "text": f"{text}; excess kurtosis 1, skewness -1.2",
    }
    assert em.central_limit([1], 7).verdict.to_dict() == {
        "kind": "point",
        "distance": 0.0,
        "share": 1.0,
        "layer": None,
        "skewness": 0.0,
        "excess_kurtosis": 0.0,
        "span": 0,
        "text": "a single point: there is nothing to approximate",
    }


@given(kernels(max_side=6))
def test_a_verdict_holds_the_readings_of_the_limit(kernel):
    limit = em.central_limit(kernel, 3)
    verdict = limit.verdict
    if not limit.var:
        assert verdict.kind == "point"
        return
    assert verdict.distance == limit.corrected_distance
    assert (verdict.share, verdict.span) == (limit.lindeberg_share, limit.span)
    assert (verdict.skewness, verdict.excess_kurtosis) == (limit.skewness, limit.excess_kurtosis)
    assert verdict.is_gaussian == (verdict.distance <= GAUSSIAN)
    assert (verdict.kind == "one layer dominates") == (
        not verdict.is_gaussian and verdict.share > LARGE_SHARE
    )


def test_the_layer_is_the_one_with_the_largest_share():
    verdict = em.central_limit(em.Product([([1, 1, 1], 4, 1), ([1, 1], 1, 9)])).verdict
    assert verdict.layer.step == (9,)
    assert verdict.share == pytest.approx((81 / 4) / (81 / 4 + 4 * 2 / 3))


def test_the_distance_is_that_of_the_binomial():
    verdict = em.central_limit([1, 1], 10).verdict
    truth = max(
        abs(stats.binom(10, 0.5).cdf(t) - stats.norm(5, 2.5**0.5).cdf(t + 0.5)) for t in range(-1, 11)
    )
    assert verdict.distance == pytest.approx(truth, rel=1e-12)


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 111, 101, 102, 113, 211, 222)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th",
        "101st", "102nd", "113th", "211th", "222nd",
    ]  # fmt: skip
