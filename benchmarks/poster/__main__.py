"""Run all panels: ``python -m benchmarks.poster [--quick] [--out DIR] [--cifar DIR]``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import a_gaussian, agreement, b_activations, c_architecture, d_growth, e_skip_dropout, f_training
from .report import parser, show

PANELS = (a_gaussian, b_activations, c_architecture, d_growth, e_skip_dropout, f_training, agreement)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the panels one after the other."""
    arguments = parser("", (__doc__ or "").split("\n")[0])
    arguments.add_argument("--only", metavar="TEXT", default="", help="panels whose name contains this")
    arguments.add_argument("--cifar", type=Path, metavar="DIR", help="CIFAR-10, unpacked")
    args = arguments.parse_args(argv)
    images = f_training.opened(arguments, args.cifar)
    for module in PANELS:
        if args.only in module.__name__.rsplit(".", 1)[-1]:
            options = {"images": images} if module is f_training else {}
            show(module.panel, args.quick, args.out, args.seed, **options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
