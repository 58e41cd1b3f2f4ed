"""Mutation testing: of many small changes of a package, its tests and examples notice how many.

    python .ci/mutants.py laws                     # every change: hours
    python .ci/mutants.py laws --sample 200        # a sample, minutes
    python .ci/mutants.py --sample 200             # of a package on record, by turns: the number of commits
    python .ci/mutants.py laws --at erfmath/laws/lazy.py:88 --tests laws_lazy    # while one writes a test

It prints the changes that no test notices, and exits with 1 where they are more than the share on record in
.ci/mutants.toml, in a sample beyond what chance allows. A run is no proof, and fails, where it does not tell
apart what it plants: changes of a function whose test asserts nothing survive, as do changes that change
nothing; changes of a function whose test says what it returns do not.

Each change is tried in a fork of one pytest session: nothing is written. Which changes: see changes.py; which
tests see them, and for how long: trials.py. Needed beside the package and its extra `test`: mutmut, which
names the changes, and for `models` the extra `onnx` and PyTorch. A system without forks will not do.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changes import Change

ROOT = Path(__file__).resolve().parents[1]
# The tests that answer for a package; display has the pictures and tables of all.
TESTS = {
    "core": ["core_", "polynomials_", "laws_bells"],  # which read the superlevel sets of core
    "laws": ["laws_", "display"],
    "network": ["network_", "display"],
    "models": ["models_"],
    "ensembles": ["ensembles_", "display"],
}
CHANCE = 1e-3  # of a sample that fails although the package is as good as its record
PLANTED = "def unwatched(value):\n    return value + 1\n\n\ndef watched(value):\n    return value + 1\n"
PLANTED_TESTS = """from planted import unwatched, watched


def test_that_asserts_nothing():
    unwatched(2)


def test_that_says_what_it_is():
    assert watched(2) == 3
"""


def main() -> int:
    """Try changes, compare what survives with the record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "package", nargs="?", choices=TESTS, help="default: of those on record the one whose turn it is"
    )
    parser.add_argument("--sample", type=int, metavar="N", help="so many changes, chosen at random")
    parser.add_argument("--seed", type=int, help="of the choice; default: the number of commits")
    parser.add_argument("--at", metavar="FILE[:LINE]|FOLDER", help="only changes there: many may survive")
    parser.add_argument(
        "--tests", nargs="+", metavar="NAME", help="only tests/test_NAME*.py: many may survive"
    )
    args = parser.parse_args()
    records = tomllib.loads((ROOT / ".ci" / "mutants.toml").read_text(encoding="utf-8"))
    package = args.package or list(records)[commits() % len(records)]
    chosen = choose(package, args.sample, commits() if args.seed is None else args.seed, args.at)
    # The examples in its docstrings are tests of a package too.
    tests = files_of(args.tests) if args.tests else [*files_of(TESTS[package]), f"erfmath/{package}"]
    found = survey(chosen, tests)
    allowed = 1.0 if args.at or args.tests else records.get(package, {"survivors": 1.0})["survivors"]
    return verdict(package, found, allowed, whole=args.sample is None)


def files_of(names: list[str]) -> list[str]:
    """Return the files of tests of these names."""
    return sorted({str(path) for name in names for path in (ROOT / "tests").glob(f"test_{name}*.py")})


def commits() -> int:
    """Return the number of commits."""
    command = ["git", "rev-list", "--count", "HEAD"]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def choose(package: str, sample: int | None, seed: int, at: str | None) -> list[Change]:
    """Return the changes of a package, those at a place, or a sample of them."""
    from changes import changes

    file, _, line = (at or "").partition(":")
    place = ROOT / (file or f"erfmath/{package}")
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    every = [change for path in paths for change in changes(path) if not line or int(line) in change.lines]
    tried = every if sample is None else random.Random(seed).sample(every, min(sample, len(every)))
    print(f"{package}: {len(every)} changes, of which {len(tried)} are tried (seed {seed})", flush=True)
    return tried


def survey(tried: list[Change], tests: list[str]) -> list[str]:
    """Return what became of each change."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        planted = [*plant(Path(folder)), *(replace(change, after=change.before) for change in tried[:3])]
        found = try_all(planted, tried, tests, Path(folder))
    check_planted([(change.function, found[change][0]) for change in planted])
    each = sum(found[change][1] for change in tried) / max(len(tried), 1)
    print(f"{time.monotonic() - start:.0f} s, {each:.1f} s of a processor for each change")
    return [found[change][0] for change in tried]


def plant(folder: Path) -> list[Change]:
    """Write the two functions and their tests; return their changes."""
    from changes import changes

    (folder / "planted.py").write_text(PLANTED)
    (folder / "test_planted.py").write_text(PLANTED_TESTS)
    return list(changes(folder / "planted.py"))


def try_all(
    planted: list[Change], tried: list[Change], tests: list[str], folder: Path
) -> dict[Change, tuple[str, float]]:
    """Return what became of changes, and the seconds it took."""
    import pytest
    from trials import Trials

    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    os.chdir(ROOT)
    options = [
        "-q",
        "-s",
        "-m",
        "not slow or hypothesis",  # these take a few examples
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-c",
        "pyproject.toml",
    ]
    trials = Trials([*planted, *tried], folder, quiet=planted)
    done = pytest.main([*options, *tests, str(folder / "test_planted.py")], plugins=[trials])
    if len(trials.found) < len({*planted, *tried}):  # changes of one node planted are one
        raise SystemExit(f"the tests cannot be run: pytest ended with {done}")
    return trials.found


def check_planted(found: list[tuple[str, str]]) -> None:
    """Refuse a run that notices no change of `watched`, one of `unwatched`, or one that changes nothing."""
    sound = {"watched": {"noticed"}, "unwatched": {"survived"}}
    wrong = [(name, fate) for name, fate in found if fate not in sound.get(name, {"survived", "not run"})]
    if wrong or not found:
        raise SystemExit(f"of planted changes those of `watched` alone are noticed in a sound run: {wrong}")


def verdict(package: str, found: list[str], allowed: float, whole: bool) -> int:
    """Print how many survive, and return 1 where that is more than what is allowed."""
    sys.path.insert(0, str(ROOT))
    import erfmath as em

    counts = Counter(fate for fate in found if fate != "no program")
    survivors, total = counts["survived"] + counts["not run"], max(counts.total(), 1)
    chance = em.distribution(em.Kernel([1 - allowed, allowed]), total).sf(survivors - 1)
    worse = survivors > allowed * total if whole else chance < CHANCE
    print(f"{package}: " + ", ".join(f"{n} {fate}" for fate, n in counts.most_common()))
    is_so = f"{'worse' if worse else 'good'} (by chance as many or more: {chance:.2g})"
    print(f"{survivors / total:.3f} survive, {allowed} may: {is_so}")
    return int(worse)


if __name__ == "__main__":
    sys.exit(main())
