"""How Sphinx builds the pages: `make docs`, output in docs/_build/html."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_sphinx"))

import members  # noqa: E402, docs/_sphinx is no package that is installed

project, author = "nlstm", "The nlstm developers"
release = version = version_of("nlstm")
project_copyright = author

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "code_links",
]
exclude_patterns = ["_build", "_sphinx", "_templates"]
templates_path = ["_templates"]

html_theme = "furo"
html_title = "nlstm"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_copy_source = html_show_sourcelink = False

myst_heading_anchors = 3

# `word` in a docstring links to what has that name, and else is shown as it stands. Names that
# begin with nlstm must exist.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:obj", r"(?!nlstm\.).*")]

autodoc_typehints = "none"  # the numpydoc sections say the types
maximum_signature_line_length = 72
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

autosummary_context = {"shown_members": members.shown_members, "above": members.above}
suppress_warnings = ["config.cache"]  # the functions of autosummary_context cannot be pickled
autosummary_filename_map = members.file_names()

numpydoc_show_class_members = False  # the template lists them
numpydoc_class_members_toctree = False
