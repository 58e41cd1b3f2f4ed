"""Measurements in parts: they add to the whole bit for bit, are kept in files, and are gone on with."""

import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays

import erfmath as em
from erfmath.measured.sums import ExactSum

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

from measuring import BLOCK, CONV, quietly, small_module  # noqa: E402

FLOATS = st.floats(-(2.0**400), 2.0**400, allow_subnormal=True)


def same(a, b):
    return (
        np.array_equal(a.map, b.map)
        and np.array_equal(a.moments, b.moments)
        and np.array_equal(a.map_error, b.map_error, equal_nan=True)
        and np.array_equal(a.var, b.var)
        and (a.offset, a.unit, a.input_size, a.profile, a.runs)
        == (b.offset, b.unit, b.input_size, b.profile, b.runs)
    )


@given(st.lists(arrays(float, 3, elements=FLOATS), min_size=1, max_size=40), st.data())
def test_sums_are_the_nearest_floats_in_any_order(grids, data):
    order = data.draw(st.permutations(grids))
    cut = data.draw(st.integers(0, len(grids)))
    total = None
    for part in (order[:cut], order[cut:]):
        found = None
        for grid in part:
            found = ExactSum.of(grid) if found is None else found.plus(grid)
        if found is not None:
            total = found if total is None else total.merged(found)
    expected = [float(sum(map(Fraction, column))) for column in np.array(grids).T]
    assert total.rounded().tolist() == expected
    assert len(total.parts) < 60


@pytest.mark.parametrize("profile", ["variance", "std", "mean"])
def test_parts_add_to_the_whole(profile):
    whole = quietly(BLOCK**3, runs=11, profile=profile, rng=range(4), channels=4)
    parts = [
        quietly(BLOCK**3, runs=runs, profile=profile, rng=seed, channels=4)
        for seed, runs in enumerate((3, 3, 3, 2))
    ]
    assert same(whole, parts[0] + parts[1] + parts[2] + parts[3])
    assert same(whole, em.merge(reversed(parts)))
    assert same(whole, (parts[3] + parts[1]) + (parts[2] + parts[0]))
    assert whole.runs == 11
    assert whole.net == BLOCK**3


def test_an_executor_finds_the_same():
    module, options = small_module(), {"input_size": 9, "runs": 8, "rng": range(4)}
    here = quietly(module, **options)
    with ThreadPoolExecutor(3) as pool:
        assert same(here, quietly(module, executor=pool, **options))
    with pytest.raises(ValueError, match="several seeds"), ThreadPoolExecutor(1) as pool:
        quietly(module, input_size=9, executor=pool)
    with pytest.raises(TypeError, match="executor must have a method submit"):
        quietly(module, **options | {"executor": 3})


def test_files_hold_what_was_measured(tmp_path):
    found = quietly(CONV**2, runs=5, profile="std", init="lecun", channels=3)
    found.save(tmp_path / "found.npz")
    again = em.Measurement.load(tmp_path / "found.npz")
    assert same(found, again)
    assert (again.net, again.init) == (CONV**2, "lecun")
    assert repr(again.compare()) == repr(found.compare())
    quietly(CONV, runs=2, init=1.5).save(tmp_path / "number.npz")
    assert em.Measurement.load(tmp_path / "number.npz").init == 1.5
    module = quietly(small_module(), input_size=9, runs=2)
    module.save(tmp_path / "module.npz")
    assert same(module, em.Measurement.load(tmp_path / "module.npz"))
    assert same(
        again + quietly(CONV**2, runs=5, profile="std", init="lecun", channels=3, rng=1),
        quietly(CONV**2, runs=10, profile="std", init="lecun", channels=3, rng=[0, 1]),
    )


def test_the_standard_error_is_that_of_the_runs():
    runs = [quietly(CONV, runs=1, rng=seed, channels=2) for seed in range(12)]
    maps = np.array([run.map for run in runs])
    found = em.merge(runs)
    assert np.allclose(found.map_error, maps.std(axis=0, ddof=1) / math.sqrt(12), rtol=1e-9)
    assert np.isnan(runs[0].map_error).all()


def batches(count):
    torch.manual_seed(0)
    return [torch.randn(3, 2, 9, 9) for _ in range(count)]


def test_a_data_set_is_a_run_for_each_batch():
    module, data = small_module(), batches(5)
    found = quietly(module, inputs=data, profile="mean")
    assert (found.runs, found.input_size) == (5, (9, 9))
    one = [quietly(module, inputs=lambda _, x=x: x, runs=1, profile="mean") for x in data]
    assert np.allclose(found.map, np.mean([padded(run) for run in one], axis=0)[box(found)], atol=1e-12)
    assert same(found, quietly(module, inputs=iter([(x, 0) for x in data]), profile="mean"))
    assert quietly(module, inputs=iter(data), runs=3).runs == 3
    with pytest.raises(ValueError, match="inputs must hold a batch at least"):
        quietly(module, inputs=[])


def padded(found):
    grid = np.zeros(found.input_size)
    grid[box(found)] = found.map
    return grid


def box(found):
    return tuple(slice(a, a + k) for a, k in zip(found.offset, found.map.shape, strict=True))


def test_a_data_set_is_gone_on_with(tmp_path):
    module, data, file = small_module(), batches(6), tmp_path / "part.npz"
    whole = quietly(module, inputs=data)

    def broken():
        yield from data[:4]
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        quietly(module, inputs=broken(), checkpoint=file)
    assert em.Measurement.load(file).runs == 4
    assert same(whole, quietly(module, inputs=data, checkpoint=file))
    assert same(whole, quietly(module, inputs=data, checkpoint=file))


def test_a_batch_of_another_size_leaves_what_was_right(tmp_path):
    module, file = small_module(), tmp_path / "part.npz"
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="differ"):
        quietly(module, inputs=[*batches(3), torch.randn(1, 2, 11, 11)], checkpoint=file)
    assert em.Measurement.load(file).runs == 3


def test_many_batches_add_like_few():
    module, data = small_module(), batches(150)
    whole = quietly(module, inputs=data)
    assert (whole.runs, len(set(whole.record.seeds))) == (150, 150)
    assert list(whole.record.seeds) == sorted(whole.record.seeds)
    with ThreadPoolExecutor(2) as pool:
        assert same(whole, quietly(module, inputs=data, executor=pool))


def test_seeds_are_gone_on_with(tmp_path):
    file = tmp_path / "part.npz"
    quietly(CONV, runs=4, rng=[0, 1], checkpoint=file, channels=2)
    found = quietly(CONV, runs=8, rng=range(4), checkpoint=file, channels=2)
    assert same(found, quietly(CONV, runs=8, rng=range(4), channels=2))
    with pytest.raises(ValueError, match="2 runs of this seed where 5 are asked for"):
        quietly(CONV, runs=5, rng=0, checkpoint=file, channels=2)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"rng": 0}, "different runs"),
        ({"profile": "std"}, "profile differ"),
        ({"channels": 3}, "channels differ"),
        ({"init": "lecun"}, "init differ"),
        ({"normalised": True}, "normalised differ"),
        ({"input_size": 9}, "unit differ"),
    ],
)
def test_what_does_not_add_says_why(other, says):
    first = quietly(CONV, runs=2, channels=2)
    with pytest.raises(ValueError, match=says):
        first + quietly(CONV, **{"runs": 2, "channels": 2, "rng": 1} | other)


def test_networks_have_to_be_the_same():
    with pytest.raises(ValueError, match="net differ"):
        quietly(CONV, runs=1) + quietly(em.Conv((3, 5)), runs=1, rng=1)
    with pytest.raises(TypeError, match="adds to a measurement, got 3"):
        quietly(CONV, runs=1) + 3
    with pytest.raises(ValueError, match="parts must hold"):
        em.merge([])


@pytest.mark.parametrize("seeds", [[], [0, 0], range(20)])
def test_seeds_have_to_differ_and_have_a_run_each(seeds):
    with pytest.raises(ValueError, match="rng must hold"):
        quietly(CONV, runs=10, rng=seeds)


def test_a_file_of_something_else_is_named(tmp_path):
    (tmp_path / "a.npz").write_text("no archive")
    np.savez(tmp_path / "b.npz", map=np.ones(3))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(ValueError, match="is no file of a measurement"):
            em.Measurement.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        em.Measurement.load(tmp_path / "c.npz")
    with pytest.raises(ValueError, match=r"must end in \.npz"):
        quietly(CONV, runs=1).save(tmp_path / "c.txt")


@settings(max_examples=5)
@given(st.lists(st.integers(0, 2**40), min_size=2, max_size=4, unique=True))
def test_any_seeds_add(seeds):
    whole = quietly(em.Conv(3), runs=len(seeds), rng=seeds, channels=1)
    assert same(whole, em.merge(quietly(em.Conv(3), runs=1, rng=seed, channels=1) for seed in seeds))


@pytest.mark.parametrize(
    ("net", "options", "differs"),
    [
        (CONV**2, {}, "net"),
        (CONV, {"profile": "std"}, "profile"),
        (CONV, {"channels": 3}, "channels"),
        (CONV, {"init": "lecun"}, "init"),
        (CONV, {"normalised": True}, "normalised"),
        (CONV, {"input_size": 9}, "unit"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, net, options, differs):
    file = tmp_path / "field.npz"
    quietly(CONV, runs=4, rng=[0, 1], checkpoint=file, channels=2)
    before = file.read_bytes()
    with pytest.raises(ValueError, match=f"is of something else: .* their {differs} differ"):
        quietly(net, **{"runs": 4, "rng": [0, 1], "checkpoint": file, "channels": 2} | options)
    assert file.read_bytes() == before


def test_modules_of_other_parameters_are_told_apart(tmp_path):
    file = tmp_path / "field.npz"
    a, b = (torch.nn.Conv2d(1, channels, 3, padding=1) for channels in (2, 3))
    part = quietly(a, input_size=9, runs=2, rng=[0, 1], checkpoint=file)
    with pytest.raises(ValueError, match="their module differ"):
        quietly(b, input_size=9, runs=2, rng=[0, 1], checkpoint=file)
    with pytest.raises(ValueError, match="their module differ"):
        part + quietly(b, input_size=9, runs=2, rng=3)
    assert (part + quietly(a, input_size=9, runs=2, rng=3)).runs == 4


@pytest.mark.parametrize("parts", [None, 3, [3], [None, None]])
def test_only_measurements_merge(parts):
    with pytest.raises(TypeError, match="parts must be measurements"):
        em.merge(parts)
