"""Owns reading a supplier's existing codes from CSV, each line one voucher's content; leaves their sealing to others.

The first line names the columns. A line is a record: quotes may hold commas, not line breaks, so that one stray quote
costs one line. Spaces around a value do not count. No message ever quotes a line: it may be worth money.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np

from provenance.core.fingerprint import MAX_CONTENT_BYTES
from provenance.errors import InvalidInput
from provenance.minting import durable
from provenance.minting.contents import Contents
from provenance.minting.encodings import detect
from provenance.minting.progress import Progress, silent

_REPORT_EVERY = 20_000  # lines
_STEP = "read cards"


@dataclass(frozen=True, order=True)
class Problem:
    """Why a line (counted from 1, the header's) cannot be imported."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class BadCards(InvalidInput):
    """Some lines cannot be imported. `problems` has all of them, in the file's order; the text only the first."""

    code = "bad_cards"

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        remedy = "correct the file, or name a file for the rejects to go on without them"
        super().__init__(f"{path} has {len(problems)} bad lines, the first is {problems[0]}; {remedy}", field="import")


@dataclass(frozen=True)
class Cards:
    """What was read: the good lines' contents in the file's order, and what was taken for granted on the way."""

    contents: Contents
    encoding: str
    columns: tuple[str, ...]
    problems: tuple[Problem, ...]


class _BadLine(ValueError):
    """Its text is the reason."""


@dataclass(frozen=True)
class _Layout:
    width: int
    columns: tuple[str, ...]
    places: tuple[int, ...]

    def content(self, line: str) -> str:
        """The chosen value of a line, or `name: value` a line where several are chosen. Raises _BadLine."""
        fields = _fields(line)
        if not any(fields):
            raise _BadLine("it is blank")
        if len(fields) != self.width:
            raise _BadLine(f"it has {len(fields)} fields, the header has {self.width}")
        values = [fields[place] for place in self.places]
        for name, value in zip(self.columns, values, strict=True):
            if not value:
                raise _BadLine(f"{name} is blank")
        if len(values) == 1:
            return values[0]
        return "\n".join(f"{name}: {value}" for name, value in zip(self.columns, values, strict=True))


def read_cards(
    path: Path, columns: Sequence[str] = (), rejects: Path | None = None, progress: Progress = silent
) -> Cards:
    """The contents that `columns` (by name; all where none is given) hold, about 30 bytes a line beside the text.

    Raises BadCards with every line that is blank, malformed, too long or says what an earlier one says; with `rejects`
    these lines go, as they are and under the same header, into that file (mode 0600) instead. Raises InvalidInput for
    a file, an encoding or columns that cannot be read, or where no good line is left. `progress` counts bytes.
    """
    if rejects is not None and rejects.resolve() == path.resolve():
        raise InvalidInput(f"the rejects would overwrite {path}; name another file", field="rejects")
    encoding = detect(path)
    with path.open(encoding=encoding, newline="") as file:
        layout = _layout(file, columns, path)
        contents, lines, problems = _read(file, layout, path.stat().st_size, progress)
    duplicates = _duplicates(contents, lines)
    problems = sorted(problems + [Problem(lines[later], reason) for later, reason in duplicates.items()])
    if problems and rejects is None:
        raise BadCards(path, problems)
    if rejects is not None:
        _write_rejects(path, encoding, problems, rejects)
    good = Contents(text for i, text in enumerate(contents) if i not in duplicates) if duplicates else contents
    if not len(good):
        raise InvalidInput(f"{path} holds no line that could be imported", field="import")
    return Cards(good, encoding, layout.columns, tuple(problems))


def _layout(file: TextIO, columns: Sequence[str], path: Path) -> _Layout:
    try:
        header = _fields(next(file, ""))
    except _BadLine as error:
        raise InvalidInput(f"{path}: the header is malformed: {error}", field="import") from error
    chosen = tuple(columns) or tuple(header) or ("",)
    for name in chosen:
        if header.count(name) != 1 or not name:
            known = ", ".join(header) or "no column at all"
            detail = f"{path} has {header.count(name)} columns named {name!r:.80}; its header names: {known:.400}"
            raise InvalidInput(detail, field="columns")
    return _Layout(len(header), chosen, tuple(header.index(name) for name in chosen))


def _fields(line: str) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], strict=True))]
    except csv.Error as error:
        raise _BadLine("a quote is not closed, or not followed by a comma") from error
    except StopIteration:  # an empty file has no header
        return []


def _read(file: TextIO, layout: _Layout, size: int, progress: Progress) -> tuple[Contents, array[int], list[Problem]]:
    """The contents of all lines that are good by themselves, their line numbers, and the other lines' problems."""
    contents, lines, problems = Contents(), array("L"), []
    for number, line in _numbered(file, size, progress):
        try:
            text = layout.content(line)
            if len(text.encode()) > MAX_CONTENT_BYTES:
                raise _BadLine(f"it is over-long: {len(text.encode())} bytes, at most {MAX_CONTENT_BYTES} fit")
        except _BadLine as error:
            problems.append(Problem(number, str(error)))
            continue
        contents.append(text)
        lines.append(number)
    return contents, lines, problems


def _numbered(file: TextIO, size: int, progress: Progress) -> Iterator[tuple[int, str]]:
    progress(_STEP, 0, size)
    for number, line in enumerate(file, start=2):
        yield number, line
        if number % _REPORT_EVERY == 0:
            progress(_STEP, file.buffer.tell(), size)
    progress(_STEP, size, size)


def _duplicates(contents: Contents, lines: array[int]) -> dict[int, str]:
    """Position of each text that an earlier one equals -> reason. Hashes find them, the texts themselves decide."""
    hashes = np.fromiter(map(hash, contents), np.int64, len(contents))
    order = np.argsort(hashes, kind="stable")
    alike = np.flatnonzero(np.diff(hashes[order]) == 0)
    duplicates, first = {}, {contents[order[place]]: int(order[place]) for place in alike[::-1]}
    for place in alike + 1:
        later = int(order[place])
        earlier = first.setdefault(contents[later], later)
        if earlier != later:
            duplicates[later] = f"it says the same as line {lines[earlier]}"
    return duplicates


def _write_rejects(path: Path, encoding: str, problems: Sequence[Problem], rejects: Path) -> None:
    bad = {1, *(problem.line for problem in problems)}
    with path.open(encoding=encoding, newline="") as file, durable.written(rejects) as out:
        for number, line in enumerate(file, start=1):
            if number in bad:
                out.write(
                    (line.rstrip("\r\n") + "\n").encode(encoding if number == 1 else encoding.removesuffix("-sig"))
                )
