"""What is decided about a failed attempt."""

from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import (
    BrokerUnavailable,
    HandsDied,
    InternalError,
    LedgerUnavailable,
    NewerRecipe,
    Rejected,
    StoreUnavailable,
    Unavailable,
)
from jobs.job import JobState
from jobs.policy import Again, Bury, judge

CLASSES = [Unavailable, LedgerUnavailable, StoreUnavailable, HandsDied, BrokerUnavailable, InternalError, NewerRecipe]

classes = st.sampled_from(CLASSES)
jitters = st.floats(min_value=0, max_value=1)
earlier = st.dictionaries(st.sampled_from([kind.code for kind in CLASSES]), st.integers(1, 50))


def outlive(errors, jitter=0.5):
    """What is decided about one job's errors, one after another, until it is buried."""
    failures = Counter()
    verdicts = []
    for error in errors:
        verdicts.append(judge(error, failures, jitter))
        failures[verdicts[-1].code] += 1
        if isinstance(verdicts[-1], Bury):
            break
    return verdicts


def delays(kind, jitter):
    return [verdict.delay_seconds for verdict in outlive([kind("away")] * kind.attempts, jitter)[:-1]]


@given(failures=earlier, jitter=jitters)
def test_a_rejected_upload_is_rejected_at_once_with_its_code(failures, jitter):
    verdict = judge(Rejected("too_many_pixels", "9000x9000 is too large"), failures, jitter)

    assert verdict == Bury(code="too_many_pixels", reason="9000x9000 is too large", then=JobState.REJECTED)


@pytest.mark.parametrize(("kind", "patience"), [(HandsDied, 3), (Unavailable, 5), (StoreUnavailable, 20)])
def test_each_class_has_exactly_its_own_number_of_attempts(kind, patience):
    verdicts = outlive([kind("away")] * 30)

    assert [type(verdict) for verdict in verdicts] == [Again] * (patience - 1) + [Bury]
    assert verdicts[-1] == Bury(code=kind.code, reason="away", then=JobState.DEAD)


def test_a_crash_after_a_long_outage_is_the_first_crash():
    verdicts = outlive([StoreUnavailable("away")] * 19 + [HandsDied("SIGSEGV")] * 3)

    assert [type(verdict) for verdict in verdicts] == [Again] * 21 + [Bury]
    assert verdicts[19].delay_seconds == verdicts[0].delay_seconds


@given(failures=earlier, kind=classes, jitter=jitters)
def test_failures_of_other_classes_change_nothing(failures, kind, jitter):
    of_its_own = {code: count for code, count in failures.items() if code == kind.code}

    assert judge(kind("away"), failures, jitter) == judge(kind("away"), of_its_own, jitter)


@given(kinds=st.lists(classes, min_size=60, max_size=60))
def test_no_mixture_of_failures_lets_a_job_live_for_ever(kinds):
    verdicts = outlive(kind("away") for kind in kinds)

    assert isinstance(verdicts[-1], Bury)
    assert len(verdicts) <= sum(kind.attempts - 1 for kind in CLASSES) + 1


@given(kind=classes, failed_before=st.integers(0, 10_000), jitter=jitters)
def test_a_limit_that_was_lowered_under_a_waiting_job_still_ends_it(kind, failed_before, jitter):
    verdict = judge(kind("away"), {kind.code: failed_before}, jitter)

    assert isinstance(verdict, Bury) == (failed_before >= kind.attempts - 1)


@given(kind=classes, jitter=jitters)
def test_a_delay_is_between_half_of_the_classes_schedule_and_all_of_it(kind, jitter):
    whole = kind.first_delay_seconds
    for delay in delays(kind, jitter):
        assert whole / 2 <= delay <= whole
        whole = min(2 * whole, kind.longest_delay_seconds)


@given(kind=classes, jitter=jitters)
def test_a_later_attempt_never_waits_less_with_the_same_jitter(kind, jitter):
    assert delays(kind, jitter) == sorted(delays(kind, jitter))


def test_jitter_spreads_the_retries_of_jobs_that_failed_together():
    spread = {delays(StoreUnavailable, step / 10)[3] for step in range(11)}

    assert (min(spread), max(spread), len(spread)) == (4.0, 8.0, 11)


@pytest.mark.parametrize(
    ("kind", "minutes"),
    [(StoreUnavailable, 7), (InternalError, 15), (NewerRecipe, 15)],
    ids=["a store's outage", "a bad release", "a rolling upgrade"],
)
def test_what_takes_minutes_to_mend_is_survived_even_with_the_shortest_delays(kind, minutes):
    assert sum(delays(kind, 1.0)) > minutes * 60


def test_a_mistake_of_ours_is_retried_and_named_by_its_type():
    verdict = judge(ZeroDivisionError("division by zero"), {}, 0.0)

    assert verdict == Again(code="internal_error", reason="ZeroDivisionError: division by zero", delay_seconds=60.0)
    assert outlive([KeyError("w1080")] * 10)[-1].then == JobState.DEAD


@given(text=st.text(st.characters(exclude_categories=[]) | st.sampled_from("\0\ud800")))
def test_a_reason_can_be_stored_whatever_bytes_an_error_quotes(text):
    for error in (Rejected("corrupt", text), HandsDied(text), ValueError(text)):
        reason = judge(error, {}, 0.5).reason

        assert "\0" not in reason
        assert len(reason.encode().decode()) >= len(text)


@given(kind=classes, failures=earlier, jitter=jitters)
def test_every_verdict_is_a_set_of_arguments_for_failing_the_job(kind, failures, jitter):
    arguments = asdict(judge(kind("away"), failures, jitter))

    assert {"code", "reason", "then"} <= set(arguments) <= {"code", "reason", "then", "delay_seconds"}
    assert arguments["then"] in (JobState.QUEUED, JobState.REJECTED, JobState.DEAD)
