"""Sphinx' configuration of the site. `make docs` builds it without fetching anything."""

from __future__ import annotations

import re
from typing import Any

import matplotlib as mpl
from sphinx_gallery import backreferences

import sklearn_rnn

mpl.use("agg")

project = "sklearn_rnn"
author = "The sklearn_rnn developers"
copyright = f"{author}, BSD-3-Clause"
version = release = sklearn_rnn.__version__
language = "en"

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_templates", "auto_examples/**.ipynb", "auto_examples/**.py"]
templates_path = ["_templates"]
default_role = "py:obj"  # `Name` in a docstring becomes a link if possible
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

# Each class gets one page, which includes its methods.
numpydoc_show_class_members = False
autosummary_generate = True
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # the docstrings say it in words

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples/gallery",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"[\\/]plot_",
    "ignore_pattern": r"reviews\.py$",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/generated/examples",
    "doc_module": ("sklearn_rnn",),
    "only_warn_on_example_error": False,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "show_signature": False,
    "min_reported_time": 1_000_000,  # seconds mean nothing on another machine
    "remove_config_comments": True,
    "image_srcset": ["2x"],
    "reference_url": {"sklearn_rnn": None},
}

html_theme = "pydata_sphinx_theme"
html_title = "sklearn_rnn"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_context = {"default_mode": "auto"}
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_sidebars = {"index": [], "zh/index": [], "start": [], "lecture": [], "zh/lecture": []}
html_theme_options = {
    "logo": {"text": "sklearn_rnn"},
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "secondary_sidebar_items": ["page-toc"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def keep_ours(app: Any, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a class inherits from scikit-learn, which has its own documentation."""
    function = thing.fget if isinstance(thing, property) else thing
    home = getattr(function, "__module__", None) or ""
    is_foreign = what == "class" and not home.startswith("sklearn_rnn")
    return True if is_foreign else None


def keep_underscores(app: Any, what: str, name: str, thing: Any, options: Any, lines: Any) -> None:
    """Escape `n_iter_` in "of shape (n_iter_,)", which docutils would read as a link."""
    lines[:] = [re.sub(r"\((\w+)_,\)", r"(\1\\_,)", line) for line in lines]


def help_screen_readers(
    app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Mark the Chinese pages as such, and no element as a list whose children are not items."""
    if pagename.startswith("zh/"):
        context["language"] = "zh-CN"
    if "body" in context:
        context["body"] = context["body"].replace('role="list" class="citation-list"', "")


def name_thumbnails(app: Any) -> None:
    """Use the titles of the gallery's examples as alternative texts of their thumbnails."""
    for name in ("THUMBNAIL_TEMPLATE", "BACKREF_THUMBNAIL_TEMPLATE"):
        template = getattr(backreferences, name)
        setattr(backreferences, name, template.replace(":alt:\n", ":alt: {title}\n"))


def setup(app: Any) -> None:
    """Connect the functions above to sphinx."""
    app.connect("builder-inited", name_thumbnails, priority=100)  # before the gallery
    app.connect("autodoc-skip-member", keep_ours)
    app.connect("autodoc-process-docstring", keep_underscores, priority=900)  # after numpydoc
    app.connect("html-page-context", help_screen_readers)
