"""Changes tried in forks of one pytest session: which tests run a line, whether one notices."""

from __future__ import annotations

import ast
import functools
import gc
import importlib
import os
import pickle
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import coverage
import pytest
from _pytest.runner import runtestprotocol
from _pytest.warnings import catch_warnings_for_item
from changes import Change, lines_that_tell, living

SECONDS = 3.0  # of tests that a change is shown, the shortest first: what they do not notice survives
LOOPING = 10  # times as long as the tests take unchanged: a change for which they take longer is noticed
IMPOSSIBLE, BROKEN = 3, 70  # how a fork ends: the change is no program; this program is wrong
ROOM = 4 << 30  # bytes that a change may take beyond what the session has


class Ended(NamedTuple):
    """A fork that ended: of what, how (as `os.wait` says), after how many seconds, where its words are."""

    key: Any
    status: int
    seconds: float
    said: Path


class Trials:
    """A plugin that tries changes where pytest would run tests; `found` has what became of each."""

    def __init__(self, changes: list[Change], folder: Path, quiet: list[Change]) -> None:
        self.changes, self.folder, self.quiet = changes, folder, set(quiet)
        self.found: dict[Change, tuple[str, float]] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Watch what each test runs and how long it takes, then try the changes."""
        if session.testsfailed:
            raise session.Interrupted("a file of tests cannot be read")
        self.load()
        warm()
        forget()
        living()
        runs, seconds = self.watch(session.items)
        print(f"{len(session.items)} tests take {sum(seconds.values()):.0f} s of a processor", flush=True)
        items = {item.nodeid: item for item in session.items}
        shown = {
            change: [items[name] for name in shortest(names, seconds)]
            for change, names in tests_of(self.changes, runs)
        }
        work = (
            (change, functools.partial(try_out, change, tests, seconds)) for change, tests in shown.items()
        )
        for change, status, used, said in side_by_side(work, self.folder):
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == BROKEN:
                raise pytest.UsageError(f"{change}\ncannot be made: {said.read_text()[-5000:]}")
            self.note(change, fate(status) if shown[change] else "not run", used)
        return True

    def load(self) -> None:
        """Import the modules that are changed: the package itself waits until it needs them."""
        for path in {change.path for change in self.changes}:
            if path.is_relative_to(Path.cwd()):
                importlib.import_module(".".join(path.relative_to(Path.cwd()).with_suffix("").parts))

    def note(self, change: Change, fate: str, used: float) -> None:
        """Keep what became of a change, and print it where no test noticed."""
        self.found[change] = fate, used
        if fate not in ("noticed", "looped") and change not in self.quiet:
            print(f"{fate}: {change}\n    after {used:.1f} s of a processor", flush=True)

    def watch(self, items: list[pytest.Item]) -> tuple[dict[tuple[str, int], set[str]], dict[str, float]]:
        """Return the tests that run each line, and the seconds of each test; each file of tests is a fork."""
        files = defaultdict(list)
        for item in items:
            files[item.path].append(item)
        changed = sorted({str(change.path) for change in self.changes})
        notes = {path: self.folder / f"{number}.pickle" for number, path in enumerate(files)}
        work = ((path, functools.partial(watch, files[path], changed, notes[path])) for path in files)
        for path, status, _, said in side_by_side(work, self.folder):
            if status:
                print(said.read_text()[-5000:])
                raise pytest.UsageError(
                    f"{path}: unchanged, its tests must pass; run them with HYPOTHESIS_PROFILE=mutants"
                )
        runs, seconds = defaultdict(set), {}
        for note in notes.values():
            lines, times = pickle.loads(note.read_bytes())
            seconds |= times
            for line, names in lines.items():
                runs[line] |= names
        return runs, seconds


def warm() -> None:
    """Let torch load what its first export needs, where tests have loaded torch, since each fork would."""
    if torch := sys.modules.get("torch"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.export(torch.nn.Identity(), (torch.zeros(1),))


def watch(items: list[pytest.Item], files: list[str], note: Path) -> int:
    """Write down which lines of files each test runs, and its time."""
    os.environ["COVERAGE_CORE"] = "ctrace"
    watcher = coverage.Coverage(data_file=None, include=files, config_file=False)
    watcher.set_option("run:disable_warnings", ["no-data-collected"])  # by tests that are all skipped
    seconds = {}
    watcher.start()
    for item, following in pairwise([*items, None]):
        forget()
        watcher.switch_context(item.nodeid)
        start = time.process_time()
        if not passes(item, following):
            return 1
        seconds[item.nodeid] = time.process_time() - start
    watcher.stop()
    data, runs = watcher.get_data(), {}
    for file in data.measured_files():
        for line, names in data.contexts_by_lineno(file).items():
            runs[file, line] = set(names) & seconds.keys()
    note.write_bytes(pickle.dumps((runs, seconds)))
    return 0


def tests_of(
    changes: list[Change], runs: dict[tuple[str, int], set[str]]
) -> Iterator[tuple[Change, set[str]]]:
    """Yield each change and the tests that run the statement it is in."""
    trees = {
        path: ast.parse(path.read_text(encoding="utf-8")) for path in {change.path for change in changes}
    }
    for change in changes:
        lines = lines_that_tell(change, trees[change.path])
        yield change, set().union(*(runs[str(change.path), line] for line in lines))


def shortest(names: Iterable[str], seconds: dict[str, float]) -> list[str]:
    """Return tests by their time, as many as fit in what a change is shown, and one at least."""
    total, chosen = 0.0, []
    for name in sorted(names, key=lambda name: (seconds[name], name)):
        total += seconds[name]
        if chosen and total > SECONDS:
            break
        chosen.append(name)
    return chosen


def try_out(change: Change, items: list[pytest.Item], seconds: dict[str, float]) -> int:
    """Return 0 where no test notices a change that is made in this process."""
    limit = int(LOOPING * sum(seconds[item.nodeid] for item in items)) + 10
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    signal.alarm(10 * limit)  # where it waits for what does not come
    held = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))
    try:
        change.make()
    except (SyntaxError, ValueError):
        return IMPOSSIBLE
    forget()
    try:
        return int(not all(passes(item, following) for item, following in pairwise([*items, None])))
    except BaseException:  # that which ends pytest, in the fork, where a test runs into it
        return 1


def fate(status: int) -> str:
    """Return what became of a change, by how its fork ended."""
    if os.WIFSIGNALED(status):
        return (
            "looped" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM, signal.SIGKILL) else "noticed"
        )
    return {0: "survived", IMPOSSIBLE: "no program"}.get(os.WEXITSTATUS(status), "noticed")


def passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    """Run a test, say how it fails, return whether it passes or is skipped."""
    with catch_warnings_for_item(item.config, item.ihook, "runtest", item):  # by its marks
        reports = runtestprotocol(item, log=False, nextitem=following)
    failed = [report for report in reports if report.failed]
    for report in failed:
        print(f"{item.nodeid}\n{report.longreprtext}", file=sys.stderr)
    return not failed


@functools.cache
def caches() -> list[Any]:
    """Return all that keeps results of the package; found once, before the forks: there are many objects."""
    return [
        kept
        for kept in gc.get_objects()
        if callable(getattr(type(kept), "cache_clear", None))
        and str(getattr(kept, "__module__", "")).startswith("erfmath")
    ]


def forget() -> None:
    """Clear all results that the package keeps, so that what ran before hides nothing."""
    for kept in caches():
        kept.cache_clear()


def side_by_side(work: Iterable[tuple[Any, Callable[[], int]]], folder: Path) -> Iterator[Ended]:
    """Do each work in a fork, as many at a time as processors; what they say goes to files in a folder."""
    running: dict[int, Any] = {}
    for key, task in work:
        if len(running) == len(os.sched_getaffinity(0)):
            yield ended(running, folder)
        process = os.fork()
        if not process:
            in_fork(task, folder)
        running[process] = key
    while running:
        yield ended(running, folder)


def ended(running: dict[int, Any], folder: Path) -> Ended:
    """Wait for a fork."""
    process, status, usage = os.wait4(-1, 0)
    return Ended(running.pop(process), status, usage.ru_utime + usage.ru_stime, folder / f"{process}.txt")


def in_fork(task: Callable[[], int], folder: Path) -> None:
    """Do a task, and end."""
    code = BROKEN
    try:
        said = os.open(folder / f"{os.getpid()}.txt", os.O_WRONLY | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(said, stream)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code = task()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
