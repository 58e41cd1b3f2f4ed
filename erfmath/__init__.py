"""erfmath: what one unit of a convolutional network sees, exactly and in milliseconds."""

from typing import Any

__version__ = "0.1.0"

# The public names, by the module that has them; each is imported when it is first asked for, so that
# `import erfmath` stays light. Type checkers read the same table in __init__.pyi.
_PUBLIC = {
    "core.coefficients": ("coefficients", "log_coefficients", "polynomial"),
    "core.plan": ("Candidate", "Plan", "plan"),
    "design.comparison": ("CandidateRow", "Comparison", "compare"),
    "design.designs": ("Design", "Designs"),
    "design.productive": ("LayerContext", "Productivity", "productive"),
    "design.repair": ("repair",),
    "design.rules": ("has_no_holes", "is_smooth", "most_gained", "outward_kernel", "satisfies_hdc"),
    "design.search": ("find_designs",),
    "design.widening": ("Widening", "WideningRow", "widen"),
    "ensembles.coherence": ("Coherence", "coherence"),
    "ensembles.fluctuations": ("Quenched", "quenched"),
    "ensembles.gates": ("gated",),
    "ensembles.rectified": ("rectified_residuals",),
    "formats.json_format": ("network_from_json", "network_to_json"),
    "formats.notation": ("parse_network",),
    "formats.registry": ("register_layer",),
    "formats.schema": ("json_schema",),
    "formats.to_notation": ("format_network",),
    "laws.clt": ("CentralLimit", "central_limit"),
    "laws.compound": ("compound_sum",),
    "laws.depths": ("Growth", "GrowthRow", "growth"),
    "laws.edgeworth": ("Edgeworth",),
    "laws.effective": ("EffectiveField", "effective_field"),
    "laws.joint": ("JointDistribution",),
    "laws.lattice": ("LatticeDistribution",),
    "laws.lazy": ("ProductDistribution", "distribution"),
    "laws.mixture": ("mixture",),
    "laws.sums": ("sum_of",),
    "laws.univariate": ("UnivariateDistribution",),
    "laws.verdict": ("Verdict",),
    "measured.gradients": ("measure",),
    "measured.module": ("to_torch",),
    "measured.result": ("Agreement", "Measurement", "merge"),
    "measured.verify": ("UnitCheck", "Verification", "verify"),
    "models.model": ("Model",),
    "models.onnx": ("from_onnx",),
    "models.torch": ("from_torch",),
    "network.activations": ("activation_gain",),
    "network.algebra": ("Identity", "Node", "Power", "Series", "Sum"),
    "network.border": ("Border", "border"),
    "network.branches": ("Concat", "Residual"),
    "network.channels": ("Weighted",),
    "network.cost": ("Cost", "LayerCost", "cost"),
    "network.distribution": ("MapDistribution",),
    "network.field": ("ReceptiveField", "receptive_field"),
    "network.graph": ("Graph",),
    "network.impact_map": ("ImpactMap", "impact_map"),
    "network.layers": (
        "Activation",
        "Conv",
        "ConvTranspose",
        "Dropout",
        "GlobalContext",
        "GlobalPool",
        "Normalization",
        "Pool",
        "Upsample",
    ),
    "network.moves": ("Pad", "Slice"),
    "network.overlap": ("Overlap", "overlap"),
    "network.sizes": ("output_size", "valid_input_sizes"),
    "network.stage": ("Stage", "Unbounded", "lower"),
    "network.variance": ("batch_norm_residuals", "variance"),
    "polynomials.cumulants": ("cumulants",),
    "polynomials.kernel": ("Kernel",),
    "polynomials.product": ("Factor", "Product"),
    "report.analysis": ("Analysis",),
    "report.analyze": ("analyze",),
    "report.conditions": ("Condition", "assert_sees", "check"),
    "report.layers": ("layer_table",),
    "report.row": ("LayerRow",),
    "report.table": ("LayerTable",),
    "streaming.buffers": ("Buffer",),
    "streaming.latency": ("Latency", "latency"),
    "streaming.stream": ("Stream", "stream"),
    "streaming.waits": ("Wait",),
    "sweeping.key": ("network_key",),
    "sweeping.run": ("Sweep", "sweep"),
    "tiling.cover": ("best_tile", "tiles"),
    "tiling.loss": ("halo_loss",),
    "tiling.plan": ("Tile", "TilePlan"),
    "tiling.seams": ("Seams",),
}
_MODULES = {name: module for module, names in _PUBLIC.items() for name in names}
_SUBMODULES = ("plotting", "strategies", "zoo")

__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    """Import what a public name stands for."""
    import importlib
    import sys

    if name in _SUBMODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULES:
        here = sys.modules[__name__]  # by which Python says what was meant
        raise AttributeError(f"module 'erfmath' has no attribute {name!r}", name=name, obj=here)
    module = importlib.import_module(f".{_MODULES[name]}", __name__)
    globals().update((public, getattr(module, public)) for public in _PUBLIC[_MODULES[name]])
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*__all__, *_SUBMODULES, "__version__"})
