"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from typing import TYPE_CHECKING, Any

from .clt import CentralLimit, Edgeworth, central_limit
from .core.plan import Candidate, Plan, plan
from .core.power import coefficients, log_coefficients, polynomial
from .design import has_no_holes, is_smooth, most_gained, outward_kernel, satisfies_hdc
from .effective import EffectiveField, Growth, GrowthRow, effective_field, growth
from .joint import JointDistribution
from .kernel import Kernel
from .lattice import LatticeDistribution
from .moments import cumulants
from .product import Factor, Product
from .product_law import ProductDistribution, distribution

if TYPE_CHECKING:
    from .candidates import CandidateRow, Comparison, compare
    from .network.border import Border, border
    from .network.channels import Weighted
    from .network.compose import Concat, Power, Residual, Series, Sum
    from .network.cost import Cost, LayerCost, cost
    from .network.field import ReceptiveField, receptive_field
    from .network.graph import Graph
    from .network.impact_map import ImpactMap, impact_map
    from .network.law import MapDistribution
    from .network.layers import Activation, Conv, ConvTranspose, Dropout, GlobalPool, Identity, Pool, Upsample
    from .network.lower import Stage, Unbounded, lower
    from .network.node import Node
    from .network.overlap import Overlap, overlap
    from .network.sizes import output_size, valid_input_sizes
    from .network.summary import LayerRow, LayerTable, layer_table
    from .network.weights import activation_gain, batch_norm_residuals, variance
    from .notation import network_from_json, network_to_json, parse_network

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
    "ImpactMap",
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
    "Weighted",
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
    "impact_map",
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

# Loaded when first asked for, so that kernels alone import fast: networks, and what needs PyTorch or ONNX.
_LATER = {
    "CandidateRow": ".candidates",
    "Comparison": ".candidates",
    "compare": ".candidates",
    "from_onnx": ".convert.onnx",
    "from_torch": ".convert.torch",
    "Agreement": ".empirical",
    "Measurement": ".empirical",
    "measure": ".empirical",
    "Border": ".network.border",
    "Weighted": ".network.channels",
    "ImpactMap": ".network.impact_map",
    "impact_map": ".network.impact_map",
    "border": ".network.border",
    "Concat": ".network.compose",
    "Power": ".network.compose",
    "Residual": ".network.compose",
    "Series": ".network.compose",
    "Sum": ".network.compose",
    "Cost": ".network.cost",
    "LayerCost": ".network.cost",
    "cost": ".network.cost",
    "ReceptiveField": ".network.field",
    "receptive_field": ".network.field",
    "Graph": ".network.graph",
    "MapDistribution": ".network.law",
    "Activation": ".network.layers",
    "Conv": ".network.layers",
    "ConvTranspose": ".network.layers",
    "Dropout": ".network.layers",
    "GlobalPool": ".network.layers",
    "Identity": ".network.layers",
    "Pool": ".network.layers",
    "Upsample": ".network.layers",
    "Stage": ".network.lower",
    "Unbounded": ".network.lower",
    "lower": ".network.lower",
    "Node": ".network.node",
    "Overlap": ".network.overlap",
    "overlap": ".network.overlap",
    "output_size": ".network.sizes",
    "valid_input_sizes": ".network.sizes",
    "LayerRow": ".network.summary",
    "LayerTable": ".network.summary",
    "layer_table": ".network.summary",
    "activation_gain": ".network.weights",
    "batch_norm_residuals": ".network.weights",
    "variance": ".network.weights",
    "network_from_json": ".notation",
    "network_to_json": ".notation",
    "parse_network": ".notation",
    "to_torch": ".torch_module",
}
_SUBMODULES = ("plotting", "strategies", "zoo")


def __getattr__(name: str) -> Any:
    """Import what is loaded later."""
    import importlib

    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _LATER:
        found = getattr(importlib.import_module(_LATER[name], __name__), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'erfmath' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
