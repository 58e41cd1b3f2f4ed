"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from typing import Any

from .candidates import CandidateRow, Comparison, compare
from .clt import CentralLimit, Edgeworth, central_limit
from .core.plan import Candidate, Plan, plan
from .core.power import coefficients, log_coefficients, polynomial
from .design import has_no_holes, is_smooth, most_gained, outward_kernel, satisfies_hdc
from .effective import EffectiveField, Growth, GrowthRow, effective_field, growth
from .joint import JointDistribution
from .kernel import Kernel
from .lattice import LatticeDistribution
from .moments import cumulants
from .network.border import Border, border
from .network.compose import Concat, Power, Residual, Series, Sum
from .network.cost import Cost, LayerCost, cost
from .network.field import ReceptiveField, receptive_field
from .network.graph import Graph
from .network.law import MapDistribution
from .network.layers import Activation, Conv, ConvTranspose, Dropout, GlobalPool, Identity, Pool, Upsample
from .network.lower import Stage, Unbounded, lower
from .network.node import Node
from .network.overlap import Overlap, overlap
from .network.sizes import output_size, valid_input_sizes
from .network.summary import LayerRow, LayerTable, layer_table
from .network.weights import activation_gain, batch_norm_residuals, variance
from .notation import network_from_json, network_to_json, parse_network
from .product import Factor, Product
from .product_law import ProductDistribution, distribution

__all__ = [
    "Activation",
    "Border",
    "Candidate",
    "CandidateRow",
    "CentralLimit",
    "Comparison",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Cost",
    "Dropout",
    "Edgeworth",
    "EffectiveField",
    "Factor",
    "GlobalPool",
    "Graph",
    "Growth",
    "GrowthRow",
    "Identity",
    "JointDistribution",
    "Kernel",
    "LatticeDistribution",
    "LayerCost",
    "LayerRow",
    "LayerTable",
    "MapDistribution",
    "Node",
    "Overlap",
    "Plan",
    "Pool",
    "Power",
    "Product",
    "ProductDistribution",
    "ReceptiveField",
    "Residual",
    "Series",
    "Stage",
    "Sum",
    "Unbounded",
    "Upsample",
    "activation_gain",
    "batch_norm_residuals",
    "border",
    "central_limit",
    "coefficients",
    "compare",
    "cost",
    "cumulants",
    "distribution",
    "effective_field",
    "growth",
    "has_no_holes",
    "is_smooth",
    "layer_table",
    "log_coefficients",
    "lower",
    "most_gained",
    "network_from_json",
    "network_to_json",
    "output_size",
    "outward_kernel",
    "overlap",
    "parse_network",
    "plan",
    "polynomial",
    "receptive_field",
    "satisfies_hdc",
    "valid_input_sizes",
    "variance",
]

# What needs PyTorch or ONNX, by the module that holds it.
_OPTIONAL = {
    "from_onnx": ".convert.onnx",
    "from_torch": ".convert.torch",
    "measure": ".empirical",
    "Measurement": ".empirical",
    "Agreement": ".empirical",
    "to_torch": ".torch_module",
}


def __getattr__(name: str) -> Any:
    """Import what few need, or what needs a library, when it is first asked for."""
    import importlib

    if name in ("plotting", "strategies", "zoo"):
        return importlib.import_module(f".{name}", __name__)
    if name in _OPTIONAL:
        return getattr(importlib.import_module(_OPTIONAL[name], __name__), name)
    raise AttributeError(f"module 'erfmath' has no attribute {name!r}")
