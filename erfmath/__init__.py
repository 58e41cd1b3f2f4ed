"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from typing import Any

from .clt import CentralLimit, Edgeworth, central_limit
from .core.plan import Candidate, Plan, plan
from .core.power import coefficients, log_coefficients, polynomial
from .effective import EffectiveField, Growth, GrowthRow, effective_field, growth
from .joint import JointDistribution
from .kernel import Kernel
from .lattice import LatticeDistribution
from .moments import cumulants
from .product import Factor, Product
from .product_law import ProductDistribution, distribution

__all__ = [
    "Candidate",
    "CentralLimit",
    "Edgeworth",
    "EffectiveField",
    "Factor",
    "Growth",
    "GrowthRow",
    "JointDistribution",
    "Kernel",
    "LatticeDistribution",
    "Plan",
    "Product",
    "ProductDistribution",
    "central_limit",
    "coefficients",
    "cumulants",
    "distribution",
    "effective_field",
    "growth",
    "log_coefficients",
    "plan",
    "polynomial",
]


def __getattr__(name: str) -> Any:
    """Import `erfmath.strategies` when it is first asked for: it needs Hypothesis."""
    if name == "strategies":
        import importlib

        return importlib.import_module(".strategies", __name__)
    raise AttributeError(f"module 'erfmath' has no attribute {name!r}")
