"""The docs site: Markdown by MyST, built by Sphinx with -W, dressed by Furo."""  # noqa: INP001 - Sphinx reads it by its path

from pygments.lexers.special import TextLexer
from sphinx.highlighting import lexers

project = "ticketpay"
project_copyright = "the ticketpay maintainers"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "ticketpay"
html_copy_source = False
myst_heading_anchors = 3
# The diagrams of the states page are Mermaid's; the site shows their source.
lexers["mermaid"] = TextLexer()
