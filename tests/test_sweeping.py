"""Sweeps: rows are the readings, whatever stops a run, whoever does the work."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import erfmath as em
from erfmath.cli import main
from erfmath.strategies import networks

NETS = [em.Conv(k) ** n for k in (2, 3) for n in range(1, 30)]


def swept(nets, read="field", **options):
    with ThreadPoolExecutor(2) as pool:
        return em.sweep(nets, read, **{"executor": pool, "progress": False} | options)


def by_key(rows):
    found = {row["key"]: row for row in rows}
    return dict(sorted(found.items()))


@given(networks(), networks())
def test_keys_are_those_of_equal_networks(a, b):
    assert (em.network_key(a) == em.network_key(b)) == (a == b)
    assert em.network_key(em.network_from_json(em.network_to_json(a))) == em.network_key(a)


def test_keys_are_the_same_in_another_process():
    code = "import erfmath as em; print(em.network_key(em.zoo.resnet18()))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == em.network_key(em.zoo.resnet18())


def test_rows_are_the_readings(tmp_path):
    found = swept(NETS, ["field", "effective"], out=tmp_path / "rows.jsonl")
    assert (len(found), found.added, found.failed) == (len(NETS), len(NETS), 0)
    rows = by_key(found)
    assert set(rows) == {em.network_key(net) for net in NETS}
    for net in NETS:
        row = rows[em.network_key(net)]
        assert row["field"] == em.receptive_field(net).size
        assert row["effective"] == em.effective_field(net).size


def test_all_named_readings(tmp_path):
    net = em.Conv((3, 3), padding=1, stride=2) ** 3
    names = ["field", "stride", "covered", "effective", "gradient", "spread", "parameters"]
    (row,) = swept([net], names, out=tmp_path / "rows.jsonl")
    assert row["field"] == list(em.receptive_field(net).size)
    assert row["gradient"] == em.effective_field(em.variance(net), profile="std").size
    assert row["gradient"] == em.effective_field(net, profile="std").size
    assert row["spread"] == np.sqrt(em.distribution(net).var()).tolist()
    assert row["parameters"] == em.cost(net, 15).parameters


def test_the_gradient_of_a_network_is_that_of_its_page(tmp_path):
    (row,) = swept(["resnet50"], "gradient", out=tmp_path / "rows.jsonl")
    assert round(row["gradient"], 2) == 255.13  # by autograd 244, and not the 163 of squares squared again


def test_a_second_run_does_what_is_left(tmp_path):
    out, seen = tmp_path / "rows.jsonl", []

    def read(net):
        seen.append(em.network_key(net))
        return {"layers": net.n}

    swept(NETS[:20], read, out=out)
    again = swept([*NETS, *NETS], read, out=out)
    assert (len(again), again.added) == (len(NETS), len(NETS) - 20)
    assert sorted(seen) == sorted(map(em.network_key, NETS))


def test_what_was_torn_is_done_again(tmp_path):
    out = tmp_path / "rows.jsonl"
    whole = by_key(swept(NETS, out=out))
    text = out.read_bytes()
    for cut in (3, 30, 45, len(text) // 2, len(text) - 1):
        out.write_bytes(text[:cut])
        assert by_key(swept(NETS, out=out)) == whole


KILLED = """
import sys
from concurrent.futures import ThreadPoolExecutor
import erfmath as em
def read(net):
    return {"size": em.distribution(net).var()}
em.sweep((em.Conv(3) ** n for n in range(1, 10**6)), read, out=sys.argv[1], executor=ThreadPoolExecutor(2))
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is of POSIX")
def test_a_killed_run_leaves_whole_rows(tmp_path):
    out = tmp_path / "rows.jsonl"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(out)]) as process:
        while not (out.exists() and out.stat().st_size > 20_000):
            time.sleep(0.01)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
    lines = out.read_bytes().split(b"\n")
    rows = [json.loads(line) for line in lines[1:-1]]
    assert len({row["key"] for row in rows}) == len(rows) > 100


FULL = """
import resource, signal, sys
from concurrent.futures import ThreadPoolExecutor
import erfmath as em
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
em.sweep([em.Conv(3) ** n for n in range(1, 60)], "field", out=sys.argv[1], executor=ThreadPoolExecutor(2))
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of a file's size are of POSIX")
def test_a_full_disk_can_be_gone_on_from(tmp_path):
    out = tmp_path / "rows.jsonl"
    stopped = subprocess.run([sys.executable, "-c", FULL, str(out)], capture_output=True, text=True)
    assert "OSError" in stopped.stderr.splitlines()[-1]
    found = swept([em.Conv(3) ** n for n in range(1, 60)], out=out)
    assert len(found) == 59
    assert 0 < found.added < 59
    assert sorted(row["field"] for row in found) == list(range(3, 120, 2))


def test_failures_are_rows(tmp_path):
    def read(net):
        if net.n == 7:
            raise ValueError("seven\nlines")
        return {"n": net.n}

    nets = [*(em.Conv(3) ** n for n in (5, 6, 7)), "conv3", "convolution of three", 5]
    found = swept(nets, read, out=tmp_path / "rows.jsonl")
    errors = {row["network"]: row["error"] for row in found if "error" in row}
    assert errors.keys() == {"Power(Conv(3), 7)", "conv3", "convolution of three", "5"}
    assert errors["Power(Conv(3), 7)"] == "ValueError: seven"
    assert "convolution" in errors["convolution of three"]
    assert found.failed == 4
    assert swept(nets, read, out=tmp_path / "rows.jsonl").failed == 4


@pytest.mark.parametrize(
    ("row", "says"),
    [(3, "dictionary, got 3"), ({1: 2}, "names"), ({"key": 2}, "names"), ({"a": {"b": 1}}, "as 'a'")],
)
def test_what_is_no_row_stops_the_sweep(tmp_path, row, says):
    with pytest.raises(TypeError, match=says):
        swept(NETS[:1], lambda net: row, out=tmp_path / "rows.jsonl")


def test_what_json_cannot_hold_is_a_failure(tmp_path):
    endless = []
    endless.append(endless)
    rows = {3: {"a": 10**5000}, 4: {"a": endless}}
    found = swept([em.Conv(3) ** n for n in (2, 3, 4)], lambda net: rows.get(net.n, {}), out=tmp_path / "a")
    errors = sorted(row["error"].split(":")[0] for row in found if "error" in row)
    assert (len(found), errors) == (3, ["RecursionError", "ValueError"])


def test_a_reading_that_wants_to_exit_is_a_failure(tmp_path):
    found = swept(NETS[:3], lambda net: sys.exit(3), out=tmp_path / "rows.jsonl")
    assert [row["error"] for row in found] == 3 * ["SystemExit: 3"]


@pytest.mark.parametrize("nets", ["resnet18", b"conv3", None, 3, em.Conv(3), {"a": em.Conv(3)}])
def test_a_single_network_is_no_sweep(tmp_path, nets):
    with pytest.raises(TypeError, match="nets must be an iterable of networks"):
        swept(nets, out=tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_module_is_no_sweep_of_its_layers(tmp_path):
    torch = pytest.importorskip("torch", reason="modules need torch")
    with pytest.raises(TypeError, match="got a Sequential"):
        swept(torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3)), out=tmp_path / "rows.jsonl")


@pytest.mark.parametrize(
    ("out", "error", "says"),
    [
        (None, TypeError, "out must be the path"),
        ("", TypeError, "out must be the path"),
        (".", IsADirectoryError, "out is a folder"),
        ("none/rows.jsonl", FileNotFoundError, "out is in a folder that is not there"),
    ],
)
def test_where_no_rows_can_be_kept(tmp_path, monkeypatch, out, error, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        swept(NETS[:1], out=out)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has the device")
def test_a_device_keeps_no_rows():
    with pytest.raises(ValueError, match="out is no file that rows can be kept in: '/dev/full'"):
        swept(NETS[:1], out="/dev/full")


def test_a_sweep_that_wrote_no_row_leaves_the_file_to_another(tmp_path):
    out = tmp_path / "rows.jsonl"
    with pytest.raises(TypeError, match="dictionary, got None"):
        swept(NETS[:1], lambda net: None, out=out)
    assert swept(NETS[:1], "field", out=out).added == 1


def test_rows_hold_numpy_s_values(tmp_path):
    row = {"a": np.float64(0.1), "b": np.array([1, 2]), "c": (True, None), "d": np.inf}
    (found,) = swept(NETS[:1], lambda net: row, out=tmp_path / "rows.jsonl")
    assert (found["a"], found["b"], found["c"], found["d"]) == (0.1, [1, 2], [True, None], np.inf)


def test_a_file_of_another_sweep_is_left_alone(tmp_path):
    out = tmp_path / "rows.jsonl"
    swept(NETS[:3], "field", out=out)
    before = out.read_bytes()
    with pytest.raises(ValueError, match="another sweep, which reads 'field' where this one reads 'stride'"):
        swept(NETS, "stride", out=out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("text", ["my notes", "my notes\n", '{"a": 1}\n', "[]\n", "a\nb\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path, text):
    out = tmp_path / "rows.jsonl"
    out.write_text(text)
    with pytest.raises(ValueError, match="is no file of a sweep"):
        swept(NETS, out=out)
    assert out.read_text() == text


def test_a_line_in_the_middle_that_cannot_be_read_is_named(tmp_path):
    out = tmp_path / "rows.jsonl"
    swept(NETS[:9], out=out)
    lines = out.read_text().splitlines(keepends=True)
    for torn in (lines[4][:20] + "\n", '{"key": "none"}\n', '{"key": 3}\n', "\n"):
        lines[4] = torn
        out.write_text("".join(lines))
        with pytest.raises(ValueError, match="line 5 cannot be read"):
            swept(NETS, out=out)
        assert out.read_text() == "".join(lines)


@pytest.mark.skipif(os.name != "posix", reason="locks are of POSIX")
def test_two_sweeps_do_not_write_one_file(tmp_path):
    out = tmp_path / "rows.jsonl"

    def nested(net):
        with pytest.raises(ValueError, match="being written by another sweep"):
            swept(NETS, nested, out=out)
        return {"a": 1}

    assert not swept(NETS[:1], nested, out=out).failed


@pytest.mark.skipif(os.name != "posix", reason="locks are of POSIX")
def test_rows_added_before_the_lock_are_kept(tmp_path, monkeypatch):
    import fcntl

    out = tmp_path / "rows.jsonl"
    swept(NETS, out=tmp_path / "all.jsonl")
    swept(NETS[:5], out=out)

    def late(*_):  # another sweep ends just before its lock is free
        out.write_bytes((tmp_path / "all.jsonl").read_bytes())

    monkeypatch.setattr(fcntl, "flock", late)
    found = swept(NETS, out=out)
    assert (len(found), found.added) == (len(NETS), 0)


@pytest.mark.skipif(os.name != "posix", reason="locks are of POSIX")
def test_file_systems_without_locks_keep_rows(tmp_path, monkeypatch):
    import errno
    import fcntl

    def none(*_):
        raise OSError(errno.ENOSYS, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    assert len(swept(NETS, out=tmp_path / "rows.jsonl")) == len(NETS)


def test_batches_shrink_where_the_networks_grow(monkeypatch):
    from erfmath.sweeping import run

    def read(items):
        return [run.Line("{}", False)] * len(items), 0.1 if next(taken) < 40 else 10.0 * len(items)

    taken = itertools.count()
    monkeypatch.setattr(run, "_read", lambda _, items: read(items))
    batches = run._Batches(iter([run._Item("", "", None)] * 10_000), dict)
    executor = Immediate()
    executor._max_workers = 1
    sizes = [len(lines) for lines in batches.rows(executor)]
    assert (sizes[0], max(sizes), sizes[-1]) == (1, 256, 1)


def test_so_much_is_taken_as_keeps_the_workers_busy(tmp_path):
    taken, behind = 0, []

    def many():
        nonlocal taken
        for n in range(2, 3000):
            taken += 1
            yield em.Conv(3) ** n

    def read(net):
        behind.append(taken - net.n)
        return {}

    swept(many(), read, out=tmp_path / "rows.jsonl")
    assert len(behind) == 2998
    assert max(behind) < 7 * 256  # three batches a worker and one more


def test_an_interrupt_leaves_a_valid_file(tmp_path):
    out = tmp_path / "rows.jsonl"

    def broken():
        yield from NETS[:40]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swept(broken(), out=out)
    assert len(swept(NETS, out=out)) == len(NETS)


class Immediate:
    """The least that an executor may be."""

    def submit(self, function, *arguments):
        future = Future()
        future.set_result(function(*arguments))
        return future


def test_anything_with_submit_is_an_executor(tmp_path):
    found = by_key(swept(NETS, executor=Immediate(), out=tmp_path / "a.jsonl"))
    assert found == by_key(swept(NETS, out=tmp_path / "b.jsonl"))
    for wrong in (3, ThreadPoolExecutor):
        with pytest.raises(TypeError, match=f"executor must have a method submit, got {wrong!r}"):
            swept(NETS, executor=wrong, out=tmp_path / "c.jsonl")


def test_processes_of_this_machine(tmp_path):
    here = by_key(swept(NETS, ["field", "spread"], out=tmp_path / "a.jsonl"))
    found = em.sweep(NETS, ["field", "spread"], out=tmp_path / "b.jsonl", progress=False)
    assert by_key(found) == here
    with pytest.raises(ValueError, match="cannot be sent to other processes"):
        em.sweep(NETS, lambda net: {}, out=tmp_path / "c.jsonl")


def test_workers_of_a_cluster(tmp_path):
    distributed = pytest.importorskip("distributed", reason="clusters need dask: pip install distributed")
    pytest.importorskip("dask")
    here = by_key(swept(NETS, ["field", "spread"], out=tmp_path / "a.jsonl"))
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        found = em.sweep(
            NETS,
            ["field", "spread"],
            out=tmp_path / "b.jsonl",
            executor=client.get_executor(),
            progress=False,
        )
    assert by_key(found) == here


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(networks(), min_size=1, max_size=5))
def test_random_networks_have_a_row_each(tmp_path_factory, nets):
    found = swept(nets, out=tmp_path_factory.mktemp("sweep") / "rows.jsonl")
    assert {row["key"] for row in found} == {em.network_key(net) for net in nets}


def test_rows_as_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs pyarrow: pip install pyarrow")
    found = swept(NETS, out=tmp_path / "rows.jsonl")
    found.to_parquet(tmp_path / "rows.parquet")
    assert parquet.read_table(tmp_path / "rows.parquet").to_pylist() == list(found)


def test_the_command(tmp_path, capsys):
    words = tmp_path / "nets.txt"
    words.write_text("# three networks\nconv3*2\n\nresnet18\nconv0\n")
    out = tmp_path / "rows.jsonl"
    assert main(["sweep", str(words), "--out", str(out), "--read", "field", "--workers", "1"]) == 0
    assert "3 rows" in capsys.readouterr().out
    assert sorted(str(row.get("field")) for row in em.sweep([], "field", out=out)) == [
        "5",
        "None",
        "[435, 435]",
    ]
    with pytest.raises(SystemExit, match="2"):
        main(["sweep", str(words), "--out", str(out), "--read", "stride"])
    assert "another sweep" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["sweep", str(tmp_path / "none.txt")])


def test_what_the_command_cannot_use_is_named(tmp_path, capsys):
    words, out = tmp_path / "nets.txt", str(tmp_path / "rows.jsonl")
    words.write_bytes(b"conv3\n\xf3\n")
    for options, says in (
        ([], "nets.txt' is no text file in UTF-8"),
        (["--workers", "0"], "--workers must be"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(["sweep", str(words), "--out", out, *options])
        assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("read", "says"), [("size", "read must be one of"), ([], "read must be"), (3, "read must")]
)
def test_readings_have_to_be_known(tmp_path, read, says):
    with pytest.raises((ValueError, TypeError), match=says):
        swept(NETS, read, out=tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()
