"""The HTTP service: everything that touches HTTP, SQL, files and processes (DESIGN.md, section 3)."""
