"""Pictures of impacts and fields, drawn with matplotlib (``pip install 'erfmath[plot]'``).

Each function draws on the axes it is given, or on the axes of a new pyplot figure, and returns them; those of
several axes take a figure. :func:`save` writes it as PNG, SVG or PDF.
"""

from __future__ import annotations

from .comparisons import plot_comparison
from .cones import plot_cone
from .depths import plot_depths, plot_growth
from .figures import fonts_for, new_figure, save
from .maps import plot_impact, plot_projections
from .overlay import as_picture, plot_over
from .profiles import plot_profile

__all__ = [
    "as_picture",
    "fonts_for",
    "new_figure",
    "plot_comparison",
    "plot_cone",
    "plot_depths",
    "plot_growth",
    "plot_impact",
    "plot_over",
    "plot_profile",
    "plot_projections",
    "save",
]
