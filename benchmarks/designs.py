"""Ten thousand random ResNet-like networks: effective size against parameters, and where published ones lie.

``python -m benchmarks.designs`` sweeps them on all processors into designs.jsonl (``--out``), going on where
an earlier run was stopped, and prints the front, how published networks compare, and the networks a second
and core. ``--count 500`` takes fewer, ``--plot FILE`` draws the picture.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator, Sequence
from typing import Any

import erfmath as em

from .measure import markdown

PUBLISHED = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "vgg16",
    "mobilenet_v1",
    "mobilenet_v2",
)
_SIDE, _CHANNELS = 224, 3
_MILLIONS = (0.3, 1, 3, 10, 30, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Sweep, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="networks (default: 10000)")
    parser.add_argument("--out", default="designs.jsonl", help="the rows (default: designs.jsonl)")
    parser.add_argument("--plot", metavar="FILE", help="draw the picture: .png, .svg or .pdf")
    given = parser.parse_args(argv)
    begun = time.process_time()
    sample = [resnet_like(seed) for seed in range(40)]
    for net in sample:
        read(net)
    print(f"{len(sample) / (time.process_time() - begun):.1f} networks a second and core\n")
    rows = list(em.sweep(map(resnet_like, range(given.count)), read, out=given.out))
    published = {name: read(getattr(em.zoo, name)()) for name in PUBLISHED}
    print(markdown(["parameters up to", "networks", "largest size", "median size"], _front(rows)))
    print()
    print(
        markdown(
            ["network", "parameters", "size", "random ones beyond", "on the front"], _beside(rows, published)
        )
    )
    if given.plot:
        _plot(rows, published, given.plot)
    return 0


def resnet_like(seed: int) -> em.Node:
    """Return a random residual network: a stem, two to four stages of basic blocks, kernels of 3 or 5."""
    draw = random.Random(seed)
    width, taps = draw.choice([16, 24, 32, 48, 64]), draw.choice([3, 3, 5])
    net = _conv(draw.choice([3, 5, 7]), width, 2)
    if draw.random() < 0.5:
        net = net >> em.Pool((3, 3), stride=2, padding=1, mode="max")
    for stage in range(draw.randint(2, 4)):
        channels, stride = width * 2**stage, 2 if stage else 1
        shortcut = em.Conv((1, 1), stride=stride, channels=channels)
        net = net >> em.Sum([_branch(taps, channels, stride), shortcut]) >> em.Activation("relu")
        copies = draw.randint(0, 5)
        if copies:
            net = net >> (em.Residual(_branch(taps, channels, 1)) >> em.Activation("relu")) ** copies
    return net


def _branch(taps: int, channels: int, stride: int) -> em.Node:
    return _conv(taps, channels, stride) >> em.Activation("relu") >> _conv(taps, channels, 1)


def _conv(taps: int, channels: int, stride: int) -> em.Node:
    return em.Conv((taps, taps), stride=stride, padding=taps // 2, channels=channels)


def read(net: em.Node) -> dict[str, Any]:
    """Return the field, the spread of the impact, the effective field in two dimensions, and the cost."""
    spent = em.cost(net, _SIDE, _CHANNELS)
    law = em.distribution(net)
    return {
        "field": em.receptive_field(net).size,
        "spread": law.var(),
        "size": em.effective_field(law).size,
        "parameters": spent.parameters,
        "macs": spent.macs,
    }


def _front(rows: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield for each limit of parameters how large an effective field may be."""
    for limit in _MILLIONS:
        sizes = sorted(row["size"] for row in rows if row["parameters"] <= 1e6 * limit)
        if sizes:
            yield [f"{limit:g} M", str(len(sizes)), f"{sizes[-1]:.0f}", f"{sizes[len(sizes) // 2]:.0f}"]


def _beside(rows: Sequence[dict[str, Any]], published: dict[str, dict[str, Any]]) -> Iterator[list[str]]:
    """Yield each published network with the random ones that are larger at no more parameters."""
    for name, found in published.items():
        beyond = sum(row["size"] > found["size"] and row["parameters"] <= found["parameters"] for row in rows)
        others = [other for other in published.values() if other is not found]
        ahead = beyond or any(
            other["size"] > found["size"] and other["parameters"] <= found["parameters"] for other in others
        )
        yield [
            name,
            f"{found['parameters'] / 1e6:.2f} M",
            f"{found['size']:.0f}",
            str(beyond),
            "no" if ahead else "yes",
        ]


def _plot(rows: Sequence[dict[str, Any]], published: dict[str, dict[str, Any]], path: str) -> None:
    """Draw sizes over parameters, the published networks named."""
    from matplotlib.figure import Figure

    axes = Figure(figsize=(7, 5), layout="constrained").subplots()
    axes.scatter(
        [row["parameters"] for row in rows], [row["size"] for row in rows], s=3, alpha=0.3, label="random"
    )
    for name, found in published.items():
        axes.plot(found["parameters"], found["size"], "k.")
        axes.annotate(name, (found["parameters"], found["size"]), textcoords="offset points", xytext=(4, 3))
    axes.set(xscale="log", xlabel="parameters", ylabel="side of the effective field (mean weights), pixels")
    axes.figure.savefig(path, dpi=150)


if __name__ == "__main__":
    raise SystemExit(main())
