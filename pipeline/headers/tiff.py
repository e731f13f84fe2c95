"""TIFF and BigTIFF: the first page in full, the others counted (TIFF 6.0; BigTIFF by its designers, 2007)."""

from collections.abc import Iterator

from config.limits import Limits
from pipeline.headers.bounds import check_frames, check_profile, check_size
from pipeline.headers.exif import read_facts
from pipeline.headers.header import Format, Header
from pipeline.headers.ifd import BIG, CLASSIC, Dialect, Directory, next_directory, read_directory
from pipeline.headers.reader import corrupt, number, unsupported
from pipeline.headers.xmp import orientation_of

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS = 0x100, 0x101, 0x102, 0x103, 0x106, 0x111
ORIENTATION, SAMPLES, PLANES, SAMPLE_FORMAT = 0x112, 0x115, 0x11C, 0x153
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS = 0x142, 0x143, 0x144
SUBFILE_TYPE, COLOUR_MAP, SUB_DIRECTORIES, EXTRA_SAMPLES, XMP, PROFILE = 0xFE, 0x140, 0x14A, 0x152, 0x2BC, 0x8773
COMPONENTS = {0: 1, 1: 1, 2: 3, 3: 3, 5: 4, 6: 3, 8: 3}  # by photometric interpretation: grey, RGB, palette, CMYK ...
PREVIEW = 1  # bit of the subfile type: a reduced version of another picture in the file
WHITE_IS_ZERO, PALETTE = 0, 3  # photometric interpretations
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # sample formats
ALPHA = (1, 2)  # of the extra samples: premultiplied or not
MOST_BITS = 32
MOST_SAMPLES = 8


def parse(data: memoryview, limits: Limits) -> Header:
    """The header of a TIFF; see `pipeline.headers.read_header`."""
    page = read_first_page(data)
    width, height = page.integer(WIDTH) or 0, page.integer(HEIGHT) or 0
    check_size(width, height, side=limits.side, pixels=limits.pixels)
    check_is_the_picture(page)
    components, bits = read_samples(page)
    check_extent(page, limits)
    profile = page.value(PROFILE)
    check_profile(len(profile), limits)
    facts = read_facts(page)
    return Header(
        format=Format.TIFF,
        width=width,
        height=height,
        orientation=orientation_of(facts, memoryview(page.value(XMP))),
        profile=bytes(profile) or None,
        components=components,
        bits=max(8, bits),
        alpha=any(kind in ALPHA for kind in page.integers(EXTRA_SAMPLES)),
        frames=count_pages(data, limits),
        capture=facts.capture,
    )


def read_start(data: memoryview) -> tuple[Dialect, int]:
    """How the file is written, and the offset of its first directory."""
    order = "<" if bytes(data[:2]) == b"II" else ">"
    if bytes(data[2:4]) in (b"*\0", b"\0*"):
        return CLASSIC[order], number(CLASSIC[order].offset, data, 4)
    return BIG[order], number(BIG[order].offset, data, 8)


def read_first_page(data: memoryview) -> Directory:
    """The tags of the picture that the file shows.

    Raises:
        Rejected: `corrupt_header`, they do not lie within the file, or there are none.
    """
    dialect, at = read_start(data)
    if at == 0:
        raise corrupt("The TIFF has no page.")
    return read_directory(data, dialect, at)


def check_is_the_picture(page: Directory) -> None:
    """Raise Rejected `unsupported_variant` for a raw photo: a preview, with the sensor's data below it."""
    if SUB_DIRECTORIES in page.entries and (page.integer(SUBFILE_TYPE) or 0) & PREVIEW:
        raise unsupported("This TIFF is a raw photo; it must be developed first.")


def read_samples(page: Directory) -> tuple[int, int]:
    """Colour channels and bits of one channel.

    Raises:
        Rejected: `unsupported_variant`, a kind of pixel that is no photo's; `corrupt_header`, no palette.
    """
    photometric, samples = page.integer(PHOTOMETRIC) or 0, page.integer(SAMPLES) or 1  # Pillow's defaults
    bits = max(page.integers(BITS)[:MOST_SAMPLES], default=1)
    if photometric not in COMPONENTS:
        raise unsupported(f"TIFF with photometric interpretation {photometric}.")
    if not 1 <= samples <= MOST_SAMPLES or not 1 <= bits <= MOST_BITS:
        raise unsupported(f"TIFF with {samples} samples of {bits} bits a pixel.")
    if bits <= 8 and SIGNED in page.integers(SAMPLE_FORMAT):  # Pillow would take them for unsigned ones
        raise unsupported("TIFF with signed samples of 8 bits.")
    if photometric == PALETTE and not page.integers(COLOUR_MAP):
        raise corrupt("The TIFF's palette does not lie within the file.")
    return COMPONENTS[photometric], bits


def check_extent(page: Directory, limits: Limits) -> None:
    """Raise Rejected unless the page's strips or tiles lie within the file, and a tile within the limits."""
    tiled = TILE_OFFSETS in page.entries
    if tiled:
        wide, high = page.integer(TILE_WIDTH) or 0, page.integer(TILE_HEIGHT) or 0
        check_size(wide, high, side=limits.side, pixels=limits.pixels)
    offsets = page.integers(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    if not offsets or max(offsets) >= len(page.data):
        raise corrupt("The TIFF's picture does not lie within the file.")


def count_pages(data: memoryview, limits: Limits) -> int:
    """The number of pages; a chain that returns to itself ends there."""
    seen: dict[int, None] = {}
    for at in walk_pages(data, *read_start(data)):
        if at in seen:
            break
        seen[at] = None
        check_frames(len(seen), limits)
    return len(seen)


def walk_pages(data: memoryview, dialect: Dialect, at: int) -> Iterator[int]:
    """The offsets of the directories, for ever if they form a ring; one outside the file ends the chain."""
    while 0 < at <= len(data) - dialect.count.size:
        yield at
        at = next_directory(data, dialect, at)
