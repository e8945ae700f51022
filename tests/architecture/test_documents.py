"""Documents keep their form: every source that the code names is listed once, decisions are short and numbered."""

from __future__ import annotations

import re

import pytest

from tests.architecture.sources import FOLDERS, PACKAGES, ROOT, name_of

NAME = r"[A-Z][a-z]+"
OTHERS = rf"\s+et\s+al\.|(?:,\s+{NAME})*\s+and\s+{NAME}"
CITATION = re.compile(rf"\b({NAME})(?:{OTHERS}),?\s+(?:(?:ICLR|NeurIPS|CVPR|ICCV|ECCV)\s+)?\(?((?:19|20)\d\d)\b")
SOURCES = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))


def citations(text: str) -> set[tuple[str, str]]:
    """First authors and years of what a text cites, as `One et al. 2020` or `One and Two 2020`."""
    return {(match[1], match[2]) for match in CITATION.finditer(text)}


def test_every_cited_paper_is_a_source() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    cited = {
        (author, year, name_of(path))
        for path in (*files, *DECISIONS)
        for author, year in citations(path.read_text(encoding="utf-8"))
    }
    assert cited
    listed = citations(SOURCES)
    assert sorted(item for item in cited if item[:2] not in listed) == []


def test_every_doi_stands_once() -> None:
    dois = re.findall(r"\[(10\.\d{4,}/[^\]]+)\]\(https://doi\.org/([^)]+)\)", SOURCES)
    assert len(dois) > 10
    assert all(shown == linked for shown, linked in dois)
    assert len({shown.lower() for shown, _ in dois}) == len(dois)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NSGA-II (Deb et al. 2002)", {("Deb", "2002")}),
        ("(Lee et al., NeurIPS 2021)", {("Lee", "2021")}),
        ("(Lee et al.,\n    2021)", {("Lee", "2021")}),
        ("Kung, Luccio and\n    Preparata 1975", {("Kung", "1975")}),
        ("Loshchilov and Hutter 2019", {("Loshchilov", "2019")}),
        ("et al. 2002", set()),
        ("at 2002 and 2003", set()),
    ],
)
def test_citations_are_seen(text: str, expected: set[tuple[str, str]]) -> None:
    assert citations(text) == expected


def test_files_that_the_readme_names_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = "|".join((*FOLDERS, "docs", "docker", r"\.ci"))
    named = set(re.findall(rf"(?<![\w/.$])((?:{folders})/[\w./-]*)(?![\w<])", text))
    assert len(named) > 8
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_no_document_waits_for_a_figure() -> None:
    folders = [*FOLDERS, "docs", "docker"]
    documents = [*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md"))]
    assert len(documents) > 5
    assert sorted(name_of(path) for path in documents if "@@" in path.read_text(encoding="utf-8")) == []


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_has_its_three_parts_on_one_page(path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith(f"# {path.name[:4]}: ")
    assert [line for line in lines if line.startswith("## ")] == ["## Context", "## Decision", "## Consequences"]
    assert len(lines) < 40


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.startswith("# Changelog\n")
    assert "\n## [Unreleased]\n" in text
    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }
