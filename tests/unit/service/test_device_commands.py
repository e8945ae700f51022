"""`lutnas devices`, `devices show` and `devices import` as a user types them, in one process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from latency_tables import Honesty, LatencyTable, OperatorKey, read_table, write_table
from search import load_space
from service.cli import main
from tests.service_world import SPACE, board_table

PNG = b"\x89PNG\r\n\x1a\n"


def lutnas(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def checked_table(device: str = "my-board") -> LatencyTable:
    """A table with honesty figures of four networks."""
    honesty = Honesty(4, 0.05, 0.5, 0.75, 0.9, 0.75, 0.04, 1.0, 0.95, (1.0, 2.1, 3.0, 4.6), (1.0, 2.0, 3.12, 4.0))
    return replace(board_table(device=device), honesty=honesty)


def place(table: LatencyTable, data_dir: Path) -> Path:
    path = data_dir / "tables" / table.device / f"{table.space}.json"
    write_table(table, path)
    return path


def operators(space: str = SPACE) -> list[OperatorKey]:
    return [block.operator_key for block in load_space(space).operators()]


def write_csv(path: Path, keys: list[OperatorKey], fixed: str = "fixed,0.5\n", ms: float = 0.05) -> Path:
    path.write_text("operator,latency_ms\n" + fixed + "".join(f"{key},{ms}\n" for key in keys))
    return path


def test_shipped_devices_are_listed_for_a_new_user(data_dir: Path) -> None:
    text = lutnas("devices").stdout
    assert "raspberry-pi-4\n  fbnet-cifar10: published" in text
    assert "never checked on whole networks" in text
    assert not data_dir.exists()


def test_own_devices_are_listed_with_their_figures(data_dir: Path) -> None:
    place(checked_table(), data_dir)
    text = lutnas("devices").stdout
    assert "my-board\n  tiny-cifar10" in text
    assert "75.0 % of 4 networks within 10 %, mean error 5.0 % (measured twice: 4.0 %)" in text


def test_an_emulated_table_is_marked(data_dir: Path) -> None:
    table = checked_table()
    place(replace(table, provenance=replace(table.provenance, emulated=True)), data_dir)
    assert "EMULATED" in lutnas("devices").stdout
    assert "EMULATED" in lutnas("devices", "show", "my-board").stdout


def test_a_damaged_table_is_named_with_its_reason(data_dir: Path) -> None:
    path = place(checked_table(), data_dir)
    path.write_text(path.read_text().replace("my-board", "my-bOard", 1))
    text = lutnas("devices").stdout
    assert f"Damaged, not used: {path}: is damaged" in text
    content = json.loads(lutnas("devices", "--json").stdout)
    assert [fault["file"] for fault in content["damaged_tables"]] == [str(path)]


def test_brackets_in_a_table_are_no_markup(data_dir: Path) -> None:
    table = checked_table()
    place(replace(table, provenance=replace(table.provenance, processor="[bold]x[/bold] [/]")), data_dir)
    for arguments in (("devices",), ("devices", "show", "my-board")):
        assert "[bold]x[/bold] [/]" in lutnas(*arguments).stdout


def test_signs_that_steer_a_terminal_are_not_shown(data_dir: Path) -> None:
    table = checked_table()
    place(replace(table, provenance=replace(table.provenance, processor="\x1b[31mred\x07", notes="a\nb")), data_dir)
    for arguments in (("devices",), ("devices", "show", "my-board")):
        text = lutnas(*arguments).stdout
        assert "[31mred" in text
        assert not set(text) & {"\x1b", "\x07"}


def test_a_terminal_that_knows_ascii_only_is_enough(data_dir: Path) -> None:
    table = checked_table()
    place(replace(table, provenance=replace(table.provenance, processor="Core\N{TRADE MARK SIGN} 9")), data_dir)
    for arguments in (["devices"], ["devices", "show", "my-board"]):
        result = CliRunner(charset="ascii").invoke(main, arguments)
        assert result.exit_code == 0
        assert b"Core? 9" in result.stdout_bytes
        assert result.stdout_bytes.isascii()


def test_the_list_as_json(data_dir: Path) -> None:
    place(checked_table(), data_dir)
    content = json.loads(lutnas("devices", "--json").stdout)
    (own,) = (device for device in content["devices"] if device["name"] == "my-board")
    assert own["tables"][0]["honesty"]["within_10"] == 0.75
    assert own["tables"][0]["sha256"] == checked_table().sha256
    assert content["damaged_tables"] == []


@pytest.mark.parametrize("at", [1, 2])
def test_the_data_folder_may_be_named_before_or_behind_the_subcommand(data_dir: Path, at: int) -> None:
    place(checked_table(), data_dir.with_name("other"))
    option = ("--data-dir", str(data_dir.with_name("other")))
    words = ["devices", "show"]
    words[at:at] = option
    assert "my-board, tiny-cifar10" in lutnas(*words, "my-board").stdout


def test_show_describes_a_device_and_draws_it(data_dir: Path) -> None:
    place(checked_table(), data_dir)
    text = lutnas("devices", "show", "my-board", "--rows", "2").stdout
    assert "mean absolute error" in text
    assert "The mean error is 1.25 times that of measuring twice" in text
    assert "(2 of" in text
    picture = Path("my-board-tiny-cifar10.png")
    assert f"Picture: {picture}" in text
    assert picture.read_bytes().startswith(PNG)


def test_show_says_plainly_that_nothing_was_measured(data_dir: Path) -> None:
    assert not data_dir.exists()
    text = " ".join(lutnas("devices", "show", "pixel-3", "--out", "pictures").stdout.split())
    assert "No whole network was measured" in text
    assert Path("pictures/pixel-3-fbnet-cifar10.png").read_bytes().startswith(PNG)


def test_show_as_json_draws_only_when_told(data_dir: Path) -> None:
    place(checked_table(), data_dir)
    content = json.loads(lutnas("devices", "show", "my-board", "--json", "--rows", "3").stdout)
    (table,) = content["tables"]
    assert len(table["costliest"]) == 3
    assert table["costliest"] == sorted(table["costliest"], key=lambda row: -row["latency_ms"])
    assert content["pictures"] == []
    assert list(Path.cwd().iterdir()) == []
    again = json.loads(lutnas("devices", "show", "my-board", "--json", "--out", "a/b.PNG").stdout)
    assert again["pictures"] == ["a/b.PNG"]


def test_one_space_of_a_device(data_dir: Path) -> None:
    place(checked_table(), data_dir)
    place(board_table("fbnet-cifar10", "my-board"), data_dir)
    lutnas("devices", "show", "my-board", "--space", SPACE)
    assert [path.name for path in Path.cwd().iterdir()] == [f"my-board-{SPACE}.png"]
    refused = lutnas("devices", "show", "my-board", "--out", "one.png", code=2)
    assert "choose one with --space (fbnet-cifar10, tiny-cifar10)" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "no-such"), "No latency table of 'no-such'. Known: pixel-3 for fbnet-cifar10, raspberry-pi-4"),
        (("show", "pixel-3", "--space", "x"), "No latency table of 'pixel-3' for space 'x'"),
        (("show", "../pixel-3"), "No latency table of"),
        (("show", "pixel-3", "--rows", "-1"), "--rows"),
        (("show",), "Missing argument"),
        (("--json", "show", "pixel-3"), "Put --json behind 'show'"),
        (("show", "pixel-3", "--out", "/dev/null/x"), "cannot be written"),
        (("show", "pixel-3", "--out", "/dev/null/x.png"), "cannot be written"),
    ],
)
def test_what_cannot_be_shown_ends_with_a_message(data_dir: Path, arguments: tuple[str, ...], words: str) -> None:
    assert words in lutnas("devices", *arguments, code=2).stderr
    assert not data_dir.exists()


def test_a_damaged_table_of_the_device_asked_for_is_named(data_dir: Path) -> None:
    path = place(checked_table(), data_dir)
    path.write_bytes(b"{")
    assert f"{path} is damaged" in lutnas("devices", "show", "my-board", code=2).stderr


def test_a_csv_becomes_the_table_of_a_device(data_dir: Path) -> None:
    file = write_csv(Path("mine.csv"), operators())
    options = ("--processor", "Board", "--runtime", "ncnn", "--threads", "4", "--source", "me", "--notes", "in a hurry")
    text = lutnas("devices", "import", str(file), "--device", "my-board", "--space", SPACE, *options).stdout
    table = read_table(data_dir / "tables" / "my-board" / f"{SPACE}.json")
    assert f"Written: {data_dir / 'tables' / 'my-board' / SPACE}.json" in text
    assert (table.kind, table.honesty, table.fixed_ms) == ("published", None, 0.5)
    source = table.provenance
    assert (source.processor, source.runtime, source.threads, source.source) == ("Board", "ncnn", 4, "me")
    assert (source.runtime_version, source.runs, source.notes) == ("unknown", None, "in a hurry")
    assert "ncnn, 4 threads" in lutnas("devices").stdout


def test_the_same_import_again_changes_nothing(data_dir: Path) -> None:
    arguments = ("import", str(write_csv(Path("mine.csv"), operators())), "--device", "my-board", "--space", SPACE)
    lutnas("devices", *arguments)
    before = (data_dir / "tables" / "my-board" / f"{SPACE}.json").stat()
    assert "holds this table already" in lutnas("devices", *arguments).stdout
    assert (data_dir / "tables" / "my-board" / f"{SPACE}.json").stat().st_ino == before.st_ino


def test_versions_of_an_imported_table_are_kept(data_dir: Path) -> None:
    for fixed in ("fixed,1\n", "fixed,2\n"):
        file = write_csv(Path("mine.csv"), operators(), fixed)
        lutnas("devices", "import", str(file), "--device", "my-board", "--space", SPACE)
    content = json.loads(lutnas("devices", "show", "my-board", "--json").stdout)
    assert len(content["tables"][0]["versions"]) == 2
    assert "Versions kept: " in lutnas("devices", "show", "my-board").stdout
    assert data_dir.exists()


def yaml_key(key: OperatorKey) -> list[str]:
    """The rows of ProxylessNAS's layout that are this operator; none for one that the layout does not have."""
    numbers = dict(key.attributes)
    shapes = [f"{height}x{width}x{channels}" for channels, height, width in (key.in_shape, key.out_shape)]
    if key.kind == "stem":
        return [f"Conv-input:{shapes[0]}-output:{shapes[1]}"]
    if key.kind == "head":
        _, height, width = key.in_shape
        wide = f"{height}x{width}x{numbers['hidden']}"
        return [f"Conv_1-input:{shapes[0]}-output:{wide}", f"Logits-input:{wide}-output:{key.out_shape[0]}"]
    if key.kind == "skip" or numbers["groups"] > 1 or numbers["expansion"] == 1:
        return []
    same = int(key.in_shape == key.out_shape)
    block = f"-expand:{numbers['expansion']}-kernel:{numbers['kernel']}-stride:{numbers['stride']}-idskip:{same}"
    return [f"expanded_conv-input:{shapes[0]}-output:{shapes[1]}{block}"]


def test_a_yaml_table_and_a_csv_with_the_rest_serve_the_shipped_space(data_dir: Path) -> None:
    keys = operators("fbnet-cifar10")
    rows = {text: key for key in keys for text in yaml_key(key)}
    Path("lut.yaml").write_text("".join(f"{text}: {{count: 9, mean: 0.75}}\n" for text in rows))
    rest = write_csv(Path("rest.csv"), [key for key in keys if key not in rows.values()], "")
    assert 10 < len(rows) < len(keys)
    alone = lutnas("devices", "import", "lut.yaml", "--device", "phone", code=2).stderr
    assert "expansion=1 groups=1 kernel=3 stride=1: is missing, and fbnet-cifar10 needs it" in alone
    assert alone.count("is missing") == min(20, len(rest.read_text().splitlines()) - 1)
    assert not data_dir.exists()
    lutnas("devices", "import", "lut.yaml", str(rest), "--device", "phone")
    table = read_table(data_dir / "tables" / "phone" / "fbnet-cifar10.json")
    assert table.missing(keys) == ()
    assert {table.operator_ms[key] for key in keys if key.kind == "head"} == {1.5}
    assert "ReLU6" in table.provenance.notes


@pytest.mark.parametrize(("ms", "unit"), [(5000.0, "microseconds"), (1.1e-6, "these seconds")])
def test_times_in_another_unit_are_refused(data_dir: Path, ms: float, unit: str) -> None:
    file = write_csv(Path("mine.csv"), operators(), "", ms)
    refused = lutnas("devices", "import", str(file), "--device", "my-board", "--space", SPACE, code=2)
    assert unit in refused.stderr
    assert not data_dir.exists()


def test_a_cell_that_went_wrong_is_named(data_dir: Path) -> None:
    keys = operators("fbnet-cifar10")
    file = write_csv(Path("mine.csv"), keys[:-1], "")
    file.write_text(file.read_text() + f"{keys[-1]},9000\n")
    refused = lutnas("devices", "import", str(file), "--device", "my-board", code=2)
    assert f"{keys[-1]}: 9000 ms is" in refused.stderr
    assert not data_dir.exists()


def test_what_to_know_before_trusting_the_table_is_told(data_dir: Path) -> None:
    file = write_csv(Path("mine.csv"), operators())
    text = lutnas("devices", "import", str(file), "--device", "my-board", "--space", SPACE).stdout
    assert "Note: No network was measured" in text
    assert "Note: A table holds for one number of threads" in text
    assert data_dir.exists()


def test_partial_reports_and_writes_nothing(data_dir: Path) -> None:
    file = write_csv(Path("mine.csv"), operators()[1:])
    text = lutnas("devices", "import", str(file), "--device", "my-board", "--space", SPACE, "--partial").stdout
    assert f"{len(operators()) - 1} of the {len(operators())} of {SPACE}" in text
    assert f"Missing:\n  {operators()[0]}\n" in text
    assert not data_dir.exists()


def test_rows_that_are_left_out_are_told(data_dir: Path) -> None:
    blocks = "".join(
        f"expanded_conv-input:8x8x16-output:8x8x16-expand:{expand}-kernel:3-stride:1-idskip:1-se:1-hs:0: {{mean: 1}}\n"
        for expand in range(32, 57)
    )
    Path("lut.yml").write_text(blocks + "Conv-input:32x32x3-output:16x16x8: {mean: 1}\n")
    text = lutnas("devices", "import", "lut.yml", "--device", "x", "--partial").stdout
    assert "lut.yml: left out, since lutnas has no such operator (25):" in text
    assert text.count("squeeze-excitation") == 20
    assert "  and 5 more" in text
    assert not data_dir.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ok.csv",), "Missing option '--device'"),
        (("--device", "x"), "Missing argument 'FILES...'"),
        (("none.csv", "--device", "x"), "does not exist"),
        (("ok.csv", "--device", "../x"), "is no name for a device"),
        (("ok.csv", "--device", "X"), "is no name for a device"),
        (("ok.csv", "--device", "con"), "is no name for a device"),
        (("ok.csv", "--device", "x", "--space", "no-such"), "Known spaces"),
        (("ok.csv", "--device", "x", "--threads", "0"), "--threads"),
        (("ok.csv", "--device", "x", "--layout", "json"), "--layout"),
        (("ok.csv", "--device", "x", "--layout", "ofa"), "must be one mapping"),
        (("ok.txt", "--device", "x"), "choose with --layout ofa or csv"),
        (("bad.csv", "--device", "x"), "line 2, nothing: 'nothing' is not an operator key"),
        (("ok.csv", "ok.csv", "--device", "x"), "stands in ok.csv and in ok.csv; remove one"),
        (("ok.csv", "--device", "x", "--date", "d" * 5000, "--space", SPACE), "provenance.date"),
    ],
)
def test_what_cannot_be_imported_ends_with_a_message(data_dir: Path, arguments: tuple[str, ...], words: str) -> None:
    for name in ("ok.csv", "ok.txt"):
        write_csv(Path(name), operators())
    Path("bad.csv").write_text("operator,latency_ms\nnothing,1\n")
    assert words in lutnas("devices", "import", *arguments, code=2).stderr
    assert list((data_dir / "tables").glob("*/*.json")) == []


def test_a_folder_that_cannot_be_written_is_told(data_dir: Path) -> None:
    data_dir.write_text("a file where a folder should be")
    write_csv(Path("ok.csv"), operators())
    refused = lutnas("devices", "import", "ok.csv", "--device", "x", "--space", SPACE, code=2)
    assert "--data-dir" in refused.stderr
