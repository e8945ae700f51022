"""Lifecycle, worker and the child process of a search."""
