"""Tables that users already have, in other layouts: once-for-all's YAML and a plain CSV (docs/latency-tables.md)."""
