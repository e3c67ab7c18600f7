"""The demonstration: a search-engine site of our own, and the run that a local model makes on it.

`groundling.demo.server` serves the site, `groundling.demo.run` is what `groundling demo` does.
"""
