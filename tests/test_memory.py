"""How much room there is: what the machine has left, within the limits of a container or of a job."""

import os

import pytest

from erfmath import _memory
from erfmath._memory import available_memory, check_memory

GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A folder in the place of /, with 8 GiB free; returns how files are written into it."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "ascii")

    monkeypatch.setattr(_memory, "_ROOT", tmp_path)
    write({"proc/meminfo": f"MemTotal: 99 kB\nHugePages_Total: 0\nMemAvailable:  {8 * GIB // 1024} kB\n"})
    return write


def second(folder, limit, taken=0, files=0):
    """The files of a group as Linux has them since 2016."""
    stat = f"anon 1\ninactive_file {files}\n"
    names = {"memory.max": f"{limit}\n", "memory.current": f"{taken}\n", "memory.stat": stat}
    return {f"sys/fs/cgroup/{folder}/{name}": text for name, text in names.items()}


def test_without_limits_it_is_what_the_machine_has_left(system):
    assert available_memory() == 8 * GIB
    system({"proc/self/cgroup": "0::/user.slice/a b.scope\n"})
    assert available_memory() == 8 * GIB
    system(second("user.slice", "max", GIB))
    assert available_memory() == 8 * GIB


def test_a_container_has_what_its_limit_leaves(system):
    """Of what is taken, files that were read can be dropped."""
    system({"proc/self/cgroup": "0::/\n", **second("", 3 * GIB, 2 * GIB, GIB // 2)})
    assert available_memory() == 3 * GIB // 2
    system(second("", 3 * GIB, 4 * GIB))
    assert available_memory() == 0
    with pytest.raises(ValueError, match=r"a row needs 134 MB and 0 B are free; use less"):
        check_memory(2**27, "a row", "use less")
    check_memory(2**26, "a row", "use less")


def test_a_job_has_the_least_of_all_limits_around_it(system):
    path = "slurm/job_7/step_0"
    system({"proc/self/cgroup": f"12:cpu:/x\n0::/{path}\n", **second(path, "max", GIB)})
    system({**second("slurm/job_7", 2 * GIB, GIB), **second("slurm", 7 * GIB, GIB)})
    assert available_memory() == GIB


def test_the_first_version_of_groups(system):
    """A container may have its own group at the top, and be told another path."""
    names = {"memory.limit_in_bytes": 2 * GIB, "memory.usage_in_bytes": GIB}
    system({f"sys/fs/cgroup/memory/{name}": f"{value}\n" for name, value in names.items()})
    system({"sys/fs/cgroup/memory/memory.stat": "inactive_file 5\ntotal_inactive_file 7\n"})
    system({"proc/self/cgroup": "9:name=systemd:/\n4:memory:/docker/0af\n0::/\n"})
    assert available_memory() == GIB + 7


def test_systems_without_such_files(tmp_path, monkeypatch):
    monkeypatch.setattr(_memory, "_ROOT", tmp_path)
    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert available_memory() == 2048_000
    monkeypatch.delattr(os, "sysconf")
    assert available_memory() == 4 * GIB


def test_this_system_has_some():
    assert available_memory() > 0
