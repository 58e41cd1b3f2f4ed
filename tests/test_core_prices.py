"""What rows and readings are priced at, why a method is taken, and that counted operations bear it out."""

import math
from fractions import Fraction

import numpy as np
import pytest

import erfmath as em
from benchmarks import counted
from erfmath.core import prices, readings

PLUS = np.array([[0, 1, 0], [1, 4, 1], [0, 1, 0]]) / 8
PRODUCTS = {
    "short": em.Product([([1, 2, 1], 40)]),
    "box": em.Product([([1 / 256] * 300, 16)]),
    "long": em.Product([([0.25, 0.5, 0.25], 5000)]),
    "rare": em.Product([([1] + [0] * 32 + [1] + [0] * 16 + [1] + [0] * 49 + [1], 64)]),
    "lattice": em.Product([(np.where(np.arange(30) % 3 == 0, 1.0, 1e-6), 64)]),
    "bell": em.Product([(np.exp2(-((np.arange(-150, 151) / 64.0) ** 2)), 16)]),
    "geometric": em.Product([(0.5 ** np.arange(12), 700)]),
    "lopsided": em.Product([([0.99, 0.01], 5000)]),
    "fractions": em.Product([([Fraction(1, 3), Fraction(2, 3)], 1900)]),
    "steps": em.Product([([0.25, 0.5, 0.25], 20, 1), ([0.25] * 4, 90, 7)]),
    "many": em.Product([([0.5, j / 160, 0.25], 15, 1) for j in range(1, 81)]),
    "two axes": em.Product([(np.outer([1, 2, 1], [1, 1]) / 8, 90)]),
    "plus": em.Product([(PLUS, 30)]),
    "wholes": em.Product([([1, -2, 3], 12)]),
    "cancelling": em.Product([([0.5, 0.3, -0.2], 300)]),
    "far": em.Product([([0.5, 0.25, -0.25], 30_000)]),
    "alternating": em.Product([([0.5, -0.5], 3000)]),
}

# As they were when rows of these kinds were counted and timed: `python -m benchmarks.counted`.
# Method, operations, bytes, bound of the error, relative to what.
CANDIDATES = {
    "short": [
        ("direct", 2304.0, 1944, 1.45494104e-14, "each coefficient"),
        ("fft", 2001.923425, 2592, 1.518491333e-13, "max |P|^n"),
        ("saddle", 240576601.0, 5832, 1e-12, "each coefficient"),
        ("rounded", 418149.0, 5400, 1.110223025e-16, "each coefficient"),
        ("exact", 243.0, 3726, 0.0, ""),
    ],
    "box": [
        ("direct", 3804029.5, 114840, 7.129760435e-14, "each coefficient"),
        ("fft", 164839.4668, 153120, 1.073866127e-13, "max |P|^n"),
        ("saddle", 228168451.6, 344520, 1e-12, "each coefficient"),
        ("rounded", 939016352.6, 351959, 1.110223025e-16, "each coefficient"),
    ],
    "long": [
        ("direct", 7772819.882, 149727, 7.272006741e-13, "each coefficient"),
        ("fft", 525812.5938, 320032, 3.395265005e-11, "max |P|^n"),
        ("saddle", 30119501.0, 173608, 1e-12, "each coefficient"),
        ("rounded", 197136378.3, 13894722, 1.110223025e-16, "each coefficient"),
    ],
    "rare": [
        ("direct", 13616832.0, 153624, 1.054008318e-13, "each coefficient"),
        ("fft", 251486.4177, 204832, 4.227131105e-13, "max |P|^n"),
        ("saddle", 6401006401.0, 204832, 1e-12, "each coefficient"),
        ("rounded", 37605021.53, 467699, 1.110223025e-16, "each coefficient"),
        ("exact", 646501.0, 332852, 0.0, ""),
    ],
    "lattice": [
        ("direct", 1151625.0, 44497, 5.998189906e-14, "each coefficient"),
        ("fft", 66330.3122, 59424, 3.711783221e-13, "max |P|^n"),
        ("saddle", 246906220.9, 133704, 1e-12, "each coefficient"),
        ("rounded", 423693280.1, 1297573, 1.110223025e-16, "each coefficient"),
    ],
    "bell": [
        ("direct", 3829502.0, 115220, 7.141404216e-14, "each coefficient"),
        ("fft", 165436.8878, 153632, 1.074229713e-13, "max |P|^n"),
        ("saddle", 223816805.7, 345672, 1e-12, "each coefficient"),
        ("rounded", 2162098616.0, 935434, 1.110223025e-16, "each coefficient"),
    ],
    "geometric": [
        ("direct", 9423517.77, 113208, 2.149564114e-13, "each coefficient"),
        ("fft", 352875.4901, 246432, 4.641838863e-12, "max |P|^n"),
        ("saddle", 242964229.5, 554472, 1e-12, "each coefficient"),
        ("rounded", 841797132.0, 9056122, 1.110223025e-16, "each coefficient"),
    ],
    "lopsided": [
        ("direct", 566380.4313, 49714, 6.892698363e-13, "each coefficient"),
        ("fft", 252933.47, 160032, 3.173208027e-11, "max |P|^n"),
        ("saddle", 548783644.9, 53178, 1e-12, "each coefficient"),
        ("rounded", 14186281690.0, 196986056, 1.110223025e-16, "each coefficient"),
    ],
    "fractions": [
        ("direct", 1189402.546, 40372, 2.838559719e-13, "each coefficient"),
        ("fft", 83238.33242, 60832, 1.088405983e-11, "max |P|^n"),
        ("saddle", 1000049970.0, 53673, 1e-12, "each coefficient"),
        ("rounded", 15304408.27, 869752, 1.110223025e-16, "each coefficient"),
        ("exact", 3802.0, 1497988, 0.0, ""),
    ],
    "steps": [
        ("direct", 36904.0, 46344, 7.5916279e-14, "each coefficient"),
        ("fft", 130658.2523, 61792, 6.36637277e-13, "max |P|^n"),
        ("saddle", 1000078206.0, 61792, 1e-12, "each coefficient"),
        ("rounded", 21950964.33, 164778, 1.110223025e-16, "each coefficient"),
    ],
    "many": [
        ("direct", 2893359.0, 57624, 2.533777631e-13, "each coefficient"),
        ("fft", 5850764.651, 76832, 7.055926086e-12, "max |P|^n"),
        ("saddle", 1001018817.0, 73367, 1e-12, "each coefficient"),
        ("rounded", 700471930700.0, 17187042, 1.110223025e-16, "each coefficient"),
    ],
    "two axes": [
        ("direct", 30778.0, 134664, 1.218652688e-13, "each coefficient"),
        ("fft", 692036.5796, 527072, 6.469026594e-13, "max |P|^n"),
        ("saddle", 481058125.6, 149176, 1e-12, "each coefficient"),
        ("rounded", 1390723.0, 144800, 3.330669074e-16, "each coefficient"),
    ],
    "plus": [
        ("direct", 4714611.0, 89304, 6.461986572e-14, "each coefficient"),
        ("fft", 125485.9795, 119072, 1.908276714e-13, "max |P|^n"),
        ("saddle", 755842392.9, 4432448, 1e-12, "each coefficient"),
        ("rounded", 23966961.0, 253028, 1.110223025e-16, "each coefficient"),
    ],
    "wholes": [
        ("direct", 242.0, 600, 0.0, "each coefficient"),
        ("fft", 435.0219859, 800, 3.835604299e-14, "max |P|^n"),
        ("saddle", 25000025.0, 800, 1e-12, "each coefficient"),
        ("rounded", 127262.3835, 1503, 1.110223025e-16, "each coefficient"),
        ("exact", 75.0, 1000, 0.0, ""),
    ],
    "cancelling": [
        ("direct", 121589.0, 14424, 6.88533436e-14, "the same coefficient of |w|"),
        ("fft", 21916.81085, 19232, 1.501286906e-12, "max |P|^n"),
        ("rounded", 104449593.0, 1331816, 1.110223025e-16, "each coefficient"),
    ],
    "far": [
        ("direct", 150855772.0, 683091, 3.529428408e-12, "the same coefficient of |w|"),
        ("fft", 3704788.502, 1920032, 2.381201194e-10, "max |P|^n"),
        ("rounded", 25272961210.0, 483368056, 1.110223025e-16, "each coefficient"),
    ],
    "alternating": [
        ("direct", 1498667.42, 60531, 4.308145844e-13, "each coefficient"),
        ("fft", 141357.353, 96032, 1.805987983e-11, "max |P|^n"),
        ("saddle", 1000064404.0, 75274, 1e-12, "each coefficient"),
        ("rounded", 24119037.0, 1368456, 1.110223025e-16, "each coefficient"),
    ],
}
# Operations by windows, by pieces; whether phi has one peak, windows and convolution are taken.
PRICES = {
    "short": (240576520.0, 1000014025.0, True, True, True),
    "box": (228163666.6, 4785000000.0, False, True, True),
    "long": (math.inf, 30109500.0, True, False, True),
    "rare": (math.inf, 6401000000.0, False, False, True),
    "lattice": (246904363.9, 1857000000.0, False, True, True),
    "bell": (223812004.7, 2177106993.0, True, True, True),
    "geometric": (242956528.5, 1000120318.0, True, True, True),
    "lopsided": (math.inf, 548778643.9, False, False, True),
    "fractions": (math.inf, 1000048069.0, True, False, True),
    "steps": (math.inf, 1000076275.0, True, False, True),
    "many": (math.inf, 1001016416.0, True, False, True),
}
# Method, operations, bytes, bound of the error of one number.
READINGS = {
    "short": [
        ("table", 7560.0, 2592, 3.786628942e-14),
        ("saddle", 4500.0, 1200, 1.27632e-12),
        ("tilted", 10460.0, 8384, 1.027632e-11),
    ],
    "box": [
        ("table", 11450368.5, 153120, 1.025135467e-13),
        ("saddle", 584796.9733, 297425, 1.27632e-12),
        ("tilted", 1214960.0, 543488, 1.027632e-11),
    ],
    "long": [
        ("saddle", 4500.0, 1200, 1.27632e-12),
        ("tilted", 103900.0, 65728, 1.027632e-11),
    ],
    "rare": [
        ("table", 40901704.0, 204832, 1.419896465e-13),
        ("saddle", 210076.4538, 114424, 1.27632e-12),
        ("tilted", 1115460.0, 530752, 1.027632e-11),
    ],
    "lattice": [
        ("table", 3469731.0, 59353, 9.644754835e-14),
        ("saddle", 45000.0, 12000, 1.27632e-12),
        ("tilted", 240280.0, 132992, 1.027632e-11),
    ],
    "bell": [
        ("table", 11526914.0, 153628, 1.026304182e-13),
        ("saddle", 439993.5722, 229076, 1.27632e-12),
        ("tilted", 1215460.0, 543552, 1.027632e-11),
    ],
    "geometric": [
        ("table", 28332161.31, 174816, 3.22190647e-13),
        ("saddle", 18000.0, 4800, 1.27632e-12),
        ("tilted", 108400.0, 66304, 1.027632e-11),
    ],
    "lopsided": [
        ("table", 1739149.294, 89722, 1.273826789e-12),
        ("saddle", 3000.0, 800, 1.27632e-12),
        ("tilted", 21480.0, 16512, 1.027632e-11),
    ],
    "fractions": [
        ("table", 3583415.637, 55580, 5.241597611e-13),
        ("saddle", 3000.0, 800, 1.27632e-12),
        ("tilted", 47080.0, 32896, 1.027632e-11),
    ],
    "steps": [
        ("table", 126160.0, 61792, 1.1749096e-13),
        ("saddle", 10500.0, 2800, 1.27632e-12),
        ("tilted", 341420.0, 131520, 1.027632e-11),
    ],
    "many": [
        ("table", 8699285.0, 76832, 4.159794931e-13),
        ("saddle", 360000.0, 96000, 1.27632e-12),
        ("tilted", 4267200.0, 80896, 1.027632e-11),
    ],
}

REASONS = [
    ([1, 2, 1], 40, "direct", "every coefficient keeps its digits, and the row is short"),
    (
        [0.25, 0.5, 0.25],
        5000,
        "direct",
        "every coefficient keeps its digits, and it takes the fewest operations",
    ),
    (
        [0.25, 0.5, 0.25],
        100_000,
        "saddle",
        "every coefficient keeps its digits; those that underflow cost nothing",
    ),
    (
        [1] + [0] * 300 + [1] + [0] * 77 + [1],
        100,
        "rounded",
        "taps that are few and far between are quickest in whole numbers",
    ),
    ([1, 2, -3], 12, "direct", "signed whole numbers below 2^53, which floats hold"),
    ([0.5, 0.3, -0.2], 300, "rounded", "signed weights may cancel, and whole numbers are quick here"),
    ([0.5, 0.25, -0.25], 30_000, "fft", "signed weights, and the FFT is faster at this length"),
    (PLUS, 30, "direct", "every coefficient keeps its digits, and the grid is small"),
    (PLUS, 400, "saddle", "every coefficient keeps its digits; the axes do not separate"),
]


@pytest.mark.parametrize("name", PRODUCTS)
def test_candidates_have_their_prices(name):
    found = [
        (c.method, c.operations, c.memory, c.error, c.relative_to) for c in em.plan(PRODUCTS[name]).candidates
    ]
    assert [row[::4] for row in found] == [row[::4] for row in CANDIDATES[name]]
    for ours, truth in zip(found, CANDIDATES[name], strict=True):
        assert ours[1:4] == pytest.approx(truth[1:4], rel=1e-8), truth[0]


@pytest.mark.parametrize("name", PRICES)
def test_windows_and_pieces_have_their_prices(name):
    polynomial, (windows, pieces, has_one_peak, takes_windows, takes_convolution) = (
        PRODUCTS[name],
        PRICES[name],
    )
    assert prices.windows_operations(polynomial) == pytest.approx(windows, rel=1e-8)
    assert prices.pieces_operations(polynomial) == pytest.approx(pieces, rel=1e-8)
    assert prices.has_one_peak(polynomial) == has_one_peak
    assert prices.takes_windows(polynomial) == takes_windows
    assert prices.takes_convolution(polynomial) == takes_convolution


@pytest.mark.parametrize("name", READINGS)
def test_numbers_of_a_distribution_have_their_prices(name):
    for reading, times in (("point", 1), ("tail", 1), ("quantile", 10)):
        found = readings.costs(PRODUCTS[name], reading)
        assert list(found) == [method for method, *_ in READINGS[name]]
        for method, operations, memory, error in READINGS[name]:
            cost = found[method]
            searched = operations if method == "table" else times * operations
            assert (cost.operations, cost.memory, cost.error) == pytest.approx(
                (searched, memory, error), rel=1e-8
            )


@pytest.mark.parametrize("name", ["box", "long", "rare", "lattice", "geometric", "fractions"])
def test_counted_operations_bear_out_the_prices(name, monkeypatch):
    """Multiply-adds of convolution within a factor of four, those of whole numbers within one of five."""
    monkeypatch.setattr(counted, "CALL", 0.0)
    (factor,) = PRODUCTS[name].factors
    price = {c.method: c.operations for c in em.plan(PRODUCTS[name]).candidates}
    assert 0.25 < counted.counted_row(factor.kernel, factor.n, "direct") / price["direct"] < 4
    assert 0.2 < counted.counted_row(factor.kernel, factor.n, "rounded") / price["rounded"] < 5


@pytest.mark.parametrize(("kernel", "n", "method", "reason"), REASONS)
def test_the_reason_is_that_of_the_method(kernel, n, method, reason):
    made = em.plan(em.Kernel(kernel), n)
    assert (made.method, made.reason) == (method, reason)


def test_peaks_off_the_grid_are_found_on_finer_ones():
    weights = np.zeros(12)
    weights[[0, 3, 5, 11]] = 0.5, 0.2, 0.2, 0.1
    shares, size = [(weights, 9), (np.array([0.5, 0.5]), 4)], 64

    def bits(turns):
        modulus = np.abs(np.exp(2j * np.pi * np.outer(turns, np.arange(12))) @ weights)
        return 9 * np.log2(modulus) + 4 * np.log2(np.abs(np.cos(np.pi * turns)))

    coarse = bits(np.arange(size // 2) / size)
    tops = [m for m in range(2, size // 2 - 1) if coarse[m] >= max(coarse[m - 1], coarse[m + 1])]
    assert len(tops) > 2
    for m in tops:
        highest = bits(np.linspace(m - 1, m + 1, 2001) / size).max()
        assert prices._peak(shares, m, size) == pytest.approx(highest, abs=1e-4)
