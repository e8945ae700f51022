"""Evolution of genomes: NSGA-II on arrays (DESIGN.md, section 2; docs/decisions/0014)."""
