import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Rejected
from jobs.job import Lane, Ticket
from jobs.tickets import decode, encode, unique

LARGEST_ID = 2**63 - 1  # PostgreSQL's bigint
LARGEST_ATTEMPT = 2**31 - 1
TICKET = Ticket(job_id=7, attempt=2, function="photo", lane=Lane.BATCH)

tickets = st.builds(
    Ticket,
    job_id=st.integers(0, LARGEST_ID),
    attempt=st.integers(0, LARGEST_ATTEMPT),
    function=st.text(min_size=1, max_size=40),
    lane=st.sampled_from(Lane),
)


@given(tickets)
def test_a_ticket_survives_its_way_through_gearman(ticket):
    assert decode(encode(ticket)) == ticket


@given(tickets)
def test_a_unique_fits_into_gearmans_64_bytes_without_a_nul(ticket):
    assert len(unique(ticket).encode()) <= 64
    assert "\0" not in unique(ticket)


@given(tickets, tickets)
def test_two_tickets_share_a_unique_only_for_the_same_attempt_of_the_same_job(one, other):
    same = (one.job_id, one.attempt) == (other.job_id, other.attempt)
    assert (unique(one) == unique(other)) == same


def test_the_next_attempt_of_a_job_has_another_unique():
    assert unique(TICKET) != unique(dataclasses.replace(TICKET, attempt=3))


@given(st.binary())
def test_bytes_that_nobody_encoded_are_a_bad_ticket(workload):
    with pytest.raises(Rejected):
        decode(workload)


@pytest.mark.parametrize(
    "workload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 100_000,
        b'{"job":"7","attempt":0,"function":"photo","lane":"batch"}',
        b'{"job":true,"attempt":0,"function":"photo","lane":"batch"}',
        b'{"job":9223372036854775808,"attempt":0,"function":"photo","lane":"batch"}',
        b'{"job":7,"attempt":-1,"function":"photo","lane":"batch"}',
        b'{"job":7,"attempt":0,"function":"","lane":"batch"}',
        b'{"job":7,"attempt":0,"function":"photo","lane":"fast"}',
        b'{"job":7,"attempt":0,"function":"photo"}',
    ],
)
def test_what_is_no_ticket_is_rejected_as_a_bad_ticket(workload):
    with pytest.raises(Rejected, match="not a ticket") as caught:
        decode(workload)

    assert caught.value.code == "bad_ticket"
