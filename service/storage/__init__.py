"""Database, tables, repositories and files of searches."""
