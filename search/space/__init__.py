"""Search spaces: genome <-> architecture (DESIGN.md, section 4)."""
