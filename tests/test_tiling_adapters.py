"""What other libraries make of a plan is what the whole gives, each by its own code."""

import numpy as np
import pytest

import erfmath as em
from erfmath import Conv, Pool
from erfmath.report.resource import check_resource

torch = pytest.importorskip("torch", reason="the networks are torch's")
import tiled  # noqa: E402

NAMES = list(tiled.ARCHITECTURES)

# Other libraries warn of what they use themselves; on which Python is theirs to know.
others = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::SyntaxWarning"
)


@pytest.fixture(scope="module")
def cases():
    found = {}

    def case(name):
        """A plan, a function of numpy arrays, its input and its output as a whole; made once."""
        if name not in found:
            module, x, tile = tiled.made(name, regular=True)
            plan = em.tiles(em.from_torch(module, x), tuple(x.shape[2:]), tile)
            assert plan.count > 2
            with torch.no_grad():
                found[name] = plan, module, x, module(x).numpy()
        return found[name]

    return case


def assert_same(found, whole):
    assert np.shape(found) == whole.shape
    assert np.abs(np.asarray(found) - whole).max() <= 1e-12 * whole.std()


@others
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", ["to_dask", "map_overlap"])
def test_dask(name, how, cases):
    da = pytest.importorskip("dask.array", reason="dask is in the extra tiles")
    plan, module, x, whole = cases(name)
    array = da.from_array(x.numpy(), chunks=(1, 1, *(50,) * plan.ndim))
    found = getattr(plan, how)(module, array)
    assert found.shape == whole.shape
    assert_same(found.compute(scheduler="synchronous"), whole)


@others
@pytest.mark.parametrize("name", NAMES)
def test_monai(name, cases):
    inferers = pytest.importorskip("monai.inferers", reason="MONAI is not installed")
    plan, module, x, whole = cases(name)
    with torch.no_grad():
        found = inferers.sliding_window_inference(
            x, sw_batch_size=2, predictor=module, **plan.for_monai("float64")
        )
    assert_same(found.numpy(), whole)


@others
@pytest.mark.parametrize("name", NAMES)
def test_tiler(name, cases):
    tiler = pytest.importorskip("tiler", reason="tiler is in the extra tiles")
    plan, module, x, whole = cases(name)
    inputs, outputs, window = plan.for_tiler()
    assert len(inputs) == len(outputs) == plan.count
    mergers = [tiler.Merger(outputs, window=window, data_dtype=float, weights_dtype=float) for _ in whole[0]]
    for i, tile in inputs(x[0, 0].numpy()):
        with torch.no_grad():
            made = module(torch.as_tensor(tile.copy())[None, None]).numpy()[0]
        for merger, channel in zip(mergers, made, strict=True):
            merger.add(i, channel)
    assert_same(np.stack([merger.merge() for merger in mergers])[None], whole)


@pytest.mark.parametrize("name", NAMES)
def test_chips_of_a_sampler_are_the_tiles(name, cases):
    plan, module, x, whole = cases(name)
    chips = plan.for_torchgeo()
    found = np.empty_like(whole)
    starts = [
        range(0, side - size + 1, stride)  # as a grid sampler goes over its bounds
        for side, size, stride in zip(x.shape[2:], chips["size"], chips["stride"], strict=True)
    ]
    for place in np.ndindex(*map(len, starts)):
        firsts = [line[i] for line, i in zip(starts, place, strict=True)]
        chip = x[..., *(slice(f, f + s) for f, s in zip(firsts, chips["size"], strict=True))]
        tile = plan.at(place)
        with torch.no_grad():
            found[..., *tile.write] = module(chip).numpy()[..., *tile.crop]
    assert_same(found, whole)


@pytest.mark.parametrize("name", NAMES)
def test_descriptions_declare_what_is_needed(name, cases):
    plan, _, _, _ = cases(name)
    axes = [{"type": "space", "id": "zyx"[-plan.ndim :][i]} for i in range(plan.ndim)]
    declared = plan.for_bioimageio()
    sizes = [
        axis | {"size": {"min": d["min"], "step": d["step"]}} for axis, d in zip(axes, declared, strict=True)
    ]
    halos = [axis | {"halo": d["halo"]} for axis, d in zip(axes, declared, strict=True)]
    found = check_resource({"inputs": [{"axes": sizes}], "outputs": [{"axes": halos}]}, plan.net)
    for number, (halo, size) in enumerate(zip(found[::2], found[1::2], strict=True)):
        if plan.shape[number] > 1:
            assert halo.holds
            assert size.holds or "leaves nothing" in size.found  # of a halo on one side alone


def test_weights_are_as_small_as_a_type_has_them():
    plan = em.tiles(Conv((3, 3, 3), padding=1), 100, 20)
    for dtype, least in (("float32", 1e-36), ("float64", 1e-300)):
        weights = plan.for_monai(dtype)["roi_weight_map"]
        assert weights.dtype == getattr(torch, dtype)
        assert float(weights.min()) == pytest.approx(least, rel=1e-5)
    with pytest.raises(ValueError, match="dtype must be one of 'float32'"):
        plan.for_monai("float16")


UNET = em.zoo.unet(depth=3)


@pytest.mark.parametrize(
    ("plan", "how", "said"),
    [
        (em.tiles(UNET, 400, 120), "for_monai", "give a tile of 160 along axis 0"),
        (em.tiles(UNET, 400, 120), "for_tiler", "give a tile of 160 along axis 0"),
        (em.tiles(UNET, 400, 120), "for_torchgeo", "give a tile of 112 along axis 0"),
        (em.tiles(Pool(3, 2), 101, 20), "for_monai", "101 samples along axis 0 make 50 units"),
    ],
)
def test_plans_that_do_not_suit_say_which_would(plan, how, said):
    if how == "for_tiler":
        pytest.importorskip("tiler", reason="tiler is in the extra tiles")
    with pytest.raises(ValueError, match=said):
        getattr(plan, how)()


def test_dask_needs_chunks_as_long_as_the_halo():
    da = pytest.importorskip("dask.array", reason="dask is in the extra tiles")
    plan = em.tiles(em.zoo.unet(depth=3, ndim=1), 400, 120)
    with pytest.raises(ValueError, match="give a tile of 144 or more, or use to_dask"):
        plan.map_overlap(lambda x: x, da.zeros((1, 1, 400)))
    with pytest.raises(ValueError, match="array must have 400 samples"):
        plan.to_dask(lambda x: x, da.zeros((1, 1, 401)))
    with pytest.raises(ValueError, match="whose output the plan says is 120"):
        plan.to_dask(lambda x: x[..., :-1], da.zeros((1, 1, 400)))
