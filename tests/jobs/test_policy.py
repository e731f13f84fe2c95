"""What is decided about a failed attempt."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import BrokerUnavailable, HandsDied, LedgerUnavailable, Rejected, StoreUnavailable, Unavailable
from jobs.job import JobState
from jobs.policy import Again, Bury, judge

CLASSES = [Unavailable, LedgerUnavailable, StoreUnavailable, HandsDied, BrokerUnavailable]

classes = st.sampled_from(CLASSES)
jitters = st.floats(min_value=0, max_value=1)


@given(attempt=st.integers(1, 1000), jitter=jitters)
def test_a_rejected_upload_is_rejected_at_once_with_its_code(attempt, jitter):
    verdict = judge(Rejected("too_many_pixels", "9000x9000 is too large"), attempt, jitter)

    assert verdict == Bury(code="too_many_pixels", reason="9000x9000 is too large", then=JobState.REJECTED)


@pytest.mark.parametrize(("kind", "patience"), [(HandsDied, 3), (Unavailable, 5), (StoreUnavailable, 20)])
def test_each_class_has_exactly_its_own_number_of_attempts(kind, patience):
    verdicts = [judge(kind("away"), attempt, 0.5) for attempt in range(1, patience + 1)]

    assert [type(verdict) for verdict in verdicts] == [Again] * (patience - 1) + [Bury]
    assert verdicts[-1] == Bury(code=kind.code, reason="away", then=JobState.DEAD)


@given(kind=classes, attempt=st.integers(1, 10_000), jitter=jitters)
def test_no_attempt_number_lets_a_job_live_for_ever_or_breaks_the_sum(kind, attempt, jitter):
    verdict = judge(kind("away"), attempt, jitter)

    assert isinstance(verdict, Bury) == (attempt >= kind.attempts)


@given(kind=classes, attempt=st.integers(1, 19), jitter=jitters)
def test_a_delay_is_between_half_of_the_classes_schedule_and_all_of_it(kind, attempt, jitter):
    verdict = judge(kind("away"), attempt, jitter)

    whole = kind.first_delay_seconds
    for _ in range(attempt - 1):
        whole = min(2 * whole, kind.longest_delay_seconds)
    assert isinstance(verdict, Bury) or whole / 2 <= verdict.delay_seconds <= whole


@given(attempt=st.integers(1, 18), jitter=jitters)
def test_a_later_attempt_never_waits_less_with_the_same_jitter(attempt, jitter):
    sooner, later = (judge(StoreUnavailable("away"), attempt + step, jitter) for step in (0, 1))

    assert sooner.delay_seconds <= later.delay_seconds


def test_jitter_spreads_the_retries_of_jobs_that_failed_together():
    delays = {judge(StoreUnavailable("away"), 4, step / 10).delay_seconds for step in range(11)}

    assert (min(delays), max(delays), len(delays)) == (4.0, 8.0, 11)


def test_a_store_outage_of_seven_minutes_is_survived_even_with_the_shortest_delays():
    delays = [judge(StoreUnavailable("away"), attempt, 1.0).delay_seconds for attempt in range(1, 20)]

    assert sum(delays) > 7 * 60


def test_a_mistake_of_ours_is_retried_and_named_by_its_type():
    verdict = judge(ZeroDivisionError("division by zero"), 1, 0.0)

    assert verdict == Again(code="internal_error", reason="ZeroDivisionError: division by zero", delay_seconds=1.0)
    assert judge(KeyError("w1080"), 5, 0.0).then == JobState.DEAD


@given(text=st.text(st.characters(exclude_categories=[]) | st.sampled_from("\0\ud800")))
def test_a_reason_can_be_stored_whatever_bytes_an_error_quotes(text):
    for error in (Rejected("corrupt", text), HandsDied(text), ValueError(text)):
        reason = judge(error, 1, 0.5).reason

        assert "\0" not in reason
        assert len(reason.encode().decode()) >= len(text)


@given(kind=classes, attempt=st.integers(1, 25), jitter=jitters)
def test_every_verdict_is_a_set_of_arguments_for_failing_the_job(kind, attempt, jitter):
    arguments = asdict(judge(kind("away"), attempt, jitter))

    assert {"code", "reason", "then"} <= set(arguments) <= {"code", "reason", "then", "delay_seconds"}
    assert arguments["then"] in (JobState.QUEUED, JobState.REJECTED, JobState.DEAD)
