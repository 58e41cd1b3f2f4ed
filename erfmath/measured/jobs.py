"""The runs of a measurement as jobs: one for each seed, or for each batch of a data set."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._checks import as_count
from .._files import checked_path
from .._work import completed
from ..laws.manners import as_generator
from ..words import progress as shown
from .parts import ENDINGS, Record, load_record
from .torch_types import seed_of

if TYPE_CHECKING:
    from .gradients import Work

RUNS = 100

# Seconds from one writing of a checkpoint to the next.
_SECONDS = 5.0

# Parts that are held before they are added up: each holds maps of its own.
_MOST_APART = 64


class Job(NamedTuple):
    """Some runs from one seed.

    Attributes
    ----------
    seed, weights
        Of the runs, and of the weights that a module is built with.
    runs
        How many.
    batch
        The inputs of a single run, None where they are made.
    """

    seed: int
    weights: int
    runs: int
    batch: Any = None


def has_parts(rng: Any) -> bool:
    """Return whether these are several seeds."""
    return isinstance(rng, (range, list, tuple, np.ndarray))


def jobs_of(rng: Any, runs: Any, batches: Iterable[Any] | None, is_net: bool) -> Iterator[Job]:
    """Return the jobs of a measurement; they are made as they are asked for."""
    count = None if runs is None else as_count(runs, "runs", minimum=1)
    if batches is not None:
        return _of_batches(as_generator(rng), itertools.islice(batches, count))
    if has_parts(rng):
        return _of_seeds(list(rng), RUNS if count is None else count, is_net)
    return iter([_job(as_generator(rng), RUNS if count is None else count, is_net)])


def _of_seeds(seeds: list[Any], runs: int, is_net: bool) -> Iterator[Job]:
    """Return a job for each seed, the runs divided among them, the first having one more."""
    if not 0 < len(seeds) <= runs:
        raise ValueError(f"rng must hold 1 to {runs} seeds, a run for each at least, got {len(seeds)}")
    each, more = divmod(runs, len(seeds))
    jobs = [_job(as_generator(seed), each + (i < more), is_net) for i, seed in enumerate(seeds)]
    if len({job.seed for job in jobs}) < len(jobs):
        raise ValueError(f"rng must hold different seeds, got {seeds!r:.80}")
    return iter(jobs)


def _job(generator: np.random.Generator, runs: int, is_net: bool) -> Job:
    weights = seed_of(generator) if is_net else 0
    return Job(seed_of(generator), weights, runs)


def _of_batches(generator: np.random.Generator, batches: Iterable[Any]) -> Iterator[Job]:
    """Yield a job for each batch, whose seed is that of its place."""
    first = seed_of(generator)
    for number, batch in enumerate(batches):
        own = np.random.default_rng([first, number])
        inputs = batch[0] if isinstance(batch, (tuple, list)) else batch
        yield Job(seed_of(own), seed_of(own), 1, inputs)


def recorded(work: Work, jobs: Iterator[Job], executor: Any, checkpoint: Any, progress: bool) -> Record:
    """Return the sums over all jobs, those in the checkpoint included."""
    kept = _Kept(checkpoint, work)
    todo = (job for job in jobs if kept.lacks(job))
    try:
        for record in _records(work, todo, executor, progress):
            kept.add(record)
    finally:
        kept.save()
    return kept.result()


def _records(work: Work, jobs: Iterator[Job], executor: Any, progress: bool) -> Iterator[Record]:
    """Return the sums of each job as it is done; of a single one the runs are shown."""
    begun = list(itertools.islice(jobs, 2))
    rest = itertools.chain(begun, jobs)
    if executor is None and len(begun) < 2:
        return (work.record(job, progress) for job in begun)
    records = (
        map(work.record, rest)
        if executor is None
        else completed(executor, type(work).record, ((work, job) for job in rest))
    )
    return shown(records, "part", None, 1.0) if progress else records


class _Kept:
    """The sums so far, in a file too where there is to be one."""

    def __init__(self, path: Any, work: Work) -> None:
        self.work = work
        self.path = None if path is None else checked_path(path, ENDINGS, "checkpoint")
        self.records: list[Record] = []  # added up now and then: each time looks at all seeds so far
        if self.path is not None and self.path.exists():
            self.records = [load_record(self.path)]
        self._runs = {seed: runs for r in self.records for seed, runs in zip(r.seeds, r.runs, strict=True)}
        self._saved = time.monotonic()
        self._is_own = False

    def lacks(self, job: Job) -> bool:
        """Return whether a job is still to be done, or raise where it was, with another number of runs."""
        if job.seed not in self._runs:
            return True
        if (runs := self._runs[job.seed]) != job.runs:
            raise ValueError(
                f"checkpoint {str(self.path)!r} has {runs} runs of this seed where {job.runs} are asked for; "
                "give the same runs, other seeds or another file"
            )
        self._require_own(job, self.records[0])
        return False

    def _require_own(self, job: Job, record: Record) -> None:
        """Raise where the file is of something else, of which one run tells; later jobs are of the same."""
        if self._is_own:
            return
        try:
            record.subject.require_same(self.work.record(job._replace(runs=1)).subject)
        except ValueError as error:
            raise ValueError(f"checkpoint {str(self.path)!r} is of something else: {error}") from None
        self._is_own = True

    def add(self, record: Record) -> None:
        """Add the sums of a part, and write them down from time to time."""
        if self.records:  # at once, so that what was right is kept
            self.records[0].subject.require_same(record.subject)
        self.records.append(record)
        if time.monotonic() - self._saved > _SECONDS:
            self.save()
        elif len(self.records) > _MOST_APART:
            self.result()

    def save(self) -> None:
        """Write the sums down."""
        if self.path is not None and self.records:
            self.result().save(self.path)
        self._saved = time.monotonic()

    def result(self) -> Record:
        """Return the sums."""
        if not self.records:
            raise ValueError("inputs must hold a batch at least, got none")
        self.records = [Record.added(self.records)]
        return self.records[0]
