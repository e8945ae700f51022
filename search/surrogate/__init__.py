"""Search with few, expensive evaluations: fit, propose, evaluate, refit (issue 4; ADR 0009)."""
