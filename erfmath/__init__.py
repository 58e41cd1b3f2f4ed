"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from .clt import CentralLimit, Edgeworth, central_limit
from .core.plan import Plan, plan
from .core.power import coefficients, polynomial
from .effective import EffectiveField, Growth, GrowthRow, effective_field, growth
from .joint import JointDistribution
from .kernel import Kernel
from .lattice import LatticeDistribution
from .moments import cumulants
from .power_law import distribution

__all__ = [
    "CentralLimit",
    "Edgeworth",
    "EffectiveField",
    "Growth",
    "GrowthRow",
    "JointDistribution",
    "Kernel",
    "LatticeDistribution",
    "Plan",
    "central_limit",
    "coefficients",
    "cumulants",
    "distribution",
    "effective_field",
    "growth",
    "plan",
    "polynomial",
]
