"""The items of a HEIF file: what there is, where its bytes lie and what is said of it (ISO/IEC 23008-12)."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from pipeline.headers.boxes import Box, Fields, find, read_boxes, version_of
from pipeline.headers.reader import corrupt, take

MOST_LINKS = 50_000  # property associations, references or extents in one file; a 200-megapixel HEIC has 4,000
IN_FILE, IN_META = 0, 1  # construction methods of iloc


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item's bytes lie: offset and length of each extent, in the file or in the `idat` box."""

    method: int
    extents: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Items:
    """The `meta` box of a file, by item number."""

    data: memoryview  # the file
    idat: memoryview
    primary: int
    kinds: Mapping[int, bytes]
    references: Mapping[tuple[bytes, int], Sequence[int]]  # e.g. (`dimg`, a grid) to its tiles
    places: Mapping[int, Place]
    properties: Mapping[int, Sequence[Box]]
    every_property: Sequence[Box]

    def property(self, item: int, kind: bytes) -> memoryview | None:
        """The first property of this kind of an item."""
        return next((box.body for box in self.properties.get(item, ()) if box.kind == kind), None)

    def content(self, item: int, most: int) -> bytes:
        """The first `most` bytes of an item.

        Raises:
            Rejected: `corrupt_header`, some of them lie outside the file.
        """
        place = self.places.get(item, Place(IN_FILE, ()))
        container = self.idat if place.method == IN_META else self.data
        parts: list[memoryview] = []
        for offset, length in place.extents:
            part = take(container, offset, length or max(0, len(container) - offset))  # no length: up to the end
            parts.append(part[:most])
            most -= len(parts[-1])
        return b"".join(parts)


def read_items(data: memoryview, meta: memoryview) -> Items | None:
    """The items of a `meta` box; None if it names no primary item.

    Raises:
        Rejected: `corrupt_header`, the box is no picture's or contradicts itself.
    """
    boxes = version_of(meta)[2]
    handler, primary = find(boxes, b"hdlr"), find(boxes, b"pitm")
    if handler is None or bytes(handler[8:12]) != b"pict":
        raise corrupt("The file's items are said to be no pictures.")
    if primary is None:
        return None
    every_property = tuple(read_boxes(find(boxes, b"iprp", b"ipco") or memoryview(b"")))
    return Items(
        data=data,
        idat=find(boxes, b"idat") or memoryview(b""),
        primary=Fields(version_of(primary)[2]).take(2 if version_of(primary)[0] == 0 else 4),
        kinds=_read_kinds(find(boxes, b"iinf")),
        references=_read_references(find(boxes, b"iref")),
        places=_read_places(find(boxes, b"iloc")),
        properties=_read_properties(find(boxes, b"iprp"), every_property),
        every_property=every_property,
    )


def _read_kinds(iinf: memoryview | None) -> dict[int, bytes]:
    """The four letters of each item."""
    if iinf is None:
        raise corrupt("The file does not list its items.")
    version, _, entries = version_of(iinf)
    kinds: dict[int, bytes] = {}
    for box in read_boxes(entries[2 if version == 0 else 4 :]):
        version, _, entry = version_of(box.body)
        if box.kind == b"infe" and version in (2, 3):
            size = 2 if version == 2 else 4
            item = Fields(entry).take(size)
            _check_new(item, kinds)
            kinds[item] = bytes(take(entry, size + 2, 4))
    return kinds


def _check_new(item: int, described: Container[int]) -> None:
    """Raise Rejected for an item that is described twice: of two descriptions each reader believes another."""
    if item in described:
        raise corrupt(f"Item {item} is described twice.")


def _read_references(iref: memoryview | None) -> dict[tuple[bytes, int], list[int]]:
    """The items to which each item points, by the kind of reference and the item."""
    references: dict[tuple[bytes, int], list[int]] = {}
    version, _, entries = version_of(iref) if iref is not None else (0, 0, memoryview(b""))
    size, links = 2 if version == 0 else 4, 0
    for box in read_boxes(entries):
        fields = Fields(box.body)
        source, count = fields.take(size), fields.take(2)
        links = _add(links, count)
        if box.kind == b"dimg" and (box.kind, source) in references:
            raise corrupt(f"Item {source} is made of items in two ways.")
        references.setdefault((box.kind, source), [fields.take(size) for _ in range(count)])
    return references


def _read_places(iloc: memoryview | None) -> dict[int, Place]:
    """Where the bytes of each item lie."""
    if iloc is None:
        raise corrupt("The file does not say where its items lie.")
    version, _, rest = version_of(iloc)
    fields = Fields(rest)
    sizes = fields.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if version == 0:
        index_size = 0  # reserved bits
    places: dict[int, Place] = {}
    links = 0
    for _ in range(_add(0, fields.take(2 if version < 2 else 4))):
        item = fields.take(2 if version < 2 else 4)
        method = fields.take(2) & 15 if version > 0 else IN_FILE
        fields.take(2)  # which other file, if not this one
        base, count = fields.take(base_size), fields.take(2)
        links = _add(links, count)
        if count > 1 and not offset_size + length_size:
            raise corrupt(f"Item {item} lies in {count} places, of which nothing is said.")
        extents = [fields.take_all(index_size, offset_size, length_size) for _ in range(count)]
        _check_new(item, places)
        places[item] = Place(method, tuple((base + offset, length) for _, offset, length in extents))
    return places


def _read_properties(iprp: memoryview | None, every_property: Sequence[Box]) -> dict[int, list[Box]]:
    """The properties of each item, in the order in which they are to be applied."""
    properties: dict[int, list[Box]] = defaultdict(list)
    links = 0
    for ipma in (box for box in read_boxes(iprp or memoryview(b"")) if box.kind == b"ipma"):
        version, flags, rest = version_of(ipma.body)
        fields = Fields(rest)
        size, mask = (2, 0x7FFF) if flags & 1 else (1, 0x7F)  # the top bit: whether a reader must know the property
        entries = fields.take(4)
        links = _add(links, entries)
        for _ in range(entries):
            item, count = fields.take(2 if version == 0 else 4), fields.take(1)
            links = _add(links, count)
            for index in (fields.take(size) & mask for _ in range(count)):
                if index > len(every_property):
                    raise corrupt(f"Item {item} has property {index} of {len(every_property)}.")
                if index > 0:
                    properties[item].append(every_property[index - 1])
    return properties


def _add(links: int, count: int) -> int:
    """The sum, within its bound."""
    if links + count > MOST_LINKS:
        raise corrupt(f"More than {MOST_LINKS} links between the items and their parts.")
    return links + count
