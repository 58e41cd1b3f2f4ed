"""Whose effective field: the definitions of papers and tools by their names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .._checks import as_choice
from .rules import LEVEL, Rule, level_of


@dataclass(frozen=True)
class Convention:
    """The rule of a paper or a tool, where it is from, and what the published script does otherwise."""

    rule: Rule
    source: str
    differs: str = ""


CONVENTIONS = {
    "luo2016": Convention(
        Rule("threshold", "centre", "mean", LEVEL),
        "W. Luo, Y. Li, R. Urtasun, R. Zemel, Understanding the effective receptive field in deep "
        "convolutional neural networks, NeurIPS 2016, section 3",
        "networks with random weights, of which the paper shows some, have profile='std'",
    ),
    "replknet": Convention(
        Rule("square", "centre", "std", 0.01),
        "X. Ding, X. Zhang, J. Han, G. Ding, Scaling up your kernels to 31x31: revisiting large kernel "
        "design in CNNs, CVPR 2022, table 10, and erf/analyze_erf.py of DingXiaoH/RepLKNet-pytorch",
        "the script takes log10(x + 1) of the summed gradients first, so that its figure depends on their "
        "scale, and so on weights, normalisation and channels; it takes four shares, .2 .3 .5 .99",
    ),
    "openerf": Convention(
        Rule("radial", "centre", "std", LEVEL),
        "B. J. Kim et al., Understanding Gaussian attention bias of vision transformers using effective "
        "receptive fields, BMVC 2023, and src/openerf/metrics.py of kmbmjn/OpenERF",
        "the script prints the mass within seven radii (5 to 80 pixels) and has no share of its own",
    ),
}


def rule_of(
    definition: str | None = None,
    ref: str | None = None,
    profile: str | None = None,
    *,
    level: Any = None,
    share: Any = None,
    convention: str | None = None,
    in_picture: bool = False,
) -> Rule:
    """Return the rule of a convention, or the usual one, with what is given in the place of its parts."""
    found = Rule()
    if convention is not None:
        found = CONVENTIONS[as_choice(convention, "convention", tuple(CONVENTIONS))].rule
        if in_picture and found.definition in ("square", "radial"):  # as the scripts do
            found = replace(found, ref="picture")
    given: dict[str, Any] = {
        "definition": definition,
        "ref": ref,
        "profile": profile,
        "level": level_of(level, share),
    }
    return replace(found, **{name: part for name, part in given.items() if part is not None})
