"""What the head believes of its hands: nothing that it has not checked."""

import fcntl
import json
import os
import socket

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import LADDERS
from filters.recipe import parse_recipe
from jobs.errors import Rejected
from jobs.looks import LOOK_BYTES
from pipeline.services import Edits, Encoded, Rendered
from workers import wire

LADDER = LADDERS["standard"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=10,
)


@pytest.fixture
def result():
    descriptor = wire.memory_file("result")
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def pair():
    with_head, with_child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with with_head, with_child:
        yield with_head, with_child


def rendered():
    images = tuple(
        Encoded(
            name=preset.name,
            width=preset.width,
            height=7,
            content_type="image/jpeg",
            extension="jpg",
            data=preset.name.encode() * 100,
        )
        for preset in LADDER
    )
    return Rendered(width=5, height=7, facts={"phash": "00ff"}, images=images, timings={"decode_cpu_ms": 1.5})


def test_a_rendered_photo_arrives_as_it_was_made(pair, result):
    head, child = pair
    wire.send(child, wire.rendered_answer(rendered(), result))

    assert wire.read_answer(wire.receive(head), result, LADDER) == rendered()


def test_a_rejection_arrives_with_its_code_and_reason(pair, result):
    head, child = pair
    wire.send(child, wire.rejected_answer(Rejected("corrupt", "no end\0 of image")))

    rejected = wire.read_answer(wire.receive(head), result, LADDER)

    assert isinstance(rejected, Rejected)
    assert (rejected.code, str(rejected)) == ("corrupt", "no end of image")


EDITS = Edits(
    recipe=parse_recipe(
        {"look": {"name": "summer", "strength": 80}, "geometry": {"crop": {"left": 1 / 3, "width": 0.5}}}, None
    ),
    look=b"table" * 1000,
)


@pytest.mark.parametrize("edits", [Edits(), EDITS], ids=["none", "a look of one's own"])
@pytest.mark.parametrize("original", [b"", b"photo", b"x" * (wire.KEPT_BYTES + 7)], ids=len)
def test_a_photo_arrives_with_its_edits(pair, result, original, edits):
    head, child = pair
    wire.send(head, wire.request(result, original, "standard", edits))

    assert wire.read_request(wire.receive(child), result) == (original, "standard", edits)


@pytest.mark.parametrize(
    ("field", "value"),
    [("look_bytes", -1), ("look_bytes", LOOK_BYTES + 1), ("bytes", wire.KEPT_BYTES), ("bytes", wire.KEPT_BYTES + 1)],
)
def test_a_request_for_more_than_there_is_is_refused(result, field, value):
    message = wire.request(result, b"photo", "standard", EDITS)

    with pytest.raises(wire.GarbledError):
        wire.read_request({**message, field: value}, result)


def test_a_recipe_that_the_hands_do_not_understand_is_rejected(result):
    message = wire.request(result, b"photo", "standard", EDITS)

    with pytest.raises(Rejected) as rejected:
        wire.read_request({**message, "recipe": {"adjustments": {"glow": 1}}}, result)
    assert rejected.value.code == "bad_recipe"


def test_a_closed_socket_is_the_end(pair):
    head, child = pair
    child.close()

    assert wire.receive(head) is None


def change(path, value):
    message = wire.rendered_answer(rendered(), os.memfd_create("scratch"))
    place = message
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("width",), 0),
        (("width",), -5),
        (("width",), True),
        (("width",), 5.0),
        (("height",), "7"),
        (("height",), 2**40),
        (("facts",), []),
        (("timings",), {"decode_cpu_ms": "soon"}),
        (("timings",), {"decode_cpu_ms": 10**400}),
        (("timings",), {"name": 1.0}),
        (("images",), []),
        (("images",), None),
        (("images", 0), "w1080"),
        (("images", 0, "name"), "w640"),
        (("images", 0, "width"), LADDER[0].width + 1),
        (("images", 0, "type"), "text/html"),
        (("images", 0, "type"), ["image/jpeg"]),
        (("images", 0, "bytes"), 0),
        (("images", 0, "bytes"), -1),
        (("images", 0, "bytes"), wire.KEPT_BYTES + 1),
        (("images", 3, "bytes"), wire.KEPT_BYTES),
        (("images", 0, "bytes"), 1.5),
        (("code",), "Not A Code"),
        (("code",), 7),
    ],
)
def test_an_answer_with_one_wrong_field_is_refused_as_a_whole(path, value, result):
    with pytest.raises(wire.GarbledError):
        wire.read_answer(change(path, value), result, LADDER)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine the first answers take long to make
@given(st.dictionaries(st.sampled_from(["width", "height", "images", "facts", "timings", "code", "reason"]), JSON))
def test_no_answer_makes_the_head_fail_in_any_other_way(message):
    result = wire.memory_file("result")
    try:
        wire.read_answer(message, result, LADDER)
    except wire.GarbledError:
        pass
    finally:
        os.close(result)


@pytest.mark.parametrize(
    "packet",
    [b"", b"{", b"[]", b"7", b'{"facts": NaN}', b'{"facts": 1e999}', b"\xff", b'{"facts": "\\ud800"}', b"[" * 60_000],
)
def test_a_packet_that_is_no_message_is_refused(pair, packet):
    head, child = pair
    child.send(packet or b" ")

    with pytest.raises(wire.GarbledError):
        wire.receive(head)


def test_text_that_postgresql_refuses_does_not_get_through(pair):
    head, child = pair
    child.send(json.dumps({"facts": {"model": "a\0b"}}).encode())

    with pytest.raises(wire.GarbledError):
        wire.receive(head)


def test_a_memory_file_that_was_shortened_is_noticed(result):
    wire.put(result, b"0123456789")
    os.ftruncate(result, 4)

    with pytest.raises(wire.GarbledError):
        wire.take(result, 10)


@pytest.fixture
def notebook():
    descriptor = wire.sealed_file("notebook", wire.NOTEBOOK_BYTES)
    yield descriptor
    os.close(descriptor)


def test_a_sealed_file_keeps_its_size_whoever_has_it(notebook):
    for act in (
        lambda: os.ftruncate(notebook, 1 << 30),
        lambda: os.ftruncate(notebook, 0),
        lambda: os.pwrite(notebook, b"x", 1 << 29),
        lambda: fcntl.fcntl(notebook, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE),
    ):
        with pytest.raises(PermissionError):
            act()

    assert os.fstat(notebook).st_size == wire.NOTEBOOK_BYTES


def test_what_was_written_last_is_read_whatever_was_written_before(notebook):
    os.write(notebook, b"a long word of the photo before")
    os.lseek(notebook, 0, os.SEEK_SET)
    os.write(notebook, b"the end")

    assert wire.written_last(notebook, 3) == b"end"
    assert wire.written_last(notebook, 2_000) == b"the end"


@pytest.mark.parametrize("place", [0, wire.NOTEBOOK_BYTES, 1 << 40])
def test_who_turns_a_notebook_to_another_page_gets_no_more_read_than_it_has(notebook, place):
    os.lseek(notebook, place, os.SEEK_SET)

    assert len(wire.written_last(notebook, 2_000)) == min(place, 2_000)
