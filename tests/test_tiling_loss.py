import itertools

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st

import erfmath as em
from erfmath import Activation, Concat, Conv, ConvTranspose, Identity, Pool, Upsample, strategies
from erfmath.network.maps import map_of
from erfmath.network.program import program_of


def published_unet(depth, channels=8):
    """A U-Net that joins twice as many channels from below, interpolated, to those of its skip."""
    pair = (Conv(3, padding="same", channels=channels) >> Activation("relu")) ** 2
    if depth == 0:
        return pair
    below = Pool(2, mode="max") >> published_unet(depth - 1, 2 * channels) >> Upsample(2)
    return pair >> Concat([Identity(), below], [channels, 2 * channels]) >> pair


def test_shares_of_a_unet_are_those_that_were_reported():
    found = em.halo_loss(published_unet(3), [8, 16, 24, 32, 40, 48])
    np.testing.assert_allclose(found, [0.096, 0.0295, 0.0064, 7.2e-4, 2.9e-5, 0], rtol=0.02)
    assert found[-1] == 0


def shares(net, halo):
    """What lies beyond a halo of the worst unit, each pulled back by itself."""
    program = program_of(em.variance(net))
    worst = 0.0
    for unit in itertools.product(*map(range, program.period)):
        found = map_of(program, unit)
        if found is None:
            continue
        for axis in range(program.ndim):
            period = int(program.period[axis] * program.rate[axis])
            line = found.grid.sum(axis=tuple(a for a in range(program.ndim) if a != axis))
            place = found.offset[axis] + np.arange(len(line))
            beyond = (line[place < -halo].sum(), line[place >= period + halo].sum())
            worst = max(worst, max(beyond) / line.sum())
    return worst


@given(strategies.networks(max_dims=2, max_layers=3), st.integers(0, 12))
@settings(max_examples=100)
@example(ConvTranspose((3, 3), 2) >> Conv((3, 3)), 0)  # units that see fewer taps on either axis
@example(ConvTranspose(3, 2) >> Conv(3, 3), 1)
@example(Conv(2) ** 3 >> Conv(2, stride=2), 1)
@example(Upsample((2, 2), "linear") >> Pool((3, 3), 3), 2)
def test_shares_are_those_of_each_unit_pulled_back(net, halo):
    try:
        expected = shares(net, halo)
    except ValueError:
        assume(False)
    assert em.halo_loss(net, halo) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_deep_networks_stay_within_the_floats():
    deep = Conv(3, padding=1) ** 1100  # a gain of 2 each: beyond 1e308
    law = em.distribution(Conv(3, padding=1), 1100)
    assert em.halo_loss(deep, [50, 1100]) == pytest.approx([law.cdf(-51), 0], rel=1e-9)


@pytest.mark.parametrize("loss", [0.0, 1e-12, 1e-3, 0.02, 0.3])
def test_a_loss_takes_the_least_halo_that_it_allows(loss):
    net = em.zoo.unet(depth=3)
    plan = em.tiles(net, 4096, 512, loss=loss)
    allowed = [h for h in range(0, 56, 8) if em.halo_loss(net, h) <= loss]
    assert plan.halo == ((allowed[0],) * 2,) * 2
    assert plan.loss == pytest.approx(em.halo_loss(net, allowed[0]), rel=1e-12)
    assert plan.loss <= loss
    assert (
        plan.is_exact == (plan.loss == 0) == (repr(plan).splitlines()[-1].startswith("loss            none"))
    )


def test_each_end_has_the_halo_that_it_needs():
    net = em.Pad([(30, 0)]) >> Conv(31) >> Conv(5, padding=2)
    assert em.tiles(net, 1000, 200).halo == (32, 2)
    before, after = em.tiles(net, 1000, 200, loss=0.1).halo
    law = em.distribution(em.variance(net))
    assert law.cdf(-before - 1) <= 0.1 < law.cdf(-before)
    assert law.sf(after) <= 0.1  # which needs none: 0 is the least


def test_a_model_has_the_mean_energies_of_its_own_weights():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv1d(1, 3, 5, padding=2), torch.nn.Conv1d(3, 1, 3, padding=1))
    with torch.no_grad():
        module[0].weight[..., :2] = 0  # which sees nothing on the left
    model = em.from_torch(module, (1, 1, 50))
    given_loss = em.halo_loss(model.with_weights("given"), 1)
    energy = em.distribution(model.with_weights("energy").net)
    assert given_loss == pytest.approx(max(energy.cdf(-2), energy.sf(1)), rel=1e-9)
    assert em.halo_loss(model, 1) != pytest.approx(given_loss)


@pytest.mark.parametrize(
    ("net", "halos", "error", "said"),
    [
        (Conv(3), -1, ValueError, "halos must be at least 0"),
        (Conv(3), [1, 2.5], TypeError, "halos must be an int"),
        (Conv(3), "8", TypeError, "halos must be a sequence"),
        (Conv(3) >> em.GlobalContext() >> Conv(3), 1, ValueError, "GlobalContext.* reads the whole map"),
        (7, 1, TypeError, "what must be"),
        (em.Weighted(Conv(2), [[[1.0, 2.0]]]), 1, ValueError, "weights='energy'"),
    ],
)
def test_what_has_no_loss_says_why(net, halos, error, said):
    with pytest.raises(error, match=said):
        em.halo_loss(net, halos)


# -------------------------------------------------------------------------------------------------- memory


def test_memory_is_that_of_all_tensors_that_are_there_at_a_time():
    chain = Conv(3, padding=1, channels=4) >> Activation("relu") >> Conv(3, padding=1, channels=2)
    assert em.tiles(chain, 1000, 100).memory == 4 * 100 * (4 + 2)
    skip = chain >> em.Residual(Conv(3, padding=1, channels=2) >> Conv(3, padding=1, channels=2))
    assert em.tiles(skip, 1000, 100).memory == 4 * 100 * max(4 + 2, 2 + 2 + 2, 2 + 2 + 2)
    assert em.tiles(skip, 1000, 100).largest_tensor == 400


@pytest.mark.parametrize("size", [(300, 300), (500, 130), (390, 220)])
def test_the_best_tile_is_nearly_the_best_of_all(size):
    net = em.zoo.unet(depth=2, channels=2)
    size = tuple(4 * (side // 4) for side in size)
    limit = 600_000
    found = em.best_tile(net, size, limit)
    plans = []
    for sides in itertools.product(*(range(52, side + 1, 4) for side in size)):
        if 150 * sides[0] * sides[1] > limit:  # what is much too large
            continue
        plan = em.tiles(net, size, sides)
        if plan.memory <= limit:
            plans.append(plan.overhead)
    plan = em.tiles(net, size, found)
    assert plan.memory <= limit
    assert plan.overhead <= 1.02 * min(plans)


def test_sides_differ_where_that_reads_less():
    net, size = em.zoo.unet(), (6000, 5008)
    plan, square = (em.tiles(net, size, tile) for tile in (em.best_tile(net, size, "4GB"), 1808))
    assert (plan.tile, plan.shape, square.shape) == ((2128, 1808), (3, 3), (4, 3))
    assert plan.overhead == pytest.approx((6000 + 2 * 192) / 6000 * (5008 + 2 * 192) / 5008, rel=0.01)
    assert plan.overhead < 0.9 * square.overhead
    volume = em.zoo.unet(depth=2, ndim=3)
    plan = em.tiles(volume, (256, 256, 64), memory="0.3GB")
    assert plan.memory <= 3e8
    assert plan.tile[2] == 64  # read whole, so that no halo lies along it


def test_a_memory_chooses_or_checks_the_tile():
    net = em.zoo.unet(depth=3)
    plan = em.tiles(net, 4096, memory="0.5GB")
    assert plan.tile == em.best_tile(net, 4096, 500_000_000)
    assert plan.memory <= 5e8
    assert em.best_tile(net, 128, "1GB") == (128, 128)
    assert em.best_tile(net, 4096, "512MiB") == em.best_tile(net, 4096, 512 * 2**20)
    with pytest.raises(ValueError, match=r"tile \(1024, 1024\) takes 1.07 GB, .*: give"):
        em.tiles(net, 4096, 1024, memory="1GB")


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"memory": "2XB"}, ValueError, "memory must be a number of bytes such as '2GB'"),
        ({"memory": 0}, ValueError, "memory must be at least 1"),
        ({"memory": 1.5}, TypeError, "memory must be an int"),
        ({"memory": "1MB"}, ValueError, "the least tile, 104 x 104, takes 11.1 MB"),
        ({}, ValueError, "give a tile, or the memory"),
        ({"tile": 512, "loss": float("nan")}, ValueError, "loss must be from 0 to below 1, got nan"),
        ({"tile": 512, "loss": -0.1}, ValueError, "loss must be"),
        ({"tile": 512, "loss": "some"}, TypeError, "loss must be"),
        ({"tile": 512, "loss": 0.1, "halo": 8}, ValueError, "a loss or a halo, not both"),
    ],
)
def test_what_cannot_be_chosen_says_why(options, error, said):
    with pytest.raises(error, match=said):
        em.tiles(em.zoo.unet(depth=3), 4096, **options)


def test_any_number_of_halos_of_any_length_takes_what_the_unlike_ones_take():
    net = em.Conv(3, padding=1) ** 4
    few = em.halo_loss(net, [0, 1, 2, 3, 4])
    assert list(few[:4]) == sorted(few[:4], reverse=True)
    many = em.halo_loss(net, [*range(10**5), 10**30])
    assert (many[:5] == few).all()
    assert not many[4:].any()
    assert em.halo_loss(net, 10**30) == 0
