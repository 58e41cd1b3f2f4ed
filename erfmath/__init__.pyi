"""What type checkers read of the table of public names; a test keeps the two equal."""

from . import plotting as plotting, strategies as strategies, zoo as zoo
from .core.coefficients import (
    coefficients as coefficients,
    log_coefficients as log_coefficients,
    polynomial as polynomial,
)
from .core.plan import Candidate as Candidate, Plan as Plan, plan as plan
from .design.comparison import CandidateRow as CandidateRow, Comparison as Comparison, compare as compare
from .design.designs import Design as Design, Designs as Designs
from .design.productive import (
    LayerContext as LayerContext,
    Productivity as Productivity,
    productive as productive,
)
from .design.repair import repair as repair
from .design.rules import (
    has_no_holes as has_no_holes,
    is_smooth as is_smooth,
    most_gained as most_gained,
    outward_kernel as outward_kernel,
    satisfies_hdc as satisfies_hdc,
)
from .design.search import find_designs as find_designs
from .design.widening import Widening as Widening, WideningRow as WideningRow, widen as widen
from .ensembles.coherence import Coherence as Coherence, coherence as coherence
from .ensembles.fluctuations import Quenched as Quenched, quenched as quenched
from .ensembles.gates import gated as gated
from .ensembles.rectified import rectified_residuals as rectified_residuals
from .formats.json_format import network_from_json as network_from_json, network_to_json as network_to_json
from .formats.notation import parse_network as parse_network
from .formats.registry import register_layer as register_layer
from .formats.schema import json_schema as json_schema
from .formats.to_notation import format_network as format_network
from .laws.clt import CentralLimit as CentralLimit, central_limit as central_limit
from .laws.compound import compound_sum as compound_sum
from .laws.depths import Growth as Growth, GrowthRow as GrowthRow, growth as growth
from .laws.edgeworth import Edgeworth as Edgeworth
from .laws.effective import EffectiveField as EffectiveField, effective_field as effective_field
from .laws.joint import JointDistribution as JointDistribution
from .laws.lattice import LatticeDistribution as LatticeDistribution
from .laws.lazy import ProductDistribution as ProductDistribution, distribution as distribution
from .laws.mixture import mixture as mixture
from .laws.sums import sum_of as sum_of
from .laws.univariate import UnivariateDistribution as UnivariateDistribution
from .laws.verdict import Verdict as Verdict
from .measured.gradients import measure as measure
from .measured.module import to_torch as to_torch
from .measured.result import Agreement as Agreement, Measurement as Measurement, merge as merge
from .measured.verify import UnitCheck as UnitCheck, Verification as Verification, verify as verify
from .models.model import Model as Model
from .models.onnx import from_onnx as from_onnx
from .models.torch import from_torch as from_torch
from .network.activations import activation_gain as activation_gain
from .network.algebra import Identity as Identity, Node as Node, Power as Power, Series as Series, Sum as Sum
from .network.border import Border as Border, border as border
from .network.branches import Concat as Concat, Residual as Residual
from .network.channels import Weighted as Weighted
from .network.cost import Cost as Cost, LayerCost as LayerCost, cost as cost
from .network.distribution import MapDistribution as MapDistribution
from .network.field import ReceptiveField as ReceptiveField, receptive_field as receptive_field
from .network.graph import Graph as Graph
from .network.impact_map import ImpactMap as ImpactMap, impact_map as impact_map
from .network.layers import (
    Activation as Activation,
    Conv as Conv,
    ConvTranspose as ConvTranspose,
    Dropout as Dropout,
    GlobalContext as GlobalContext,
    GlobalPool as GlobalPool,
    Normalization as Normalization,
    Pool as Pool,
    Upsample as Upsample,
)
from .network.moves import Pad as Pad, Slice as Slice
from .network.overlap import Overlap as Overlap, overlap as overlap
from .network.sizes import output_size as output_size, valid_input_sizes as valid_input_sizes
from .network.stage import Stage as Stage, Unbounded as Unbounded, lower as lower
from .network.variance import batch_norm_residuals as batch_norm_residuals, variance as variance
from .polynomials.cumulants import cumulants as cumulants
from .polynomials.kernel import Kernel as Kernel
from .polynomials.product import Factor as Factor, Product as Product
from .report.analysis import Analysis as Analysis
from .report.analyze import analyze as analyze
from .report.conditions import Condition as Condition, assert_sees as assert_sees, check as check
from .report.layers import layer_table as layer_table
from .report.row import LayerRow as LayerRow
from .report.table import LayerTable as LayerTable
from .streaming.buffers import Buffer as Buffer
from .streaming.latency import Latency as Latency, latency as latency
from .streaming.stream import Stream as Stream, stream as stream
from .streaming.waits import Wait as Wait
from .sweeping.key import network_key as network_key
from .sweeping.run import Sweep as Sweep, sweep as sweep
from .tiling.cover import best_tile as best_tile, tiles as tiles
from .tiling.loss import halo_loss as halo_loss
from .tiling.plan import Tile as Tile, TilePlan as TilePlan
from .tiling.seams import Seams as Seams

__version__: str
