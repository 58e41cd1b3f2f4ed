"""Every reading of networks and kernels: ``python -m benchmarks.readings`` prints milliseconds, caches empty.

``--against DIR`` measures another checkout in turns with this one, each round in a process of its own, and
prints the ratio: how a change of the inside is held against the commit before it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

# What a process does once, the import of the interpreter included.
COMMANDS = {
    "import erfmath": ["-c", "import erfmath"],
    "import erfmath, distribution": ["-c", "import erfmath as em; em.distribution([1, 1, 1], 40)"],
    "erfmath analyze resnet50": ["-m", "erfmath", "analyze", "resnet50"],
    "erfmath analyze unet": ["-m", "erfmath", "analyze", "unet"],
    "erfmath impact 3x3 40": ["-m", "erfmath", "impact", "3x3", "40"],
}


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readings", description=__doc__)
    parser.add_argument("--against", type=Path, metavar="DIR", help="another checkout, measured in turns")
    parser.add_argument("--rounds", type=int, default=5, help="processes of each checkout (default: 5)")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.once:
        print(json.dumps(measured()))
        return 0
    checkouts = [ROOT, *([arguments.against.resolve()] if arguments.against else [])]
    rounds: list[list[dict[str, float]]] = [[] for _ in checkouts]
    for number in range(arguments.rounds):
        print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
        for checkout, found in zip(checkouts, rounds, strict=True):
            found.append(one_round(checkout))
    sys.path.insert(0, str(ROOT))
    from benchmarks.measure import machine, markdown

    header = ("reading", "ms", *(("ms before", "ratio") if arguments.against else ()))
    print(f"{machine()}\n\n{markdown(header, table(rounds))}")
    return 0


def table(rounds: Sequence[Sequence[dict[str, float]]]) -> list[tuple[str, ...]]:
    """Return the rows: medians in milliseconds, and the median over rounds of the ratio."""
    rows = []
    for name in rounds[0][0]:
        columns = [[found[name] for found in checkout] for checkout in rounds]
        cells = [f"{1e3 * statistics.median(column):.3g}" for column in columns]
        if len(columns) > 1:
            ratios = [own / before for own, before in zip(*columns, strict=True)]
            cells.append(f"{statistics.median(ratios):.2f}")
        rows.append((name, *cells))
    return rows


def one_round(checkout: Path) -> dict[str, float]:
    """Return seconds of each command and each reading of a checkout, in processes of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    found = {}
    for name, words in COMMANDS.items():
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], env=environment, check=True, capture_output=True, cwd="/")
        found[name] = time.perf_counter() - start
    script = [sys.executable, str(Path(__file__)), "--once"]
    output = subprocess.run(script, env=environment, check=True, capture_output=True, text=True, cwd="/")
    return found | json.loads(output.stdout.splitlines()[-1])


def measured() -> dict[str, float]:
    """Return seconds of each reading, the fastest of three with all caches empty."""
    found = {}
    for name, make, call in readings():
        seconds = []
        for _ in range(3):
            thing = make()
            forget()
            start = time.perf_counter()
            call(thing)
            seconds.append(time.perf_counter() - start)
        found[name] = min(seconds)
    return found


Reading = tuple[str, Callable[[], Any], Callable[[Any], Any]]


def readings() -> list[Reading]:
    """Return (name, what makes the thing to read, the reading)."""
    import erfmath as em

    def deep() -> Any:
        layers = {"a0": (em.Conv(3, padding=1), "input")}
        for i in range(1, 2000):
            layers[f"a{i}"] = (em.Conv(3, padding=1), f"a{i - 1}", f"a{max(0, i - 2)}")
        return em.Graph(layers)

    def threshold(net: Any) -> Any:
        return em.effective_field(em.distribution(net)).count

    zoo = em.zoo
    found: list[Reading] = [
        ("field of ResNet-152", zoo.resnet152, lambda net: em.receptive_field(net).size),
        ("field of U-Net, depth 5", lambda: zoo.unet(depth=5), lambda net: em.receptive_field(net).phases),
        ("field of a graph of 2000 layers", deep, lambda net: em.receptive_field(net).size),
        (
            "layers of ResNet-50 at 224",
            zoo.resnet50,
            lambda net: len(em.layer_table(net, 224, channels=3)),
        ),
        ("cost of ResNet-50 at 224", zoo.resnet50, lambda net: em.cost(net, 224, 3).macs),
        ("distribution of ResNet-50", zoo.resnet50, lambda net: em.distribution(net).support()),
        (
            "marginal of ResNet-50",
            zoo.resnet50,
            lambda net: em.distribution(net).marginal(0).probabilities(),
        ),
        ("map of ResNet-50", zoo.resnet50, lambda net: em.distribution(net).probabilities()),
        ("map of ResNet-101", zoo.resnet101, lambda net: em.distribution(net).probabilities()),
        ("effective field of ResNet-50", zoo.resnet50, threshold),
        ("effective field of VGG-16", zoo.vgg16, threshold),
        ("variance of ResNet-18", zoo.resnet18, lambda net: threshold(em.variance(net))),
        (
            "central limit of ResNet-50",
            zoo.resnet50,
            lambda net: em.central_limit(em.distribution(net).marginal(0).polynomial).distance,
        ),
        (
            "corner of ResNet-18 at 224",
            zoo.resnet18,
            lambda net: em.distribution(net, at=(0, 0), input_size=224).support(),
        ),
        ("3x3 kernel, 40 layers", lambda: em.Kernel.uniform((3, 3)), lambda k: threshold(k)),
        (
            "1e6 steps, row",
            lambda: em.Kernel([1, 1, 1]),
            lambda k: em.distribution(k, 10**6).probabilities(),
        ),
        ("1e12 steps, tail", lambda: em.Kernel([1, 1, 1]), lambda k: em.distribution(k, 10**12).sf(10**12)),
    ]
    return found + models()


def models() -> list[Reading]:
    """Return the readings of model files, where onnx and torch are there."""
    import erfmath as em

    found: list[Reading] = []
    try:
        import onnx
    except ImportError:
        return found
    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    for name in ("resnet50", "densenet121", "inception_v2"):
        path = folder / f"light_{name}.onnx"
        found.append((f"from_onnx, light_{name}", lambda path=path: onnx.load(path), em.from_onnx))
    path = folder / "light_squeezenet.onnx"
    found.append(
        (
            "energies of light_squeezenet",
            lambda: onnx.load(path),
            lambda model: em.distribution(em.from_onnx(model, weights="energy")).support(),
        )
    )
    try:
        import torch
    except ImportError:
        return found

    def module() -> Any:
        torch.manual_seed(0)
        layers: list[Any] = []
        for _ in range(6):
            layers += [torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
        return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 7, 2, 3), *layers).eval()

    found.append(("from_torch, 7 convolutions", module, lambda m: em.from_torch(m, (1, 3, 64, 64))))
    found.append(
        (
            "given weights, 7 convolutions",
            module,
            lambda m: em.impact_map(em.from_torch(m, (1, 3, 64, 64), weights="given")).values,
        )
    )
    return found


def forget() -> None:
    """Empty the caches, so that every round does all the work."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("erfmath.")]
    for entry in (entry for module in modules for entry in list(vars(module).values())):
        if hasattr(entry, "cache_clear") and not isinstance(entry, type):
            entry.cache_clear()


if __name__ == "__main__":
    raise SystemExit(main())
