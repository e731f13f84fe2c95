"""Holds what there is against what was acknowledged: what is lost, half-published, done twice, or left over.

The counting is as in Jepsen's total-queue: every submit that was answered ends in a state that was owed to it, once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from config.presets import CLIP_LADDERS, LADDERS
from jobs.job import CLIP
from scripts.faulting.books import AttemptRow, Books, GenerationRow, JobRow, MediaRow, Told
from scripts.faulting.frontend import Acknowledged

FINAL = frozenset({"done", "rejected", "dead", "cancelled"})
LATE_SECONDS = 0.5  # by which the moment of a shot may be noted after what it did


@dataclass(frozen=True, kw_only=True)
class Account:
    """What is wrong, each in words, and what is left over."""

    lost: Sequence[str]
    half_published: Sequence[str]
    duplicated: Sequence[str]
    unowed: Sequence[str]  # ends that were not owed: a good photo that is dead, say
    orphans: Sequence[str]  # keys that no record names: swept when they are a day old
    unknown: Sequence[str]  # objects of a media that there is not, or not any more: nothing of one may stay
    ends: Mapping[str, int]  # acknowledged submits by the state of their jobs


def account(acknowledged: Sequence[Acknowledged], books: Books) -> Account:
    """Hold the books against what was acknowledged. Everything is to be final by now."""
    jobs = {job.job_id: job for job in books.jobs}
    return Account(
        lost=list(find_lost(acknowledged, books)),
        half_published=list(find_half_published(books)),
        duplicated=list(find_duplicated(acknowledged, books)),
        unowed=list(find_unowed(acknowledged, jobs)),
        orphans=sorted(books.stored.keys() - set(named_keys(books))),
        unknown=[f"{key} is stored, and its media is not there or deleted" for key in sorted(books.unknown)],
        ends=Counter(jobs[job_id].state for job_id in {one.receipt.job_id for one in acknowledged} & jobs.keys()),
    )


def find_lost(acknowledged: Sequence[Acknowledged], books: Books) -> Iterator[str]:
    """Jobs that are not there or not final, done ones that show nothing, and ends of which nobody was told."""
    jobs, media = {job.job_id: job for job in books.jobs}, {one.media_id: one for one in books.media}
    for job_id in {one.receipt.job_id: None for one in acknowledged}:
        job = jobs.get(job_id)
        if job is None:
            yield f"job {job_id} was acknowledged and is not in the ledger"
        elif job.state not in FINAL:
            yield f"job {job_id} is still {job.state} after {job.fence} attempts ({job.code}: {job.reason})"
        elif job.state == "done" and not _shows(media.get(job.media_id)):
            yield f"job {job_id} is done, and media {job.media_id} shows nothing"
        elif job.state in ("rejected", "dead") and not (job.code and job.reason):
            yield f"job {job_id} is {job.state} without a reason"
    yield from find_untold(books)


def find_untold(books: Books) -> Iterator[str]:
    """Media whose newest version no event told of."""
    told = {(event.media_id, event.version) for event in books.events}
    for one in books.media:
        if one.state in ("ready", "usable", "failed", "deleted") and (one.media_id, one.generation) not in told:
            yield f"no event told that media {one.media_id} is {one.state} at version {one.generation}"


def find_half_published(books: Books) -> Iterator[str]:
    """Published media that lack a rendition of their ladder, or whose objects are not there as the record says."""
    for one in books.media:
        for generation, renditions in published(one, books):
            if missing := wanted(one.function) - renditions.keys():
                yield f"media {one.media_id}, generation {generation}, lacks {', '.join(sorted(missing))}"
            if one.function == CLIP and not renditions.keys() & rungs():
                yield f"media {one.media_id}, generation {generation}, has no rung"
            yield from find_unfetchable(one.media_id, renditions, books)
    yield from find_told_too_early(books)


def published(media: MediaRow, books: Books) -> Iterator[tuple[int, Mapping[str, Sequence[Any]]]]:
    """What a media shows and has shown, by generation. What is only usable need not be whole."""
    yield from ((old.generation, old.renditions) for old in books.generations if old.media_id == media.media_id)
    if media.state == "ready":
        yield media.generation, media.renditions


def find_unfetchable(media_id: int, renditions: Mapping[str, Sequence[Any]], books: Books) -> Iterator[str]:
    """Renditions that are not stored, or otherwise than the record says."""
    for name, (_width, _height, size, file, crc32) in renditions.items():
        found = books.stored.get(f"m/{media_id}/{file}")
        if found is None:
            yield f"media {media_id}: {name} is published and not stored"
        elif (found.bytes, found.crc32) != (size, crc32):
            yield f"media {media_id}: {name} is stored with other bytes than were published"


def find_told_too_early(books: Books) -> Iterator[str]:
    """Events that say ready of a version that never was, or that arrived before it was published.

    Of a deleted media no generation is kept: of what was told before, only the order of the versions can be checked.
    """
    published_at = publication_times(books)
    deleted = {one.media_id: one.generation for one in books.media if one.state == "deleted"}
    for event in books.events:
        at = published_at.get((event.media_id, event.version))
        if event.topic != "media.ready" or event.version < deleted.get(event.media_id, 0):
            continue
        if at is None:
            yield f"media {event.media_id} was told to be ready at version {event.version}, and is not"
        elif event.at < at:
            yield (
                f"media {event.media_id} was told to be ready at version {event.version} {at - event.at:.3f} s before "
                "that was published"
            )


def publication_times(books: Books) -> Mapping[tuple[int, int], float]:
    """When each generation was published, by media and version: in seconds of the wall clock.

    It is the beginning of the transaction that published, by the ledger's clock, which is this machine's.
    """
    shown: list[MediaRow | GenerationRow] = [*books.generations, *(one for one in books.media if one.state == "ready")]
    return {(one.media_id, one.generation): one.ready_at.timestamp() for one in shown if one.ready_at}


def find_duplicated(acknowledged: Sequence[Acknowledged], books: Books) -> Iterator[str]:
    """Whatever was done twice, or by an attempt that had been overtaken."""
    jobs = {job.job_id: job for job in books.jobs}
    done = [attempt for attempt in books.attempts if attempt.outcome == "done"]
    for job_id, times in Counter(attempt.job_id for attempt in done).items():
        if times > 1:
            yield f"job {job_id} was done {times} times"
    for attempt in done:
        if attempt.job_id in jobs and attempt.fence != jobs[attempt.job_id].fence:
            yield f"job {attempt.job_id} was done by attempt {attempt.fence}, overtaken by {jobs[attempt.job_id].fence}"
    yield from find_generations_too_many(books)
    yield from find_orders_doubled(acknowledged, books)
    yield from find_contradictions(books.events)


def find_generations_too_many(books: Books) -> Iterator[str]:
    """Media with more publications than orders that were done. A clip with a mandatory part has more by right."""
    by_media: dict[int, list[JobRow]] = defaultdict(list)
    for job in books.jobs:
        by_media[job.media_id].append(job)
    for one in books.media:
        orders = by_media[one.media_id]
        done = sum(job.state == "done" and job.code != "superseded" for job in orders)
        published = one.generation - int(one.state == "deleted")  # a deletion counts as one
        if published > done and not any(job.mandatory for job in orders):
            yield f"media {one.media_id} has {one.generation} generations of {done} orders"


def find_orders_doubled(acknowledged: Sequence[Acknowledged], books: Books) -> Iterator[str]:
    """Keys with more than one job or media, by the answers and by the ledger."""
    answers: dict[tuple[int, str, str], set[int]] = defaultdict(set)
    for one in acknowledged:
        answers[one.owner_id, one.function, one.key].add(one.receipt.job_id)
    for job in books.jobs:
        answers[job.owner_id, job.function, job.key].add(job.job_id)
    for (_owner, function, key), job_ids in answers.items():
        if len(job_ids) > 1:
            yield f"{function} {key!r} has {len(job_ids)} jobs"


def find_contradictions(events: Iterable[Told]) -> Iterator[str]:
    """Versions of a media of which two different things were told; the same thing may be told again."""
    said: dict[tuple[int, int], Told] = {}
    for event in events:
        before = said.setdefault((event.media_id, event.version), event)
        if before != event:
            yield f"version {event.version} of media {event.media_id} was told in two ways"


def find_unowed(acknowledged: Sequence[Acknowledged], jobs: Mapping[int, JobRow]) -> Iterator[str]:
    """Final jobs that ended otherwise than was owed."""
    for one in acknowledged:
        job = jobs.get(one.receipt.job_id)
        if job and job.state in FINAL and job.state not in one.expected:
            yield (
                f"job {job.job_id} ended {job.state}, and {' or '.join(sorted(one.expected))} was owed "
                f"({job.code}: {job.reason})"
            )


def recoveries(acknowledged: Sequence[Acknowledged], books: Books, struck_at: Sequence[float]) -> list[float]:
    """Seconds from the first strike at each attempt that came to nothing to the end of its job: one of each attempt."""
    ends = find_ends(acknowledged, books)
    strikes = [
        (attempt.job_id, [at for at in struck_at if _struck(attempt, at)])
        for attempt in books.attempts
        if attempt.job_id in ends
    ]
    return [ends[job_id] - min(at) for job_id, at in strikes if at]


def waits(acknowledged: Sequence[Acknowledged], books: Books, struck_at: Sequence[float]) -> list[float]:
    """Seconds from the last strike that found a job waiting or running to the job's end.

    So a fault is timed too that struck no attempt: a ticket that was lost, a worker that died between its publication
    and its answer and that the others miss. It is the last strike that counts, because a strike is when something was
    taken away or came back: what a job waits for before that is the fault's own length, and no promise. What it takes
    to do all that was in the queue before the job is part of it. A job that somebody cancelled did not recover.
    """
    ends = find_ends(acknowledged, books)
    began = {job.job_id: job.submitted_at.timestamp() for job in books.jobs}
    lived = {job_id: [at for at in struck_at if began[job_id] <= at < end] for job_id, end in ends.items()}
    return [ends[job_id] - max(strikes) for job_id, strikes in lived.items() if strikes]


def find_ends(acknowledged: Sequence[Acknowledged], books: Books) -> Mapping[int, float]:
    """When each acknowledged job ended that ended by itself, in seconds of the wall clock."""
    ours = {one.receipt.job_id for one in acknowledged}
    return {
        job.job_id: job.finished_at.timestamp()
        for job in books.jobs
        if job.finished_at and job.job_id in ours and job.state != "cancelled"
    }


def _struck(attempt: AttemptRow, at: float) -> bool:
    began, ended = attempt.started_at.timestamp(), attempt.ended_at.timestamp()
    unfinished = attempt.outcome in ("failed", "released", "lease_expired")
    return unfinished and began - LATE_SECONDS <= at <= ended + LATE_SECONDS


def named_keys(books: Books) -> Iterator[str]:
    """The keys that a record names, of whatever generation."""
    shown: list[MediaRow | GenerationRow] = [*books.media, *books.generations]
    for one in shown:
        yield from (f"m/{one.media_id}/{rendition[3]}" for rendition in one.renditions.values())


def wanted(function: str) -> set[str]:
    """The renditions that everything published of this function has, however small it is."""
    if function == CLIP:
        ladder = CLIP_LADDERS["standard"]
        return {"master", ladder.preview.name, *(preset.name for preset in ladder.poster)}
    return {preset.name for preset in LADDERS["standard"]}


def rungs() -> set[str]:
    """The names of a clip's rungs."""
    return {rung.name for rung in CLIP_LADDERS["standard"].rungs}


def _shows(media: MediaRow | None) -> bool:
    return media is not None and media.state == "ready" and bool(media.renditions)
