"""Routers, schemas and the one table of HTTP statuses (DESIGN.md, section 6)."""
