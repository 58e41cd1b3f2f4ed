"""What each kind of operator means, in space and for the channels: one rule each."""

from . import axes, blocks, pointwise, products, windows  # noqa: F401 - they register their rules
from .prepare import PREPARED as PREPARED
from .table import RULES as RULES
