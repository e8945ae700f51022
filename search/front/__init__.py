"""The non-dominated set, its hypervolume and its files (DESIGN.md, section 2)."""
