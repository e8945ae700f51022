"""The shipped spaces: one JSON file each."""
