"""Holds the pages to plain words: no sentence that a hurried reader must read twice.

    python -m tools.check_words [DIRECTORY]

A sentence has at most `MOST_WORDS` words, and none of the phrases of `UNCLEAR`. Looked at are
paragraphs, lists and cells of tables, and the words of the commands' help; code counts as one word.
Comments, docstrings and error messages of the package, and comments of its Lua, have none of the
phrases that stand for a noun. Decisions and the changelog keep the words of their date. Prints
``file:line`` of each sentence, and ends with 1 where there is one.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]

MOST_WORDS = 40

#: Words that stand for a noun further back, which the reader must look for; and what to write.
NOUNLESS = {
    r"of (which|whom)": "begin a new sentence, with its subject",
    r"those (of|that|which|who|with|without)": "name what they are",
    r"that of": "name what it is",
    r"the (former|latter)": "name which",
}
UNCLEAR = {
    **NOUNLESS,
    r"be (it|they)": "say “whether”, or leave it out",
    r"but for": "say “except”",
    r"respectively": "say which belongs to which",
    r"not (un|im|in)\w+able": "say it without two negations",
}
_UNCLEAR = {re.compile(rf"\b{phrase}\b", re.IGNORECASE): hint for phrase, hint in UNCLEAR.items()}
_NOUNLESS = {phrase: hint for phrase, hint in _UNCLEAR.items() if hint in NOUNLESS.values()}

_PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "clients/*/README.md", "lua/vectors/*.md")
_HELP = "profiler/cli/*.py"
_MODULES = "profiler/**/*.py"
_TEMPLATES = "lua/**/*.lua.j2"
_LUA_COMMENT = re.compile(r"\s*--(?!\[|%)[#-]*(.*)")

#: Where a sentence ends: a full stop in "e.g." or in a number is none.
_END = re.compile(r"(?<=[.!?])\s+(?=[\"'*_(]?[A-Z0-9`])")
_MARKDOWN = MarkdownIt("commonmark").enable("table")
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def sentences_of(markdown: str) -> Iterator[tuple[int, str]]:
    """Each sentence of a page with the line of its block."""
    line = 0
    for token in _MARKDOWN.parse(markdown):
        if token.map:
            line = token.map[0] + 1
        if token.type == "inline":
            for sentence in _END.split(_text_of(token)):
                yield line, sentence


def _text_of(token: Token) -> str:
    words = {"code_inline": "CODE"}
    parts = (
        each.content if each.type == "text" else words.get(each.type, " ")
        for each in token.children or ()
    )
    return " ".join("".join(parts).split())


def faults_of(markdown: str) -> Iterator[tuple[int, str]]:
    """What is wrong with a page's sentences, with the line."""
    for line, sentence in sentences_of(markdown):
        count = len(sentence.split())
        if count > MOST_WORDS:
            yield line, f"{count} words in a sentence, at most {MOST_WORDS}: {sentence[:60]}…"
        for phrase, hint in _UNCLEAR.items():
            if found := phrase.search(sentence):
                yield line, f"“{found[0]}”: {hint}"


def help_faults_of(source: str) -> Iterator[tuple[int, str]]:
    """The same for the docstrings of a module's functions, which are the help of commands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (words := ast.get_docstring(node)):
            for line, fault in faults_of(words):
                yield node.lineno + line, fault


def comment_faults_of(source: str) -> Iterator[tuple[int, str]]:
    """What is wrong in a module's comments, docstrings and error messages."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING) and (words := ast.get_docstring(node)):
            yield from _nounless(node.body[0].lineno, words)
        if isinstance(node, ast.Raise):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield from _nounless(part.lineno, part.value)
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = ((at.start[0], at.string) for at in tokens if at.type == tokenize.COMMENT)
    for line, words in _blocks((number, text.lstrip("#: ")) for number, text in comments):
        yield from _nounless(line, words)


def template_faults_of(source: str) -> Iterator[tuple[int, str]]:
    """What is wrong in the comments of a Lua template."""
    lines = enumerate(source.splitlines(), 1)
    comments = ((number, _LUA_COMMENT.match(text)) for number, text in lines)
    for line, words in _blocks((number, found[1].strip()) for number, found in comments if found):
        yield from _nounless(line, words)


def _nounless(line: int, words: str) -> Iterator[tuple[int, str]]:
    flat = " ".join(words.split())
    for phrase, hint in _NOUNLESS.items():
        if found := phrase.search(flat):
            yield line, f"“{found[0]}”: {hint}"


def _blocks(comments: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Comments on lines that follow each other as one, with the first line's number."""
    first, texts = 0, list[str]()
    for line, text in comments:
        if line != first + len(texts):
            yield first, " ".join(texts)
            first, texts = line, []
        texts.append(text)
    yield first, " ".join(texts)


def main(directory: str = str(ROOT)) -> int:
    """Return the exit code."""
    root = Path(directory)
    pages = [page for pattern in _PAGES for page in sorted(root.glob(pattern))]
    found = [(page, *fault) for page in pages for fault in faults_of(page.read_text("utf-8"))]
    for module in sorted(root.glob(_HELP)):
        found += [(module, *fault) for fault in help_faults_of(module.read_text("utf-8"))]
    for module in sorted(root.glob(_MODULES)):
        found += [(module, *fault) for fault in comment_faults_of(module.read_text("utf-8"))]
    for template in sorted(root.glob(_TEMPLATES)):
        found += [(template, *fault) for fault in template_faults_of(template.read_text("utf-8"))]
    for file, line, fault in found:
        print(f"{file.relative_to(root)}:{line}: {fault}")
    if not found:
        print(f"{len(pages)} pages in plain words")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
