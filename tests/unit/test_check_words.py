"""The check of words finds what it is there for, and does not cry wolf."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.check_words import (
    MOST_WORDS,
    comment_faults_of,
    faults_of,
    help_faults_of,
    main,
    sentences_of,
    template_faults_of,
)

if TYPE_CHECKING:
    from pathlib import Path

LONG = "word " * MOST_WORDS

FAULTS = {
    f"One more {LONG}.": "words in a sentence",
    f"- item\n- a {LONG}.": "words in a sentence",
    f"| a |\n| --- |\n| a {LONG} |": "words in a sentence",
    "A call takes ten, of which two are new.": "of which",
    "The keys are those of Redis.": "those of",
    "Its state is that\nof lean.": "that of",
    "Go and Java have `a` and `b`, respectively.": "respectively",
    "It is not unthinkable.": "not unthinkable",
}

GOOD = (
    f"Half of it. And {'word ' * (MOST_WORDS - 2)}more.",
    f"```text\n{LONG} of which those of\n```",
    f"`{LONG}` is code.",
    "Those are the keys that the user of Redis sees.",
)


@pytest.mark.parametrize("page", FAULTS)
def test_a_fault_is_found_with_its_line(page: str) -> None:
    [(line, fault)] = faults_of(page)
    assert FAULTS[page] in fault
    assert 1 <= line <= 3


@pytest.mark.parametrize("page", GOOD)
def test_nothing_else_is_found(page: str) -> None:
    assert list(faults_of(page)) == []


def test_a_sentence_ends_where_it_ends() -> None:
    said = [sentence for _, sentence in sentences_of("One, e.g. this. `Two` at 1.5 s! *Three*?")]
    assert said == ["One, e.g. this.", "CODE at 1.5 s!", "Three ?"]


def test_the_help_of_commands_is_looked_at() -> None:
    source = 'x = 1\n\n\ndef a() -> None:\n    """Good.\n\n    Those of it.\n    """\n'
    assert [fault for _, fault in help_faults_of(source)] == ["“Those of”: name what they are"]


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n#: Keys, of\n#: which two are new.\ny = 2\n",
        'x = 1\nclass A:\n    """Keys,\n\n    of which two are new."""\n',
        'x = 1\nraise ValueError("keys, of which two are new")\n',
    ],
    ids=["comment", "docstring", "error"],
)
def test_comments_docstrings_and_errors_name_their_nouns(source: str) -> None:
    [(line, fault)] = comment_faults_of(source)
    assert fault.startswith("“of which”")
    assert line in {2, 3}


def test_other_code_is_not_looked_at() -> None:
    source = 'x = "keys, of which two are new"  # one of\ny = 2\n# which is it?\n'
    assert list(comment_faults_of(source)) == []


def test_comments_of_templates_name_their_nouns() -> None:
    source = "local x = 1\n  --# The keys are those\n  --# of Redis.\n--% if those of\n"
    assert list(template_faults_of(source)) == [(2, "“those of”: name what they are")]


def test_faults_are_printed_by_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "README.md").write_text("# A\n\nThe keys are those of Redis.\n")
    assert main(str(tmp_path)) == 1
    assert capsys.readouterr().out.startswith("README.md:3: “those of”")
    (tmp_path / "README.md").write_text("# A\n")
    assert main(str(tmp_path)) == 0
