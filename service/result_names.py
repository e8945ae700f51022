"""Names of the files that a finished search leaves; clients never send one."""

from __future__ import annotations

FRONT_JSON = "front.json"
FRONT_CSV = "front.csv"
EVALUATED = "evaluated.json"
BREAKDOWN = "breakdown.json"
