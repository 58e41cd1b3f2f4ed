"""How the site is built: ``python -m sphinx -W --keep-going -j 2 docs build/site``, without a network.

Sphinx reads docstrings as the reference needs them, MyST-NB runs the code of the pages at every build, and
the theme is pydata's: navigation for many pages, light and dark, search without a server, nothing fetched.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_sphinx"), str(HERE.parent)]
# Pages run in kernels of their own, which shall see this erfmath, one thread each, and no user's settings.
os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
os.environ["MATPLOTLIBRC"] = str(HERE / "_sphinx" / "matplotlibrc")
os.environ["IPYTHONDIR"] = str(HERE.parent / "build" / "ipython")
os.environ.setdefault("OMP_NUM_THREADS", "1")

kernel = HERE.parent / "build" / "ipython" / "profile_default" / "ipython_kernel_config.py"
kernel.parent.mkdir(parents=True, exist_ok=True)
kernel.write_text(
    'get_config().InlineBackend.figure_formats = {"svg"}\n'
    "get_config().IPKernelApp.log_level = 40  # errors: that a kernel listens on this machine is known\n",
    "utf-8",
)

import erfmath  # noqa: E402

project = "erfmath"
author = "the erfmath developers"
project_copyright = author
version = release = erfmath.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx.ext.viewcode",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "mathml",
    "public_names",
]
exclude_patterns = ["_sphinx", "_build"]
templates_path = ["_templates"]
nitpicky = True
show_warning_types = True
# There is no inventory of other projects to link to, which would have to be fetched: their names stay text.
nitpick_ignore_regex = [
    (r"py:.*", r"(numpy|np|npt|scipy|sympy|matplotlib|torch|onnx|hypothesis|st|dask|polars|pandas)\..*"),
    (r"py:.*", r"(collections|concurrent|fractions|numbers|os|pathlib|typing)\..*"),
    (r"py:class", r"rv_continuous_frozen"),  # scipy's, which scipy keeps to itself
]

# The reference. Members stand in the order of the source, which groups what belongs together.
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
numpydoc_show_class_members = False  # autodoc lists them, with their docstrings
numpydoc_xref_param_type = False
add_module_names = False
toc_object_entries_show_parents = "hide"

# The pages. A cell that fails fails the build.
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 100
nb_merge_streams = True
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "pydata_sphinx_theme"
html_title = "erfmath"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = [("quiet.js", {"priority": 100})]
html_sidebars = {"gallery": []}  # which has no pages below it
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # a page opened from a folder may not read others
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "erfmath"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "collapse_navigation": False,
}
