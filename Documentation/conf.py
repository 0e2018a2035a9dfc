# SPDX-License-Identifier: GPL-2.0
"""How sphinx builds the manual: see tools/build/doc.sh."""

project = "evfd"
master_doc = "index"
exclude_patterns = ["man"]
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"page_width": "75em", "sidebar_width": "15em"}
html_show_copyright = False
html_copy_source = False
# The manual pages, which doc.sh puts beside this.
manpages_url = "../man/{page}.{section}.html"
