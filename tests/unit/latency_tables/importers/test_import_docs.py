"""`docs/latency-tables.md`, section "Bringing a table": its examples are what the importers do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from latency_tables import OperatorKey, TableImportError, read_block_yaml, read_plain_csv
from latency_tables.importers.rows import LARGEST_BYTES, LEAST_SLOWEST_MS, SLOWEST_MS

TEXT = (Path(__file__).parents[4] / "docs" / "latency-tables.md").read_text(encoding="utf-8")
SECTION = TEXT.split("\n## Bringing a table\n", 1)[1].split("\n## ", 1)[0]


def mapping() -> list[tuple[list[str], str]]:
    """Keys and the operator of every row of the section's table that has both."""
    cells = [re.findall(r"`([^`]+)`", line) for line in SECTION.splitlines() if line.startswith("| `")]
    operator = re.compile(r"[a-z_]+ in=")
    return [
        ([text for text in row if "-input:" in text], next(text for text in row if operator.match(text)))
        for row in cells
    ]


def test_the_csv_of_the_document_is_read() -> None:
    block = re.search(r"^```csv\n(.*?)^```$", SECTION, flags=re.MULTILINE | re.DOTALL)
    assert block is not None
    rows = read_plain_csv(block[1].encode(), "document.csv")
    assert (len(rows.operator_ms), rows.fixed_ms, len(rows.covers)) == (2, 0.35, 1)


def test_the_table_has_every_kind() -> None:
    kinds = [OperatorKey.parse(operator).kind for _, operator in mapping()]
    assert kinds == ["stem", "inverted_residual", "head", "head"]


@pytest.mark.parametrize(("keys", "operator"), mapping())
def test_keys_become_the_operator_beside_them(keys: list[str], operator: str) -> None:
    rows = read_block_yaml("".join(f"{key}: {{mean: 1}}\n" for key in keys).encode(), "document.yaml")
    assert {str(key): ms for key, ms in rows.operator_ms.items()}.keys() == {operator}
    assert rows.left_out == ()


def test_middle_channels_of_the_document() -> None:
    (key,) = (key for keys, _ in mapping() for key in keys if key.startswith("expanded_conv"))
    text = key.replace("expand:3", "expand:24") + "-se:0-hs:0: {mean: 1}\n"
    (operator,) = read_block_yaml(text.encode(), "document.yaml").operator_ms
    assert dict(operator.attributes)["expansion"] == 3


def test_limits_are_those_of_the_code() -> None:
    assert f"at most {LARGEST_BYTES // 2**20} MiB" in SECTION
    assert f"more than {SLOWEST_MS:,.0f} ms for one operator" in SECTION
    assert f"below {LEAST_SLOWEST_MS:g} ms" in SECTION


def test_tags_are_refused_as_the_document_says() -> None:
    with pytest.raises(TableImportError, match="tags are not read"):
        read_block_yaml(b"Conv: !!python/name:os.system {mean: 1}\n", "document.yaml")
