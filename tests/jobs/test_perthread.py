import os
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from jobs.perthread import PerProcess, PerThread


def all_from_threads(own, count: int) -> list[object]:
    """What `count` threads that live at the same time get."""
    together = Barrier(count)

    def get_together(_) -> object:
        together.wait()
        return own.get()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(get_together, range(count)))


def child_agrees(question) -> bool:
    child = os.fork()
    if not child:
        os._exit(0 if question() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_each_thread_has_its_own():
    own = PerThread(object)

    assert own.get() is own.get()
    assert len({id(made) for made in all_from_threads(own, 4)} | {id(own.get())}) == 5


def test_threads_of_a_process_share_one():
    shared = PerProcess(object)
    first = shared.get()

    assert all_from_threads(shared, 4) == [first] * 4


def test_threads_that_race_for_the_first_get_the_same():
    assert len(set(all_from_threads(PerProcess(object), 8))) == 1


def test_a_forked_child_makes_its_own_and_keeps_it():
    for own in (PerThread(object), PerProcess(object)):
        parents = own.get()

        assert child_agrees(lambda own=own, parents=parents: own.get() is not parents)
        assert child_agrees(lambda own=own: own.get() is own.get())
        assert own.get() is parents


def test_what_is_dropped_is_returned_once_and_made_anew():
    own = PerThread(object)
    made = own.get()

    assert own.drop() is made
    assert own.drop() is None
    assert own.get() is not made


def test_a_child_does_not_drop_what_is_its_parents():
    own = PerThread(object)
    own.get()

    assert child_agrees(lambda: own.drop() is None)
