"""Files as a version writes them, for later ones to read: `python tests/stored.py` fills tests/data/VERSION.

The folder of a version that was released is never written again.
"""

import json
import sys
from pathlib import Path

from examples import LAYERS

import erfmath as em

DATA = Path(__file__).with_name("data")
READINGS = ["field", "stride", "effective"]
SWEPT = ("conv3 max2s2 conv3", "res(conv3p1)*2", "conv3d4")


def measured(seed):
    """Return a measurement that PyTorch's version changes little."""
    return em.measure(em.Conv((3, 3)) >> em.Conv((3, 3), stride=2), runs=2, channels=2, rng=seed)


def write(folder):
    folder.mkdir(parents=True)
    lines = [
        {"expression": net.expression, "key": em.network_key(net), "json": em.network_to_json(net)}
        for net in LAYERS
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "networks.jsonl").write_text(text, encoding="utf-8")
    report = em.analyze("conv7s2p3 max3s2p1 res(conv1 conv3p1 conv1)*3", ndim=2, input_size=64, channels=3)
    (folder / "analysis.json").write_text(json.dumps(report.to_dict(), indent=1) + "\n", encoding="utf-8")
    em.sweep(SWEPT, READINGS, out=folder / "sweep.jsonl", progress=False)
    measured(1).save(folder / "measurement.npz")


if __name__ == "__main__":
    write(DATA / em.__version__.rpartition(".")[0])
    sys.stdout.write(f"wrote {DATA}\n")
