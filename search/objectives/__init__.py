"""What a search minimises and limits (DESIGN.md, section 2)."""
