"""Claims of the literature, each reproduced, refuted or left open: ``python -m benchmarks.literature``."""
