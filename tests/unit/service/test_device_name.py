"""Names that are safe as folders and files on every system."""

from __future__ import annotations

import pytest

from service.device_name import is_safe_name


@pytest.mark.parametrize("name", ["a", "raspberry-pi-4", "rpi5", "x_1.2", "0", "console", "com10", "a" * 64, "null"])
def test_safe_names(name: str) -> None:
    assert is_safe_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "a..b", "a.", ".a", "-a", "_a", "A", "a b", "a/b", "a\\b", "a\n", "a\0", "é", "a" * 65, "con",
        "prn", "aux", "nul", "com1", "com0", "lpt9", "con.txt", "nul.tar.gz", "c:", "a\u202eb", "~", "$home", "*",
    ],
)  # fmt: skip
def test_unsafe_names(name: str) -> None:
    assert not is_safe_name(name)
