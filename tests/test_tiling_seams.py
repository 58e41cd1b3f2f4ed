"""What a halo costs a function: differences of some tiles, against the whole run at once."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st

import erfmath as em
from erfmath import Conv, ConvTranspose, Pool, Upsample, strategies


def names():
    try:
        import tiled
    except ImportError:
        return []
    return list(tiled.ARCHITECTURES)


def pairs(halo, ndim):
    return [halo] if ndim == 1 else list(halo)


def kept(line, read, made, halo):
    """The units of a tile that lie a halo within its ends, as numbers of the tile and of the whole."""
    before, after = halo
    units = np.arange(made)
    if line.count > 1:
        begins = units // line.units * line.period  # the sample that a unit's period begins at
        inner = (begins >= before) | (read.start == 0)
        inner &= (begins + line.period <= read.stop - read.start - after) | (read.stop == line.size)
        units = units[inner]
    first = read.start * line.units // line.period
    units = units[units + first < line.output]
    return units, units + first


def differences(plan, whole, outputs):
    """What each halo leaves in each tile, from the whole and the tiles' outputs, both numpy arrays."""
    rows = []
    for tile, made in zip(plan, outputs, strict=True):
        row = []
        for halo in (*em_halos(plan), plan.halo):
            sides = made.shape[made.ndim - plan.ndim :]
            parts = zip(plan.axes, tile.read, sides, pairs(halo, plan.ndim), strict=True)
            own, place = zip(*itertools.starmap(kept, parts), strict=True)
            gaps = abs(made[(..., *np.ix_(*own))] - whole[(..., *np.ix_(*place))])
            row.append(float(gaps.max(initial=0)))  # of a strided network there may be none
        rows.append(row)
    return np.array(rows)


def em_halos(plan):
    """Halos from 0 by steps of the period to what is needed, that leave room in a tile."""
    step = int(np.lcm.reduce([axis.period for axis in plan.axes if axis.count > 1]))
    made = plan.output_of(tuple(axis.tile for axis in plan.axes))
    found, halo = [], []
    needed = [
        (n.before, n.after) if a.count > 1 else (a.before, a.after)
        for a, n in zip(plan.axes, plan.needed, strict=True)
    ]
    while halo != needed:
        halo = []
        for axis, side, (before, after) in zip(plan.axes, made, needed, strict=True):
            if axis.count == 1:
                halo.append((before, after))
                continue
            # Of the last samples of a tile there may be no output.
            least = axis.tile - min(side // axis.units, axis.tile // axis.period) * axis.period
            halo.append((min(len(found) * step, before), min(len(found) * step + least, after)))
        if any(a.count > 1 and a.tile - sum(e) < a.period for a, e in zip(plan.axes, halo, strict=True)):
            break
        found.append(tuple(halo) if plan.ndim > 1 else halo[0])
    return found


@pytest.mark.parametrize("name", names())
def test_differences_are_those_from_the_whole(name):
    torch = pytest.importorskip("torch")
    import tiled

    module, x, tile = tiled.made(name)
    plan = em.tiles(em.from_torch(module, x), tuple(x.shape[2:]), tile)
    with torch.no_grad():
        whole = module(x)
        outputs = [module(x[(..., *part.read)]).numpy() for part in plan]
    found = plan.seam_error(module, x, tiles=plan.count)
    assert found.tiles == tuple(range(plan.count))
    assert list(found.halos) == em_halos(plan)
    expected = differences(plan, whole.numpy(), outputs)
    np.testing.assert_allclose(found.by_tile, expected[:, :-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.own, expected[:, -1], rtol=1e-9, atol=1e-12)
    assert found.std == pytest.approx(float(whole.std()), rel=0.2)  # tiles overlap
    assert found.agrees
    assert found.errors[0] > 1e-6
    assert (np.diff(found.errors) <= 0).all()


@given(strategies.networks(elements=st.integers(1, 9), max_dims=2), st.integers(1, 60), st.integers(1, 40))
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@example(Conv(3, padding=1) >> Pool(2, mode="max") >> ConvTranspose(4, 2, padding=1), 40, 12)
@example(Conv(5, stride=3, padding=2) >> Upsample(3, mode="linear"), 60, 21)
@example(Conv(3, padding="causal", dilation=4) ** 2, 60, 20)
@example(Conv(3) >> Conv(5, stride=2, padding=2), 60, 21)  # no output of the last samples, and one left over
@example(Pool((1, 3), (1, 2), dilation=(1, 2)), 10, 9)  # a single tile along an axis, shorter than that
@example(Pool((1, 3), (1, 2), dilation=(1, 2)) >> Pool((1, 3), 1, padding=((0, 0), (2, 0))), 12, 9)
def test_the_exact_halo_is_exact_for_random_networks(net, size, tile):
    torch = pytest.importorskip("torch")
    ndim = net.ndim or 1
    try:
        plan = em.tiles(net, (size,) * ndim, (tile,) * ndim)
        module = em.to_torch(net, 2, rng=0).double().eval()
    except ValueError:  # sizes that do not fit, layers that torch does not have
        assume(False)
    assume(plan.count > 1)
    x = torch.randn(1, 1, *(size,) * ndim, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        whole = module(x)
        outputs = [module(x[(..., *part.read)]).numpy() for part in plan]
    assume(bool(torch.isfinite(whole).all()) and whole.numel() > 1 and float(whole.std()) > 1e-9)
    assume(all(np.isfinite(part).all() for part in outputs))
    found = plan.seam_error(module, x, tiles=plan.count)
    scale = float(whole.std())
    np.testing.assert_allclose(
        found.by_tile / scale,
        differences(plan, whole.numpy(), outputs)[:, :-1] / scale,
        rtol=1e-9,
        atol=1e-11,
    )
    assert found.agrees


def test_the_error_of_a_plan_is_what_running_it_differs_by():
    pytest.importorskip("torch")
    import tiled

    module, x, _ = tiled.made("U-Net, depth 3")
    whole = module(x).detach()
    for halo in (0, 16, 40, 48):
        plan = em.tiles(em.zoo.unet(depth=3), (200, 176), (104, 112), halo=halo)
        found = plan.seam_error(module, x, tiles=plan.count)
        gap = (plan.run(module, x) - whole).abs()
        # The last tile begins before its turn, so that some of what lies within its halo is not written.
        assert found.own.max() >= float(gap.max()) - 1e-12
        inner = plan[0]
        here = (..., *inner.write)
        assert found.own[0] == pytest.approx(float(gap[here].max()), rel=1e-9, abs=1e-12)


# ------------------------------------------------------------------------------------------------ on one axis


def smooth(x):
    return np.convolve(x, [1, 1, 6, 1, 1], "same")


def test_a_kernel_by_hand():
    """A tile that ends before a 1 misses its weight."""
    plan = em.tiles(Conv(5, padding=2), 100, 20)
    x = np.zeros(100)
    x[17] = x[50] = 1  # next to the last sample of tile 0 at halo 1, and inside a tile
    found = plan.seam_error(smooth, x, tiles=[0])
    assert found.halos == ((0, 0), (1, 1), (2, 2))
    x[:] = 0
    x[20] = 1  # the first that tile 0 does not read: weights 1 at samples 18 and 19
    edge = plan.seam_error(smooth, x + np.eye(100)[5], tiles=[0])
    assert edge.by_tile.tolist() == [[1, 1, 0]]
    assert found.by_tile.tolist() == [[0, 0, 0]]
    right = smooth(x + np.eye(100)[5])[:20]
    assert edge.std == pytest.approx(right.std())


def test_the_deviation_is_that_of_all_outputs_together():
    plan = em.tiles(Conv(5, padding=2), 1000, 100)
    x = np.arange(1000.0)  # so that tiles have different means
    whole = smooth(x)
    for tiles in ([2], [0, 4, 10], range(plan.count)):
        found = plan.seam_error(smooth, x, tiles=list(tiles))
        outputs = np.concatenate([whole[plan[i].read[0]] for i in tiles])
        assert found.std == pytest.approx(outputs.std(), rel=1e-12)


class Endless:
    """An array of 10^15 samples, none of which is there until it is read."""

    shape = (10**15,)

    def __init__(self):
        self.longest = 0

    def __getitem__(self, index):
        (part,) = index[1:] if index[0] is Ellipsis else index
        self.longest = max(self.longest, part.stop - part.start)
        return np.sin(np.arange(part.start, part.stop) * 0.7)


def test_the_whole_is_never_run():
    array = Endless()
    plan = em.tiles(Conv(5, padding=2), 10**15, 100, halo=0)
    found = plan.seam_error(smooth, array)
    assert len(found.tiles) == 6
    assert {0, plan.count - 1, plan.count // 2} <= set(found.tiles)
    assert array.longest == 104
    assert found.error > found.errors[1] > 0 == found.errors[2]


def test_tiles_are_the_middle_one_then_the_ends_then_drawn():
    plan = em.tiles(Conv((3, 3), padding=1), 100, 12)
    x = np.random.default_rng(0).random((100, 100))
    chosen = [plan.seam_error(lambda t: t.cumsum(0), x, tiles=count).tiles for count in (1, 2, 3, 10**6)]
    middle = 5 * 10 + 5
    assert chosen == [(middle,), (0, middle), (0, middle, 99), tuple(range(100))]
    same = [plan.seam_error(lambda t: t.cumsum(0), x, rng=rng).tiles for rng in (1, 1, 2)]
    assert same[0] == same[1] != same[2]
    assert plan.seam_error(lambda t: t.cumsum(0), x, tiles=[7, 3, 7]).tiles == (3, 7)


def test_channels_last_and_batches_and_memory_maps(tmp_path):
    plan = em.tiles(Conv(5, padding=2), 100, 20)
    rows = np.random.default_rng(0).normal(size=(3, 100))
    single = [plan.seam_error(smooth, row, tiles=7).by_tile for row in rows]

    def along(axis):
        return lambda x: np.apply_along_axis(smooth, axis, x)

    stored = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=(3, 100))
    stored[:] = rows
    for found in (
        plan.seam_error(along(-1), stored, tiles=7),
        plan.seam_error(along(0), rows.T, tiles=7),
    ):
        np.testing.assert_allclose(found.by_tile, np.max(single, axis=0), rtol=1e-12)
        assert found.std == pytest.approx(
            np.std(np.concatenate([along(-1)(rows)[:, t.read[0]] for t in plan], axis=1)), rel=0.2
        )


def test_whole_numbers_do_not_wrap_and_complex_ones_have_a_modulus():
    plan = em.tiles(Conv(3, padding=1), 60, 20, halo=0)
    x = (np.arange(60) % 7).astype(np.uint8)

    def least(t):
        return np.convolve(t, np.array([1, 1, 1], dtype=np.uint8), "same")

    found = plan.seam_error(least, x, tiles=3)
    whole = least(x).astype(int)
    gaps = [abs(least(x[t.read[0]]).astype(int) - whole[t.read[0]]).max() for t in plan]
    assert found.by_tile[:, 0].tolist() == gaps
    assert found.rounding == 0
    turned = plan.seam_error(lambda t: 1j * least(t), x, tiles=3)
    np.testing.assert_array_equal(turned.by_tile, found.by_tile)
    assert turned.std == pytest.approx(found.std)


def test_a_function_that_is_another_network_does_not_agree():
    plan = em.tiles(Conv(3, padding=1), 1000, 100)
    x = np.random.default_rng(0).normal(size=1000)
    found = plan.seam_error(lambda t: t - t.mean(), x)
    assert found.agrees is False
    assert "The exact halo differs by more than rounding: the function is not the network" in str(found)
    with pytest.raises(
        ValueError, match=r"no halo keeps within tolerance=0.001: .*not the network of the plan"
    ):
        found.least(1e-3)
    placed = plan.seam_error(lambda t: t + np.arange(len(t)), x)
    assert placed.agrees is False


def test_tiles_too_short_for_the_exact_halo_know_the_rest():
    net = em.zoo.unet(depth=3, ndim=1)
    plan = em.tiles(net, 512, 64, halo=8)
    torch = pytest.importorskip("torch")
    module = em.to_torch(net, channels=2, rng=0).double()
    x = torch.randn(1, 1, 512, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = plan.seam_error(module, x, tiles=plan.count)
    assert found.halos == ((0, 0), (8, 8), (16, 16), (24, 24))
    assert found.agrees is None
    assert found.error == found.errors[1]
    with pytest.raises(ValueError, match="plan longer tiles"):
        found.least(0)


def test_single_precision_leaves_rounding():
    torch = pytest.importorskip("torch")
    net = em.zoo.unet(depth=3, ndim=1)
    module = em.to_torch(net, channels=2, rng=0)
    x = torch.randn(1, 1, 2048, generator=torch.Generator().manual_seed(0))
    found = em.tiles(net, 2048, 256).seam_error(module, x)
    assert found.agrees
    assert 0 < found.rounding < 1e-3
    halves = em.tiles(net, 2048, 256).seam_error(lambda t: module(t).bfloat16(), x)
    assert halves.agrees


def test_what_rounding_leaves_is_said_to_be_that():
    plan = em.tiles(Conv(5, padding=2), 1000, 100)
    found = plan.seam_error(lambda x: smooth(x) * (1 + 1e-15 * len(x)), np.sin(np.arange(1000.0)))
    assert found.agrees
    assert 0 < found.errors[-1] < 1e-12
    with pytest.raises(ValueError, match="it is the exact one, and what is left is rounding"):
        found.least(0)


# ---------------------------------------------------------------------------------------- what the value says


def found_by_hand():
    plan = em.tiles(Conv(5, padding=2), 1000, 100, halo=1)
    return plan, plan.seam_error(smooth, np.sin(np.arange(1000.0)), tiles=11)


TABLE = """\
Largest difference from the whole in 11 of 11 tiles, in standard deviations of the output (4.42):

halo  tiles  overhead  differs by
----  -----  --------  ----------
   0     10     1.000     4.0e-01
   1     11     1.100     2.2e-01
   2     11     1.100     0.0e+00"""


def test_it_prints_a_table_and_tells_json():
    _, found = found_by_hand()
    assert str(found) == TABLE
    assert repr(found) == "<Seams: 0.22 standard deviations of the output at a halo of 1>"
    told = json.loads(json.dumps(found.to_dict()))
    assert told["tiles"] == list(range(11))
    assert [row["halo"] for row in told["halos"]] == [[[0, 0]], [[1, 1]], [[2, 2]]]
    assert [row["error"] for row in told["halos"]] == found.errors.tolist()
    assert (told["error"], told["agrees"]) == (found.errors[1], True)
    assert "differs by" in found._repr_html_()


def test_the_least_halo_is_one_that_a_plan_takes():
    plan, found = found_by_hand()
    for tolerance in (0, 0.1, found.error, 0.3, 1):
        halo = found.least(tolerance)
        error = em.tiles(plan.net, 1000, 100, halo=halo).seam_error(smooth, np.sin(np.arange(1000.0))).error
        assert error <= tolerance
    assert found.least(0) == (2, 2)
    assert found.least(found.error) == (1, 1)


@pytest.mark.parametrize(
    ("tolerance", "error"),
    [("0.1", TypeError), (None, TypeError), (True, TypeError), (-1, ValueError), (np.nan, ValueError)],
)
def test_a_tolerance_is_a_number(tolerance, error):
    with pytest.raises(error, match="tolerance must be"):
        found_by_hand()[1].least(tolerance)


PLAN = em.tiles(Conv(5, padding=2), 100, 20)
X = np.sin(np.arange(100.0))


@pytest.mark.parametrize(
    ("function", "array", "options", "error", "said"),
    [
        (7, X, {}, TypeError, "function must take a tile"),
        (smooth, [1, 2], {}, TypeError, "array must have a shape"),
        (smooth, X[:50], {}, ValueError, "array must have 100 samples"),
        (lambda x: "no", X, {}, TypeError, "function must return an array"),
        (lambda x: x[1:], X, {}, ValueError, "is this the network that was planned for"),
        (lambda x: x.astype("U5"), X, {}, TypeError, "function must return an array of numbers"),
        (lambda x: x * 0, X, {}, ValueError, "function returns 0 everywhere"),
        (lambda x: x * np.inf, X + 2, {}, ValueError, "values that are not finite in tile 0"),
        (lambda x: np.where(x > 0, x, np.nan), X, {}, ValueError, "not finite"),
        (smooth, X, {"tiles": 0}, ValueError, "tiles must be at least 1"),
        (smooth, X, {"tiles": []}, ValueError, "tiles must be numbers below 6, one at least"),
        (smooth, X, {"tiles": [7]}, ValueError, "tiles must be numbers below 6"),
        (smooth, X, {"tiles": [-1]}, ValueError, "tiles must be at least 0"),
        (smooth, X, {"tiles": 1.5}, TypeError, "tiles must be"),
        (smooth, X, {"tiles": "all"}, TypeError, "tiles must be"),
        (smooth, X, {"rng": "x"}, TypeError, "rng must be"),
        (smooth, X, {"space": 3}, ValueError, "space must be"),
        (smooth, X, {"progress": 3}, TypeError, "progress must be"),
    ],
)
def test_what_cannot_be_measured_says_why(function, array, options, error, said):
    with np.errstate(invalid="ignore"), pytest.raises(error, match=said):
        PLAN.seam_error(function, array, **options)


def test_a_single_tile_has_no_seam():
    with pytest.raises(ValueError, match="a single tile, which is the whole"):
        em.tiles(Conv(3, padding=1), 20, 20).seam_error(smooth, np.zeros(20))


def test_progress_is_told():
    seen = []
    PLAN.seam_error(smooth, X, tiles=3, progress=lambda done, count: seen.append((done, count)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
