"""Evolution of genomes: the only user of pymoo (DESIGN.md, section 2)."""
