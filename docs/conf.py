"""Sphinx builds the site from the Markdown in this folder: `make docs`."""

project = "Voucher provenance"
copyright = "the contributors, Apache-2.0"
extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = project
nitpicky = True
suppress_warnings = ["myst.xref_missing_external"]
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1)", r"https://vouchers\.example.*", r"https://rpc\.example.*"]
