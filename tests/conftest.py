import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: threads fight over the short convolutions here

import pytest
from hypothesis import Phase, settings

settings.register_profile(
    "quick", max_examples=50, deadline=None, print_blob=True, derandomize=bool(os.environ.get("CI"))
)
settings.register_profile("deep", max_examples=2000, deadline=None, print_blob=True)
settings.register_profile(
    "mutants",
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def double():
    """Let torch compute in double precision."""
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
