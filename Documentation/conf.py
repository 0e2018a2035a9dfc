# SPDX-License-Identifier: GPL-2.0
"""Sphinx configuration of the manual. tools/build/doc.sh runs the build."""

project = "evfd"
master_doc = "index"
exclude_patterns = ["man"]
highlight_language = "none"
html_theme = "alabaster"
html_theme_options = {"page_width": "75em", "sidebar_width": "15em"}
html_show_copyright = False
html_copy_source = False
# doc.sh builds the manual pages beside the manual.
manpages_url = "../man/{page}.{section}.html"
