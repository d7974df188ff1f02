"""Owns reading a supplier's existing codes from CSV, each line one voucher's content; leaves their sealing to others.

The first line names the columns, unless it is said that there is no header: then they are 1, 2, …. A line is a record:
quotes may hold separators, not line breaks, so that one stray quote costs one line. Spaces around a value do not
count. No message ever quotes a line: it may be worth money.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np

from provenance.core.fingerprint import MAX_CONTENT_BYTES
from provenance.errors import InvalidInput
from provenance.minting import durable
from provenance.minting.card_lines import canonical, damage, explain, too_long
from provenance.minting.contents import Contents
from provenance.minting.encodings import detect
from provenance.minting.progress import Progress, silent

_REPORT_EVERY = 20_000  # lines
_STEP = "read cards"
_SEPARATORS = ",;\t"
_LOOKED_AT = 50  # lines that tell a separator
_REASONS = ("reject_line", "reject_reason")
_LIKE_A_CODE = re.compile(r"(?=.*\d{4}|.*\d.*[A-Za-z].*\d)[\w.+-]+")


@dataclass(frozen=True)
class Format:
    """What the supplier says about the file; what is None is found out, and refused where it stays open."""

    encoding: str | None = None
    header: bool | None = True
    separator: str | None = None
    as_is: bool = False


AS_FOUND = Format()


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
    separator: str
    header: bool
    as_is: bool

    def content(self, line: str) -> str:
        """The chosen value of a line, or `name: value` a line where several are chosen. Raises _BadLine."""
        fields = _fields(line, self.separator)
        if not any(fields):
            raise _BadLine("it is blank")
        if len(fields) != self.width:
            raise _BadLine(f"it has {len(fields)} fields, the first line has {self.width}")
        values = [fields[place] for place in self.places]
        for name, value in zip(self.columns, values, strict=True):
            if not canonical(value):
                raise _BadLine(f"{name} is blank")
            if not self.as_is and (found := damage(value)):
                raise _BadLine(f"{name}: {explain(found)}")
        if len(values) == 1:
            return values[0]
        return "\n".join(f"{name}: {value}" for name, value in zip(self.columns, values, strict=True))


def read_cards(
    path: Path,
    columns: Sequence[str] = (),
    rejects: Path | None = None,
    progress: Progress = silent,
    form: Format = AS_FOUND,
) -> Cards:
    """The contents that `columns` (by name; all where none is given) hold, about 30 bytes a line beside the text.

    Raises BadCards with every line that is blank, malformed, too long, damaged by a spreadsheet or looks like an earlier
    one; with `rejects` these lines go, under the same header and with the reason behind, into that file (mode 0600).
    Raises InvalidInput for a file, an encoding or columns that cannot be read, or where no good line is left.
    `progress` counts bytes.
    """
    if rejects is not None and rejects.resolve() == path.resolve():
        raise InvalidInput(f"the rejects would overwrite {path}; name another file", field="rejects")
    encoding = detect(path, form.encoding)
    with path.open(encoding=encoding, newline="") as file:
        layout = _layout(file, columns, form, path)
        contents, lines, problems = _read(file, layout, path.stat().st_size, progress)
    duplicates = _duplicates(contents, lines)
    problems = sorted(problems + [Problem(lines[later], reason) for later, reason in duplicates.items()])
    if problems and rejects is None:
        raise BadCards(path, problems)
    if rejects is not None:
        _write_rejects(path, encoding, problems, rejects, layout)
    good = Contents(text for i, text in enumerate(contents) if i not in duplicates) if duplicates else contents
    if not len(good):
        raise InvalidInput(f"{path} holds no line that could be imported", field="import")
    return Cards(good, encoding, layout.columns, tuple(problems))


def _layout(file: TextIO, columns: Sequence[str], form: Format, path: Path) -> _Layout:
    """Reads on from the file's first line, or from before it where that is a card."""
    first = list(islice(file, _LOOKED_AT))
    separator = form.separator or _separator(first, path)
    try:
        names = _fields(first[0], separator) if first else []
    except _BadLine as error:
        raise InvalidInput(f"{path}: the first line is malformed: {error}", field="import") from error
    if form.header is False:
        names = [str(number) for number in range(1, len(names) + 1)]
    elif form.header is None and not columns:
        _doubt(names, path)
    file.seek(0)
    if form.header is not False:
        next(file, "")
    return _chosen(names, columns, form, path, separator)


def _doubt(names: list[str], path: Path) -> None:
    """A list without a header must not lose its first card unseen. Raises InvalidInput where it could be one."""
    if len(names) == 1 or any(_LIKE_A_CODE.fullmatch(name) for name in names):
        detail = f"{path}: its first line may be a card already; say --no-header if it is"
        raise InvalidInput(f"{detail}, or name the columns to seal with --column", field="columns")


def _chosen(names: list[str], columns: Sequence[str], form: Format, path: Path, separator: str) -> _Layout:
    chosen = tuple(columns) or tuple(name for name in names if name not in _REASONS) or ("",)
    for name in chosen:
        if names.count(name) != 1 or not name:
            named = f"named {name!r:.80}" if columns else "with one name"  # the file's own words may be a card
            detail = f"{path} has {names.count(name)} columns {named}; its first line has {len(names)}"
            remedy = "look into the file for the name, or say --no-header and count the columns from 1"
            raise InvalidInput(f"{detail}; {remedy}", field="columns")
    places = tuple(names.index(name) for name in chosen)
    return _Layout(len(names), chosen, places, separator, form.header is not False, form.as_is)


def _separator(lines: Sequence[str], path: Path) -> str:
    """The one that splits the first line, and the next ones into as many fields; a comma where there is nothing to split."""
    splitting = {s: _widths(lines, s) for s in _SEPARATORS if lines and s in lines[0]}
    even = [s for s, widths in splitting.items() if len(set(widths)) == 1 and widths[0] > 1]
    candidates = even or [s for s, widths in splitting.items() if widths[0] > 1]
    if len(candidates) > 1:
        detail = f"{path} could be separated by {' or '.join(map(repr, candidates))}; say which with --separator"
        raise InvalidInput(detail, field="separator")
    return candidates[0] if candidates else ","


def _widths(lines: Sequence[str], separator: str) -> list[int]:
    widths = []
    for line in lines:
        try:
            widths.append(len(_fields(line, separator)))
        except _BadLine:
            widths.append(0)
    return widths


def _fields(line: str, separator: str) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=separator, strict=True))]
    except csv.Error as error:
        raise _BadLine("a quote is not closed, or not followed by a separator, or a NUL is in it") from error
    except StopIteration:  # an empty file has no header
        return []


def _read(file: TextIO, layout: _Layout, size: int, progress: Progress) -> tuple[Contents, array[int], list[Problem]]:
    """The contents of all lines that are good by themselves, their line numbers, and the other lines' problems."""
    contents, lines, problems = Contents(), array("L"), []
    for number, line in _numbered(file, 2 if layout.header else 1, size, progress):
        try:
            text = layout.content(line)
            if length := too_long(text):
                raise _BadLine(f"it is over-long: {length} bytes, at most {MAX_CONTENT_BYTES} fit")
        except _BadLine as error:
            problems.append(Problem(number, str(error)))
            continue
        contents.append(text)
        lines.append(number)
    return contents, lines, problems


def _numbered(file: TextIO, first: int, size: int, progress: Progress) -> Iterator[tuple[int, str]]:
    progress(_STEP, 0, size)
    for number, line in enumerate(file, start=first):
        yield number, line
        if number % _REPORT_EVERY == 0:
            progress(_STEP, file.buffer.tell(), size)
    progress(_STEP, size, size)


def _duplicates(contents: Contents, lines: array[int]) -> dict[int, str]:
    """Position of each text that looks like an earlier one -> reason. Hashes find them, the texts themselves decide."""
    hashes = np.fromiter((hash(canonical(text)) for text in contents), np.int64, len(contents))
    order = np.argsort(hashes, kind="stable")
    alike = np.flatnonzero(np.diff(hashes[order]) == 0)
    duplicates, first = {}, {canonical(contents[order[place]]): int(order[place]) for place in alike[::-1]}
    for place in alike + 1:
        later = int(order[place])
        earlier = first.setdefault(canonical(contents[later]), later)
        if earlier != later:
            same = "says the same as" if contents[later] == contents[earlier] else "looks the same as"
            duplicates[later] = f"it {same} line {lines[earlier]}"
    return duplicates


def _write_rejects(path: Path, encoding: str, problems: Sequence[Problem], rejects: Path, layout: _Layout) -> None:
    """The lines as they were, each with its number and the reason behind it, in the file's own encoding."""
    bad = {problem.line: (str(problem.line), problem.reason) for problem in problems}
    if layout.header:
        bad[1] = _REASONS
    with (
        path.open(encoding=encoding, newline="") as file,
        durable.written(rejects) as raw,
    ):
        out = io.TextIOWrapper(raw, encoding=encoding, newline="", write_through=True)
        writer = csv.writer(out, delimiter=layout.separator, lineterminator="\n")
        for number, line in enumerate(file, start=1):
            if number in bad:
                out.write(line.rstrip("\r\n") + layout.separator)
                writer.writerow(bad[number])
        out.detach()
