import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings, strategies as st

import erfmath as em
from erfmath import Conv, ConvTranspose, Pool, Upsample, strategies

UNET = em.zoo.unet(depth=3)


def difference(found, wanted):
    """The largest difference over the standard deviation of what is wanted."""
    assert tuple(found.shape) == tuple(wanted.shape)
    return float(abs(found - wanted).max() / wanted.std())


# ------------------------------------------------------------------------------------------ against the whole


def names():
    try:
        import tiled
    except ImportError:
        return []
    return list(tiled.ARCHITECTURES)


@pytest.mark.parametrize("name", names())
def test_tiles_put_together_are_the_whole_and_one_period_less_of_halo_is_not(name):
    torch = pytest.importorskip("torch")
    import tiled

    module, x, tile = tiled.made(name)
    model = em.from_torch(module, x)
    plan = em.tiles(model, tuple(x.shape[2:]), tile)
    assert plan.count > 1
    with torch.no_grad():
        whole = module(x)
    assert difference(plan.run(module, x), whole) <= 1e-12
    for axis, (before, after) in enumerate(axis_halos(plan)):
        for smaller in ((before - plan.axes[axis].period, after), (before, after - plan.axes[axis].period)):
            if min(smaller) >= 0 and plan.shape[axis] > 1:
                halos = axis_halos(plan)
                halos[axis] = smaller
                less = em.tiles(model, tuple(x.shape[2:]), tile, halo=halos)
                assert difference(less.run(module, x), whole) > 1e-6


def axis_halos(plan):
    return [(axis.before, axis.after) for axis in plan.axes]


def test_a_unet_at_halo_40_differs_and_at_48_does_not():
    pytest.importorskip("torch")
    import tiled

    module, x, _ = tiled.made("U-Net, depth 3")
    whole = module(x).detach()
    results = {h: em.tiles(UNET, (200, 176), (120, 112), halo=h).run(module, x) for h in (40, 48)}
    assert difference(results[40], whole) > 1e-6
    assert difference(results[48], whole) <= 1e-12
    assert em.tiles(UNET, 4096, 512).halo == ((48, 48), (48, 48))


# A branch of gain 0 asks for no halo, and yet for two samples.
BARELY = em.Sum([em.Pool(3, 2, padding=(0, 1)), Conv(1, stride=2)], gains=(0, 1))


def test_a_last_tile_that_is_too_short_for_a_layer_is_refused():
    with pytest.raises(ValueError, match="tile 2 is too small: the last one would be 1 long, which"):
        em.tiles(BARELY, 3, 2)
    assert em.tiles(BARELY, 4, 2).count == 2


def test_a_halo_leaves_out_no_samples_that_the_network_makes_nothing_of():
    """A convolution without padding makes two outputs less than it reads, whatever halo is asked for."""
    with pytest.raises(ValueError, match=r"at least 2 after a tile, .* got 0; give \(0, 2\) along this axis"):
        em.tiles(Conv(3), 1000, 100, halo=0)
    x = np.arange(1000.0) % 7
    for plan in (em.tiles(Conv(3), 1000, 100, halo=(0, 2)), em.tiles(Conv(3), 1000, 100, loss=0.4)):
        assert plan.halo == (0, 2)
        whole = np.convolve(x, [1, 2, 1], "valid")
        assert (plan.run(lambda t: np.convolve(t, [1, 2, 1], "valid"), x) == whole).all()


@given(strategies.networks(elements=st.integers(1, 9), max_dims=2), st.integers(1, 60), st.integers(1, 40))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@example(Conv(3, padding=1) >> Pool(2, mode="max") >> ConvTranspose(4, 2, padding=1), 40, 12)
@example(em.Identity(), 2, 1)  # a module without parameters keeps the type of its tiles
@example(Conv(5, stride=3, padding=2) >> Upsample(3, mode="linear"), 60, 21)
@example(BARELY, 3, 2)
def test_tiles_of_random_networks_are_the_whole(net, size, tile):
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
    found = plan.run(module, x)
    finite = torch.isfinite(whole)  # windows of padding alone have no maximum
    assume(bool(finite.any()))
    assert bool((finite == torch.isfinite(found)).all())
    scale = whole[finite].std() if finite.sum() > 1 else torch.ones(())
    assert float((found - whole)[finite].abs().max()) <= 1e-12 * max(float(scale), 1e-300)


# ------------------------------------------------------------------------------------------- what a plan says


@given(st.integers(300, 3000), st.integers(100, 400), st.sampled_from([1, 2, 3]))
def test_writes_cover_each_output_once_and_reads_stay_inside(size, tile, ndim):
    net = Conv(7, 2, padding=3) >> Conv(5, padding=2) >> Upsample(4, mode="linear")
    plan = em.tiles(net, size, tile)
    written = np.zeros(plan.output_size, dtype=int)
    for part in plan:
        (read,), (crop,), (write,) = part.read, part.crop, part.write
        assert 0 <= read.start < read.stop <= size
        assert read.start % plan.period == 0
        assert read.stop - read.start <= tile
        assert crop.stop - crop.start == write.stop - write.start
        assert crop.start >= 0
        assert crop.stop <= em.output_size(net, read.stop - read.start)
        written[write] += 1
    assert set(written) == {1}
    assert plan.overhead == pytest.approx(sum(t.read[0].stop - t.read[0].start for t in plan) / size)


def test_a_plan_is_a_sequence():
    plan = em.tiles(Conv((3, 3), padding=1), (20, 30), 8)
    assert len(plan) == plan.count == 3 * 5
    assert plan[-1] == plan[plan.count - 1] == list(plan)[-1] == plan.at((2, 4))
    assert plan[2:4] == (plan[2], plan[3])
    assert plan == em.tiles(Conv((3, 3), padding=1), (20, 30), 8)
    with pytest.raises(IndexError, match="below 15"):
        plan[15]
    with pytest.raises(IndexError, match="below"):
        plan.at((0, 5))


def test_its_repr_is_a_table():
    lines = repr(em.tiles(UNET, 4096, 512)).splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "input",
        "output",
        "tile",
        "halo",
        "step",
        "period",
        "tiles",
        "overhead",
        "largest tensor",
        "memory",
        "loss",
    ]
    assert "48 before, 48 after" in lines[3]
    assert "100 (10 x 10)" in lines[6]


def test_a_causal_network_has_its_halo_on_one_side():
    net = em.Pad([(4, 0)]) >> Conv(5)
    assert em.tiles(net, 100, 20).halo == (4, 0)


def test_one_tile_covers_what_is_no_larger():
    plan = em.tiles(UNET, 96, 512)
    assert (plan.count, plan.halo, plan.tile, plan.overhead) == (1, ((0, 0), (0, 0)), (96, 96), 1)


def test_a_plan_of_many_tiles_is_small():
    net = em.zoo.unet(depth=4)
    em.tiles(net, 20_000, 512)
    tracemalloc.start()
    plan = em.tiles(net, 20_000, 512)
    assert plan.count > 3000
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


# ---------------------------------------------------------------------------------------------------- running


def smooth(x):
    return np.apply_along_axis(np.convolve, -1, x, [1, 2, 1], "valid")


X = np.arange(1000) % 7
PLAN = em.tiles(Conv(3), 1000, 100)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_arrays_with_channels_first_last_and_none(batch):
    wanted = smooth(X)
    assert (PLAN.run(smooth, X, batch=batch) == wanted).all()
    assert (PLAN.run(smooth, X[None, None], batch=batch) == wanted).all()

    def last(x):
        return np.moveaxis(smooth(np.moveaxis(x, -1, -2)), -1, -2)

    found = PLAN.run(last, X[None, :, None], batch=batch)
    assert found.shape == (1, 998, 1)
    assert (found[0, :, 0] == wanted).all()


def test_memory_maps_and_objects_with_slices(tmp_path):
    source = np.memmap(tmp_path / "in", dtype=X.dtype, mode="w+", shape=X.shape)
    source[:] = X
    target = np.memmap(tmp_path / "out", dtype=X.dtype, mode="w+", shape=(998,))
    largest = []

    class Sliced:  # as zarr and h5py have it
        shape = X.shape

        def __getitem__(self, index):
            part = source[index]
            largest.append(part.size)
            return part

    assert PLAN.run(smooth, Sliced(), out=target) is target
    assert (target == smooth(X)).all()
    assert max(largest) == 100


def test_progress_is_told():
    told = []
    PLAN.run(smooth, X, progress=lambda done, total: told.append((done, total)))
    assert told == [(i + 1, PLAN.count) for i in range(PLAN.count)]
    with pytest.raises(TypeError, match="progress"):
        PLAN.run(smooth, X, progress="yes")


def test_a_module_keeps_its_type_and_needs_no_gradient():
    torch = pytest.importorskip("torch")
    module = torch.nn.Conv1d(1, 2, 3)
    found = PLAN.run(module, X[None, None].astype(np.float64))
    assert isinstance(found, np.ndarray)
    wanted = module(torch.as_tensor(X[None, None], dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("function", "array", "options", "error", "said"),
    [
        (lambda x: x, X, {}, ValueError, r"shape \(100,\) for a tile of 100 .* plan says is 98"),
        (lambda x: 3, X, {}, TypeError, "return an array, got a int"),
        ("net", X, {}, TypeError, "function must take a tile"),
        (smooth, [1, 2], {}, TypeError, "array must have a shape"),
        (smooth, X[:-1], {}, ValueError, r"array must have 1000 samples .* got shape \(999,\)"),
        (smooth, X, {"batch": 0}, ValueError, "batch must be at least 1"),
        (smooth, X, {"batch": 2.5}, TypeError, "batch must be an int"),
        (smooth, X, {"out": np.zeros(1000)}, ValueError, "out must have 998 samples"),
        (smooth, np.zeros((1000, 1000)), {}, ValueError, "channels first or last; give space"),
        (smooth, X, {"space": 1}, ValueError, "space must be below 1"),
    ],
)
def test_what_does_not_run_says_why(function, array, options, error, said):
    with pytest.raises(error, match=said):
        PLAN.run(function, array, **options)


def test_out_is_looked_at_before_the_first_tile():
    calls = []

    def counted(x):
        calls.append(1)
        return smooth(x)

    with pytest.raises(ValueError, match="out must have"):
        PLAN.run(counted, X, out=np.zeros((2, 5)))
    assert not calls


# -------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        ((4100, 512), {}, ValueError, r"size 4100 is none .* axis 0: give 4096 or 4104"),
        ((4096, 500), {}, ValueError, r"tile 500 is none .*: give 496 or 504"),
        ((4096, 96), {}, ValueError, r"tile 96 is too small .* 48 before and 48 after.*; give 104 or more"),
        ((4096, 0), {}, ValueError, "tile must be at least 1"),
        ((4096, (512, 512, 512)), {}, ValueError, "tile must be an int or 2 ints"),
        ((4096.5, 512), {}, TypeError, "size must be an int"),
        ((4096, 512), {"halo": -8}, ValueError, "halo must be at least 0"),
        ((4096, 512), {"halo": 4.5}, TypeError, "halo must be an int"),
        ((4096, 512), {"halo": "48"}, TypeError, "halo must be an int"),
        ((4096, 512), {"halo": 46}, ValueError, "multiple of the period 8 .* give 40 or 48"),
        ((4096, 512), {"halo": [(8, 8)] * 3}, ValueError, "pair per axis of 2"),
    ],
)
def test_what_cannot_be_planned_says_what_can(arguments, options, error, said):
    with pytest.raises(error, match=said) as raised:
        em.tiles(UNET, *arguments, **options)
    assert "\n" not in str(raised.value)


# ------------------------------------------------------------------------------------------------- refusals


def around(inner):
    from torch import nn

    body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), inner)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), body, nn.Conv2d(4, 1, 3, padding=1)).eval()


def gated():
    from torch import nn

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            return x * self.fc(self.pool(x)).sigmoid()

    return Gate()


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (lambda nn: nn.InstanceNorm2d(4), r"'1\.1' reads the whole map; freeze its statistics"),
        (lambda nn: nn.GroupNorm(2, 4), r"'1\.1' reads the whole map; freeze its statistics"),
        (lambda nn: gated(), r"'1\.1\.pool' reads the whole map; tile the network up to it"),
        (lambda nn: nn.AdaptiveAvgPool2d(8), r"'1\.1' pools to a fixed number of outputs.*; pool by windows"),
        (
            lambda nn: nn.Sequential(
                nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            ),
            r"'1\.1\.1' has aligned corners.*; interpolate with align_corners=False",
        ),
    ],
    ids=["instance norm", "group norm", "squeeze-excitation", "adaptive pooling", "aligned corners"],
)
def test_layers_that_no_halo_fits_are_named_by_their_path(layer, said):
    torch = pytest.importorskip("torch")
    module = around(layer(torch.nn))
    for act in (lambda: em.tiles(module, 256, 64), lambda: em.halo_loss(module, 8)):
        with pytest.raises(ValueError, match=rf"no halo makes tiles equal to the whole: {said}") as raised:
            act()
        assert "or tile with blending" in str(raised.value)
        if "pools to a fixed" not in said:
            assert "without it the loss would be 0 at a halo of" in str(raised.value)


def padding_unet():
    """Return a module that pads its upsampled maps to those that they are joined with, as many U-Nets do."""
    torch = pytest.importorskip("torch")
    nn, functional = torch.nn, torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.before, self.below = nn.Conv2d(1, 3, 3, padding=1), nn.Conv2d(3, 3, 3, padding=1)
            self.after = nn.Conv2d(6, 2, 3, padding=1)

        def forward(self, x):
            kept = self.before(x)
            x = functional.interpolate(self.below(functional.max_pool2d(kept, 4)), scale_factor=4.0)
            rows, columns = kept.shape[-2] - x.shape[-2], kept.shape[-1] - x.shape[-1]
            return self.after(torch.cat([kept, functional.pad(x, (0, columns, 0, rows))], 1))

    return Net().double().eval()


def test_a_module_that_pads_is_read_at_the_size_that_it_is_run_at():
    torch, module = pytest.importorskip("torch"), padding_unet()
    with pytest.raises(ValueError, match=r"size 62 .*axis 1: give 60 or 64, .*read with an input of it"):
        em.tiles(em.from_torch(module, (1, 1, 32, 32)), (64, 62), 24)
    plan = em.tiles(em.from_torch(module, (1, 1, 64, 62)), (64, 62), (28, 30))
    x = torch.randn(1, 1, 64, 62, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert float((plan.run(module, x) - module(x)).abs().max()) < 1e-12
    with pytest.raises(ValueError, match=r"give 60 or 64$"):
        em.tiles(em.Conv(3, padding=1) + (em.Pool(4) >> em.Upsample(4)), 62, 24)


@pytest.mark.parametrize("act", ["run", "to_dask"])
@pytest.mark.parametrize(("missing", "index"), [(2, r"\[None, None\]"), (1, r"\[None\]")])
def test_axes_that_a_module_misses_are_named(act, missing, index):
    torch = pytest.importorskip("torch")
    if act == "to_dask":
        pytest.importorskip("dask", reason="dask blocks")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.BatchNorm2d(2)).eval()
    plan = em.tiles(Conv((3, 3), padding=1), 20, 10)
    with pytest.raises(
        ValueError, match=rf"does not take {4 - missing} axes.*give array{index}, .*[Ee]xpected"
    ):
        getattr(plan, act)(module, np.zeros((20, 20))[(None,) * (2 - missing)])
    with pytest.raises(RuntimeError):  # the channels are wrong, which is the module's own word
        plan.run(module, np.zeros((1, 3, 20, 20)))


@pytest.mark.parametrize("act", ["run", "seam_error"])
@pytest.mark.parametrize(
    ("shape", "given"),
    [
        ((20, 20, 3), r"np.moveaxis\(array, -1, 0\)\[None\];"),
        ((1, 20, 20, 3), r"np.moveaxis\(array, -1, 1\);"),
    ],
)
def test_a_module_is_given_channels_before_space(act, shape, given):
    torch = pytest.importorskip("torch")
    module = torch.nn.Conv2d(3, 2, 3, padding=1).double().eval()
    plan = em.tiles(Conv((3, 3), padding=1), 20, 10, halo=0)
    array = np.random.default_rng(0).normal(size=shape)
    with pytest.raises(ValueError, match=rf"channels as the last axis, .*: give {given}"):
        getattr(plan, act)(module, array)
    words = given[: given.index(";")].replace("\\", "")
    found = getattr(plan, act)(module, eval(words, {"np": np, "array": array}))
    assert found.error > 0 if act == "seam_error" else found.shape == (1, 2, 20, 20)


def test_a_function_that_fails_says_what_it_was_given():
    torch = pytest.importorskip("torch")
    module = torch.nn.Conv2d(1, 2, 3, padding=1).eval()
    plan = em.tiles(Conv((3, 3), padding=1), 20, 10)
    image = np.zeros((1, 1, 20, 20), np.float32)
    with pytest.raises(TypeError) as raised:
        plan.run(lambda tile: module(tile), image)
    (note,) = raised.value.__notes__
    assert note == (
        "function was given a numpy.ndarray of shape (1, 1, 10, 10), a part of array; for tensors give "
        "torch.from_numpy(array)"
    )
    assert plan.run(lambda tile: module(tile), torch.from_numpy(image)).shape == (1, 2, 20, 20)
    with pytest.raises(ZeroDivisionError) as raised:
        plan.run(lambda tile: 1 / 0, torch.from_numpy(image))
    assert raised.value.__notes__ == [
        "function was given a torch.Tensor of shape (1, 1, 10, 10), a part of array"
    ]


def test_memory_is_a_number_of_bytes_however_it_is_written():
    net = em.zoo.unet(depth=2)
    assert em.best_tile(net, 1024, 1e8) == em.best_tile(net, 1024, "100MB") == em.best_tile(net, 1024, 10**8)
    for memory in (1.5, float("inf"), float("nan")):
        with pytest.raises(TypeError, match="memory must be an int"):
            em.best_tile(net, 1024, memory)


def test_a_layer_with_both_ends_joined_is_refused():
    with pytest.raises(ValueError, match="joins both ends of the map"):
        em.tiles(Conv(3, padding=1, padding_mode="circular"), 100, 20)
    assert em.tiles(Conv(3, padding=1, padding_mode="reflect"), 100, 20).halo == (1, 1)


def test_one_axis_read_whole_leaves_the_others_to_be_tiled():
    net = Conv((3, 3), padding=1) >> em.GlobalPool((False, True))
    plan = em.tiles(net, (100, 20), (30, 20))
    assert plan.shape == (4, 1)
    assert plan.output_size == (100, 1)
    with pytest.raises(ValueError, match="reads the whole map"):
        em.tiles(net, (100, 20), (30, 10))


def test_a_module_in_training_mode_is_refused():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2)).double()
    x = torch.zeros(1, 1, 1000, dtype=torch.float64)
    with pytest.raises(ValueError, match=r"training mode, where '1' .*; call its eval\(\)"):
        PLAN.run(module, x)
    assert PLAN.run(module.eval(), x).shape == (1, 2, 998)


# ------------------------------------------------------------------------- what a run is not to get wrong


SMOOTH = em.tiles(Conv(3, padding=1), 40, 10)


def smoothed(x):
    return np.convolve(x, [1, 2, 1], "same")


def test_an_input_is_not_written_over_while_it_is_read():
    x = np.arange(80.0)
    for out, array in ((x[:40], x[:40]), (x[:40], x[20:60])):
        with pytest.raises(ValueError, match="another array than the input"):
            SMOOTH.run(smoothed, array, out=out)
    SMOOTH.run(smoothed, x[:40], out=x[40:])
    assert (x[40:] == smoothed(np.arange(40.0))).all()


def test_functions_that_work_in_place_leave_the_array_as_it_is():
    def within(x):
        x *= 2
        return x

    plan = em.tiles(Conv(3, padding=1), 20, 8)
    x = np.arange(20.0)
    assert (plan.run(within, x) == 2 * np.arange(20)).all()
    assert plan.seam_error(within, x).errors[0] == 0
    assert (x == np.arange(20)).all()
    torch = pytest.importorskip("torch")
    module, image = torch.nn.Sequential(torch.nn.ReLU(inplace=True)), x[None, None] - 9
    plan.run(module, image)
    tensor = torch.from_numpy(image)
    plan.run(module, tensor)
    assert (image == x - 9).all()


def test_a_tensor_is_not_written_over_and_no_gradients_are_kept():
    torch = pytest.importorskip("torch")
    conv = torch.nn.Conv1d(1, 1, 3, padding=1)
    x = torch.arange(40.0)[None, None]
    with pytest.raises(ValueError, match="another array than the input"):
        SMOOTH.run(conv, x, out=x)
    found = SMOOTH.run(lambda tile: conv(tile), x)
    assert not found.requires_grad
    assert torch.allclose(found, conv(x))


def test_outputs_of_numpy_fit_a_tensor_and_are_not_cut_to_ints():
    torch = pytest.importorskip("torch")
    x, out = np.arange(40.0) / 7, torch.zeros(40, dtype=torch.float64)
    assert (SMOOTH.run(smoothed, x, out=out).numpy() == smoothed(x)).all()
    with pytest.raises(TypeError, match="out must hold the function's outputs, which are float64"):
        SMOOTH.run(smoothed, x, out=np.zeros(40, dtype=int))


def test_halos_are_ints_or_arrays_and_named_as_given():
    assert em.tiles(UNET, 4096, 512, halo=np.array([48, 40])).halo == ((48, 48), (40, 40))
    for bad, error, says in (
        (-1, ValueError, "halo must be at least 0, got -1"),
        (0.5, TypeError, "halo must be an int, got 0.5"),
        ((48, 0.5), TypeError, "halo must be an int, got 0.5"),
    ):
        with pytest.raises(error, match=says):
            em.tiles(UNET, 4096, 512, halo=bad)
    with pytest.raises(TypeError, match=r"space must be an int, got 1\.5"):
        SMOOTH.run(smoothed, np.zeros(40), space=1.5)
