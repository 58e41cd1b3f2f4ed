"""Theoretical and effective sizes of the features of each convolutional family of timm, at an input of 224.

``python -m benchmarks.timm_sizes`` reads one model of each family (`forward_features`, equal weights) in a
process of its own, adds its row to timm_sizes.jsonl (``--out``), and prints the table and what was left out.
A second run goes on with that file: what is in it is not read again, but for what failed. ``--plot FILE``
draws the picture, ``--only NAME`` takes one model. timm 1.0.31, PyTorch and torchvision are needed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import erfmath as em

from .families import FAMILIES, apart, features
from .measure import markdown, progress

SIDE = 224

# Families whose smallest model holds attention.
ATTENTION = """
    beit byoanet cait coat convit cpubone crossvit csatv2 davit deepseek_vit deit edgenext efficientformer
    efficientformer_v2 efficientvit_mit efficientvit_msra eva gcvit gemma4_vit hiera hieradet_sam2 iformer
    levit lowformer maxxvit mobilenetv5 mobilevit mvitv2 naflexvit nest nextvit pit pvt_v2 qwen3_vit shvit
    swiftformer swin_transformer swin_transformer_v2 swin_transformer_v2_cr tiny_vit tnt twins visformer
    vision_transformer vision_transformer_hybrid vision_transformer_relpos vision_transformer_sam vitamin
    volo xcit
"""
# Families that mix all positions by a matrix, a recurrence or a state space.
MIXING = "mlp_mixer sequencer efficientvim"
# Where the smallest model is one for tests, a usual one.
USUAL = {
    "byobnet": "repvgg_a0",
    "convnext": "convnext_tiny",
    "efficientnet": "efficientnet_b0",
    "mambaout": "mambaout_femto",
    "nfnet": "dm_nfnet_f0",
    "resnet": "resnet50",
}
READINGS = {
    "mean": {"profile": "mean", "input_size": SIDE},
    "gradient": {"profile": "std", "input_size": SIDE},
    "mean_free": {"profile": "mean"},
    "gradient_free": {"profile": "std"},
}
HEADER = ["family", "model", "parameters", "stride", "field", "without global context", "mean", "gradient"]
HEADER += ["mean, no borders", "gradient, no borders"]


def main(argv: Sequence[str] | None = None) -> int:
    """Read what is not in the file yet, print the table and what was left out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", help="a single model of timm")
    parser.add_argument("--out", default="timm_sizes.jsonl", help="the rows (default: timm_sizes.jsonl)")
    parser.add_argument("--seconds", type=float, default=60, help="the limit of a model (default: 60)")
    parser.add_argument("--plot", metavar="FILE", help="draw the picture: .png, .svg or .pdf")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(argv)
    if importlib.util.find_spec("timm") is None:
        parser.error("timm is missing: pip install timm==1.0.31 torchvision")
    if given.inner:
        print(json.dumps(read(given.only)))
        return 0
    wanted = {model: family for family, model in models() if given.only in (None, model)}
    if not wanted:
        parser.error(f"{given.only} is none of the models of this table")
    rows = [{**row, "family": wanted[row["name"]]} for row in _rows(wanted, given.out, given.seconds)]
    done = sorted((row for row in rows if "field" in row), key=_order)
    print(markdown(HEADER, map(_shown, done), left=2))
    print(f"\nFamilies: {len(done)}. Left out, as they use attention: {', '.join(ATTENTION.split())}.")
    print(f"Left out, as they mix all positions otherwise: {', '.join(MIXING.split())}.")
    for row in rows:
        if "field" not in row:
            print(f"Left out: {row['family']} ({row['name']}: {row['state']}{_why(row)}).")
    if given.plot:
        _plot(done, given.plot)
    return 0


def models() -> Iterator[tuple[str, str]]:
    """Yield the convolutional families and their models."""
    left = {*ATTENTION.split(), *MIXING.split()}
    for entry in FAMILIES.split():
        family, _, model = entry.partition(":")
        if family not in left:
            yield family, USUAL.get(family, model)


def read(name: str) -> dict[str, Any]:
    """Return the sizes of the features of a model; effective ones without what reads the whole map."""
    module = features(name)
    example = (1, 3, SIDE, SIDE)
    found: dict[str, Any] = {"name": name, "parameters": sum(p.numel() for p in module.model.parameters())}
    try:
        model = em.from_torch(module, example)
        field = em.receptive_field(model)
        found["reads_whole"] = math.isinf(_side(field.size))
        if found["reads_whole"]:
            model = em.from_torch(module, example, global_context=False)
            field = em.receptive_field(model)
        sizes = {key: em.effective_field(model, **how).size for key, how in READINGS.items()}
    except Exception as error:
        return {**found, "state": "refused", "why": str(error)[:300]}
    return {**found, "state": "read", "field": _side(field.size), "stride": _side(field.stride), **sizes}


def _side(sizes: Any) -> float:
    return float(max(sizes))


def _rows(wanted: Iterable[str], out: str, seconds: float) -> list[dict[str, Any]]:
    """Return the rows of the models; those that the file has not, or that failed, are read into it."""
    file = Path(out)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    kept = {row["name"]: row for row in map(json.loads, lines)}
    for name in wanted:
        if "field" not in kept.get(name, {}):
            kept[name] = apart("benchmarks.timm_sizes", name, seconds)
            progress(f"{name}: {kept[name]['state']}")
            _write(file, kept.values())
    return [kept[name] for name in wanted]


def _write(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Write all rows beside the file, then in its place, so that a stop leaves no torn line."""
    beside = file.with_name(file.name + ".part")
    beside.write_text("".join(json.dumps(row) + "\n" for row in rows))
    beside.replace(file)


def _why(row: dict[str, Any]) -> str:
    return f", {row['why']}" if "why" in row else ""


def _order(row: dict[str, Any]) -> tuple[float, str]:
    return row["gradient_free"], row["family"]


def _shown(row: dict[str, Any]) -> list[str]:
    whole = row["reads_whole"]
    return [
        row["family"],
        row["name"],
        f"{row['parameters'] / 1e6:.1f} M",
        f"{row['stride']:g}",
        "inf" if whole else f"{row['field']:.0f}",
        f"{row['field']:.0f}" if whole else "",
        *(f"{row[key]:.0f}" for key in READINGS),
    ]


def _plot(rows: Sequence[dict[str, Any]], path: str) -> None:
    """Draw the three sizes of each family on a line of its own, without borders."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(7, 0.5 + 0.2 * len(rows)), layout="constrained").subplots()
    lines = range(len(rows))
    axes.hlines(lines, [row["mean_free"] for row in rows], [row["field"] for row in rows], color="0.85")
    marks = {"mean_free": ("o", "mean weights"), "gradient_free": ("s", "gradient magnitude")}
    for key, (mark, label) in {**marks, "field": ("|", "theoretical, no global context")}.items():
        axes.plot([row[key] for row in rows], lines, mark, markersize=5, label=label)
    axes.axvline(SIDE, color="0.5", linewidth=0.8, linestyle="--", label=f"input of {SIDE}")
    names = [row["name"] + (" *" if row["reads_whole"] else "") for row in rows]
    axes.set_yticks(lines, names, fontsize=7)
    axes.set(xscale="log", xlabel="side, pixels (*: theoretical field unbounded by global context)")
    axes.legend(fontsize=7)
    axes.figure.savefig(path, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
