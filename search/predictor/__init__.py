"""Genome -> expected error with an interval (DESIGN.md, section 2)."""
