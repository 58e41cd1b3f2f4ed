"""Initialisations by name: the variance of random weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

from .._checks import as_choice

# Variance of the weights times the number of inputs: He et al. 2015; LeCun 1998; Glorot & Bengio 2010 with
# as many channels out as in.
INITS = {"he": 2, "lecun": 1, "glorot": 1}


def gain_of(init: Any, others: Sequence[str] = ()) -> Fraction:
    """Return the variance of the weights times the number of inputs; 0 for `others` than initialisations."""
    if not isinstance(init, Real) or isinstance(init, (bool, np.bool_)):
        return Fraction(INITS.get(as_choice(init, "init", (*INITS, *others)), 0))
    gain: Any = init
    if not 0 < gain < math.inf:
        raise ValueError(f"init must be a name, or the variance times the inputs, over 0, got {init!r}")
    return Fraction(gain) if isinstance(gain, (int, Fraction)) else Fraction(float(gain))
