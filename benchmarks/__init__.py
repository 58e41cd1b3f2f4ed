"""Benchmarks: asv-shaped classes, and runners that need nothing but the package.

- ``python -m benchmarks``: every method over n and k, time and error (``--help`` for the options)
- ``python -m benchmarks.crossover``: where the FFT overtakes direct convolution
- ``python -m benchmarks.tails``: every digit, far out and at great depth: time and worst error to n = 10^7
- ``python -m benchmarks.reach``: the ratios that the project promises
"""
