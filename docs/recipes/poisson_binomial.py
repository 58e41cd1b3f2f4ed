"""The chance of at least k successes in independent trials, each with a probability of its own.

This is the tail of the Poisson-binomial distribution, to 12 digits however small it is. Needs: nothing more.
"""

from fractions import Fraction

import numpy as np

import erfmath as em

chances = np.linspace(0.001, 0.2, 500)  # one probability for each trial
successes = em.sum_of(np.stack([1 - chances, chances], axis=1))
print(f"expected {successes.mean():.2f}, standard deviation {successes.std():.3f}")

for least in (50, 75, 100, 200):
    exact, normal = successes.sf(least - 1), successes.normal().sf(least - 0.5)
    print(f"at least {least:3}: {exact:.12e}   by the normal distribution {normal:.1e}")
print(f"all 500: a logarithm of {successes.logsf(499):.6f}")

# The same by brute force in whole numbers, for the first trials.
few = [Fraction(float(p)) for p in chances[:20]]
row = [Fraction(1)]
for p in few:
    row = [a * (1 - p) + b * p for a, b in zip([*row, 0], [0, *row], strict=True)]
found = em.sum_of([[1 - p, p] for p in few])
print(f"at least 5 of the first 20: {found.sf(4):.12e}, by fractions {float(sum(row[5:])):.12e}")
