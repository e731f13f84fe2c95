"""How long to leave alone what has just failed."""

from workers.pauses import pause_seconds


def test_failures_in_a_row_are_answered_with_longer_and_longer_pauses_up_to_the_longest():
    pauses = [pause_seconds(failures, longest=30) for failures in range(20)]

    assert pauses[:4] == [0, 0.5, 1, 2]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30
