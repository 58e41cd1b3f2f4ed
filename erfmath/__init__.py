"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from .core.plan import Plan, plan
from .core.power import coefficients, polynomial
from .kernel import Kernel

__all__ = ["Kernel", "Plan", "coefficients", "plan", "polynomial"]
