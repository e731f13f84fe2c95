"""The text of a `.cube` file: its statements and its tables, checked as they are read.

Nothing is allocated because a file claims something: memory and time follow from the bytes that are there.
Source: Adobe Systems, "Cube LUT Specification 1.0", 2013; DaVinci Resolve for input ranges and curves before a grid.
"""

import codecs
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Words = Sequence[bytes]

MOST_BYTES = 64 << 20  # of a file: 129 points a side, written out at length, are 58 MB
MOST_LINES = 4_000_000  # 129 points a side are 2.1 million
MOST_LINE_BYTES = 1000  # the specification allows 250
LEAST_ROW_BYTES = len("0 0 0\n")
MOST_NUMBER = 1e37  # of the specification
MOST_TITLE = 200  # characters
LEAST_DOMAIN = 1e-6  # from its low to its high end
DARKEST, LIGHTEST = -1.0, 2.0  # samples beyond are taken as these: a look shows 0 to 1, and blends between points


class CubeError(ValueError):
    """What is wrong with a `.cube` file or a packed look, and in which line."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CubeTable:
    """`samples` is (points, 3) for curves or (side, side, side, 3) for a grid, indexed [red, green, blue].

    `low` and `high`, (3,), are the tones at which the first and the last sample of each channel stand.
    """

    samples: Numbers
    low: Numbers = field(default_factory=lambda: np.zeros(3))
    high: Numbers = field(default_factory=lambda: np.ones(3))


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """A kind of table, and the keywords that announce it."""

    size: str
    range: str
    dimensions: int

    def shape(self, size: int) -> tuple[int, ...]:
        """The table's axes, the slowest first."""
        return (size,) * self.dimensions


_KINDS = (
    _Kind(size="LUT_1D_SIZE", range="LUT_1D_INPUT_RANGE", dimensions=1),
    _Kind(size="LUT_3D_SIZE", range="LUT_3D_INPUT_RANGE", dimensions=3),
)


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """A keyword's value, and the line that states it."""

    line: int
    value: Any


_Stated = Mapping[str, _Statement]


def parse_cube(data: bytes) -> tuple[str, list[CubeTable]]:
    """The title, empty if there is none, and the file's table; two tables are curves and the grid that follows them.

    Raises:
        CubeError: the file is not as it should be.
    """
    if len(data) > MOST_BYTES:
        raise CubeError(f"the file has more than {MOST_BYTES:,} bytes, which are read at most")
    data = data.removeprefix(codecs.BOM_UTF8).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = data.count(b"\n")
    if lines > MOST_LINES:
        raise CubeError(f"the file has {lines:,} lines; at most {MOST_LINES:,} are read")
    stated, numbers = _scan(data)
    rows = np.clip(np.frombuffer(numbers).reshape(-1, 3), DARKEST, LIGHTEST)
    tables: list[CubeTable] = []
    for kind in _announced(stated):
        shape = kind.shape(stated[kind.size].value)
        low, high = _domain(stated, kind, first=not tables)
        samples, rows = np.split(rows, [prod(shape)])
        samples = samples.reshape(*shape, 3).swapaxes(0, kind.dimensions - 1)  # red is the fastest in a file
        tables.append(CubeTable(samples=np.ascontiguousarray(samples), low=low, high=high))
    return stated["TITLE"].value if "TITLE" in stated else "", tables


def is_domain(low: Numbers, high: Numbers) -> bool:
    """Whether tones can be told apart between these ends, (3,) each."""
    return bool((np.abs([low, high]) <= MOST_NUMBER).all() and (high - low >= LEAST_DOMAIN).all())


def printable(title: str) -> str:
    """A title that fits between quotes, on a line and in a list."""
    return "".join(letter for letter in title if letter.isprintable() and letter != '"').strip()[:MOST_TITLE]


def _scan(data: bytes) -> tuple[_Stated, "array[float]"]:
    """Every statement, and the numbers of all rows, one after the other."""
    stated: dict[str, _Statement] = {}
    numbers, awaited = array("d"), 0
    for line, text in enumerate(BytesIO(data), 1):
        words = _words(line, text)
        if words and words[0] in _VALUES:
            if numbers:
                raise CubeError(f"line {line}: {_shown(words)} comes after the table has begun")
            _state(stated, line, words, len(data))
            awaited = _rows(stated)
        elif words:
            numbers.extend(_row(line, words))
            if len(numbers) > 3 * awaited:
                raise CubeError(f"line {line}: a row more than the {awaited:,} that were announced before")
    if not _announced(stated):
        raise CubeError("the file states no size: neither LUT_1D_SIZE nor LUT_3D_SIZE is there")
    if len(numbers) < 3 * awaited:
        raise CubeError(f"the file ends after {len(numbers) // 3:,} of the {awaited:,} rows that it announces")
    return stated, numbers


def _words(line: int, text: bytes) -> Words:
    """A line's words; none of a comment or an empty line."""
    stripped = text.strip()
    if stripped.startswith(b"#"):
        return ()
    if len(stripped) > MOST_LINE_BYTES:
        raise CubeError(f"line {line} has {len(stripped):,} bytes; at most {MOST_LINE_BYTES:,} are read")
    return stripped.split()


def _row(line: int, words: Words) -> tuple[float, float, float]:
    """The three numbers of a line of a table."""
    try:
        return _triple(words)
    except ValueError:
        raise CubeError(f"line {line}: {_shown(words)} is neither three finite numbers nor a known keyword") from None


def _state(stated: dict[str, _Statement], line: int, words: Words, file_bytes: int) -> None:
    """Keep what a keyword's line states."""
    keyword = words[0].decode()
    if keyword in stated:
        raise CubeError(f"line {line}: {keyword} is stated again; line {stated[keyword].line} has it")
    parse, wanted = _VALUES[words[0]]
    try:
        stated[keyword] = _Statement(line=line, value=parse(words[1:]))
    except ValueError:
        raise CubeError(f"line {line}: {keyword} needs {wanted}, not {_shown(words[1:])}") from None
    if LEAST_ROW_BYTES * _rows(stated) > file_bytes + 1:
        raise CubeError(
            f"line {line}: {_shown(words)} announces {_rows(stated):,} rows; {file_bytes:,} bytes hold less"
        )


def _announced(stated: _Stated) -> list[_Kind]:
    """The kinds of table of which the size was stated, in the order of their rows."""
    return [kind for kind in _KINDS if kind.size in stated]


def _rows(stated: _Stated) -> int:
    """The rows of all tables of which the size was stated."""
    return sum(prod(kind.shape(stated[kind.size].value)) for kind in _announced(stated))


def _domain(stated: _Stated, kind: _Kind, *, first: bool) -> tuple[Numbers, Numbers]:
    """The tones of a table's first and last samples. DOMAIN_… is what goes into the file, so into its first table."""
    keys = [kind.range] if kind.range in stated else ["DOMAIN_MIN", "DOMAIN_MAX"] if first else []
    said = {key: stated[key] for key in keys if key in stated}
    low, high = np.zeros(3), np.ones(3)
    if kind.range in said:
        low, high = (np.full(3, end) for end in said[kind.range].value)
    if "DOMAIN_MIN" in said:
        low = np.array(said["DOMAIN_MIN"].value)
    if "DOMAIN_MAX" in said:
        high = np.array(said["DOMAIN_MAX"].value)
    if not is_domain(low, high):
        line = max(statement.line for statement in said.values())
        raise CubeError(f"line {line}: the domain goes from {low.tolist()} to {high.tolist()}, empty or reversed")
    return low, high


def _shown(words: Words) -> str:
    """A line as a message quotes it."""
    return repr(b" ".join(words)[:40].decode("utf-8", "replace"))


def _title(words: Words) -> str:
    text = b" ".join(words)
    try:
        return printable(text.decode())
    except UnicodeDecodeError:
        return printable(text.decode("latin-1"))


def _size(most: int, words: Words) -> int:
    (size,) = map(int, words)
    if not 2 <= size <= most:
        raise ValueError
    return size


def _pair(words: Words) -> tuple[float, float]:
    low, high, _ = _triple([*words, b"0"])
    return low, high


def _triple(words: Words) -> tuple[float, float, float]:
    red, green, blue = map(float, words)
    if not (abs(red) <= MOST_NUMBER and abs(green) <= MOST_NUMBER and abs(blue) <= MOST_NUMBER):  # or not a number
        raise ValueError
    return red, green, blue


_VALUES: Mapping[bytes, tuple[Callable[[Words], Any], str]] = {
    b"TITLE": (_title, "text"),
    b"LUT_1D_SIZE": (partial(_size, 65536), "one whole number from 2 to 65,536"),
    b"LUT_3D_SIZE": (partial(_size, 256), "one whole number from 2 to 256"),
    b"DOMAIN_MIN": (_triple, "three finite numbers"),
    b"DOMAIN_MAX": (_triple, "three finite numbers"),
    b"LUT_1D_INPUT_RANGE": (_pair, "two finite numbers"),
    b"LUT_3D_INPUT_RANGE": (_pair, "two finite numbers"),
}
