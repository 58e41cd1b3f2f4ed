"""Operators of models run one by one, by their words: without a file or a module."""

import numpy as np

import erfmath as em
from erfmath.models.ir import Constant, Operator
from erfmath.models.operators import translated
from erfmath.models.trace import Trace

SHAPE = (1, 4, 6, 8)


def values(*shape):
    found = np.random.default_rng(0).normal(size=shape)
    return Constant(shape, lambda: found)


def numbers(*given):
    return Constant((len(given),), lambda: np.array(given))


class Line:
    """A trace of operators by their words, each on what the one before it made."""

    def __init__(self, shape=SHAPE, space=None, weights="uniform", **options):
        self.trace = Trace(shape, space, None, options.get("gates", True), weights)
        self.x = self.last = self.trace.input

    def __call__(self, title, *more, made=None, of=None, first=(), count=1, **arguments):
        outputs = tuple(f"{title}{len(self.trace.ran)}.{i}" for i in range(count))
        shapes = made if count > 1 and made is not None else (made,) * count
        inputs = (*first, self.last if of is None else of, *more)
        op = Operator(None, title, title, inputs, outputs=outputs, shapes=shapes, ndim=self.trace.ndim)
        self.made = self.trace.run(translated(op, {"opset": 18, **arguments}))
        self.last = self.made[0]
        return self

    @property
    def net(self):
        return self.trace.network(self.last)

    @property
    def field(self):
        return em.receptive_field(self.net)
