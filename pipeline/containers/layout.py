"""Which boxes describe a movie: where each belongs, and which may be there but once (ISO/IEC 14496-12, table 1).

Of two descriptions one reader takes the first and another the last, and ffmpeg takes a table wherever it lies. Whoever
checks the one must not let the other in.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from jobs.errors import Rejected
from pipeline.containers.boxes import Place, walk
from pipeline.containers.reader import Reader
from pipeline.headers.reader import corrupt

FILE = b"file"  # stands for what is in no box
ONCE = {
    FILE: {b"ftyp", b"moov"},
    b"moov": {b"mvhd"},
    b"trak": {b"tkhd", b"mdia"},
    b"mdia": {b"mdhd", b"hdlr", b"minf"},
    b"minf": {b"dinf", b"stbl", b"hdlr"},  # QuickTime has a second handler here, of the data
    b"dinf": {b"dref"},
    b"stbl": {b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"stss", b"stps", b"stsh"},
    b"traf": {b"tfhd"},
}  # by what they lie in
OFTEN = {FILE: {b"moof"}, b"moov": {b"trak"}, b"moof": {b"traf"}, b"traf": {b"trun"}}
SAME = {b"stz2": b"stsz", b"co64": b"stco"}  # of two sizes; a track has the one or the other
NOWHERE: frozenset[bytes] = frozenset()
DESCRIBING = frozenset().union(*ONCE.values(), *OFTEN.values())
TABLES = DESCRIBING - {b"hdlr"}  # users' data have a handler of their own
SEEN_THROUGH = frozenset((b"udta", b"edts", b"tref", b"mvex", b"gmhd"))  # by ffmpeg


def inside(reader: Reader, parent: Place) -> Sequence[Place]:
    """The boxes in a box, as `check_places` wants them; raises as `walk`, it and `check_hidden` do."""
    boxes = check_places(parent.kind, walk(reader, parent.start, parent.end))
    for box in boxes:
        if box.kind in SEEN_THROUGH:
            check_hidden(reader, box)
    return boxes


def check_hidden(reader: Reader, parent: Place) -> None:
    """Raise Rejected `corrupt_header` if a table lies in a box that ffmpeg looks through, and we do not read."""
    places = [parent]
    while places:
        place = places.pop()
        for box in until_text(reader, place):
            if SAME.get(box.kind, box.kind) in TABLES:
                raise corrupt(f"A box {box.kind!r} lies in {place.kind!r}, where it does not belong.")
            if box.kind in SEEN_THROUGH:
                places.append(box)


def until_text(reader: Reader, parent: Place) -> Iterator[Place]:
    """The boxes in a box, up to the first that is none: others than boxes may lie there."""
    with suppress(Rejected):
        yield from walk(reader, parent.start, parent.end)


def check_places(parent: bytes, boxes: Iterable[Place]) -> Sequence[Place]:
    """The boxes themselves.

    Raises:
        Rejected: `corrupt_header`, one that must be alone is there twice, or one lies where it does not belong.
    """
    once, met, taken = ONCE.get(parent, NOWHERE), set[bytes](), []
    elsewhere = DESCRIBING - once - OFTEN.get(parent, NOWHERE)
    for box in boxes:
        kind = SAME.get(box.kind, box.kind)
        if kind in elsewhere:
            raise corrupt(f"A box {box.kind!r} lies in {parent!r}, where it does not belong.")
        if kind in met:
            raise corrupt(f"A second box {box.kind!r} in {parent!r}, which has but one.")
        if kind in once:
            met.add(kind)
        taken.append(box)
    return taken


def first(boxes: Iterable[Place], *kinds: bytes) -> Place | None:
    """The first box of these kinds; of what may be there but once, the only one."""
    return next((box for box in boxes if box.kind in kinds), None)
