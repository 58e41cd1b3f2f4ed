"""Formulas as MathML, written when the site is built: every browser shows it, no script and no server needed.

MathJax would be three megabytes of scripts or a request to somewhere; pictures of formulas cannot be read
aloud or copied. The one thing that a system may lack is a mathematical font, so ziamath's comes along.
"""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

FONT = "STIXTwoMath-Regular.ttf"


def mathml(tex: str, display: str) -> str:
    """Return a formula as a MathML element; several lines are aligned at their ``&``."""
    if r"\\" in tex and r"\begin" not in tex:
        tex = rf"\begin{{aligned}}{tex}\end{{aligned}}"
    try:
        return convert(tex, display=display)
    except Exception as error:
        raise ExtensionError(f"a formula that cannot be read: {tex}") from error


def visit_inline(self: Any, node: nodes.math) -> None:
    """Write a formula in a line."""
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(self: Any, node: nodes.math_block) -> None:
    """Write a formula of its own, which scrolls by itself where it is wider than the screen."""
    self.body.append(self.starttag(node, "div", CLASS="math-block", TABINDEX="0"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({node["number"]})</span>')
    self.body.append(mathml(node.astext(), "block") + "</div>\n")
    raise nodes.SkipNode


def copy_font(app: Sphinx, exception: Exception | None) -> None:
    """Put the font beside the style sheet."""
    if exception is None and app.builder.format == "html":
        with as_file(files("ziamath") / "fonts" / FONT) as font:
            shutil.copyfile(font, Path(app.outdir) / "_static" / FONT)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer as the one in use."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    app.config.html_math_renderer = "mathml"
    app.connect("build-finished", copy_font)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
