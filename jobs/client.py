"""What a frontend calls: upload an original, submit a job, see what became of it."""

import hashlib
import logging
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config import Settings
from filters.recipe import Recipe, canonical, recipe_hash
from jobs.errors import BrokerUnavailable, Rejected
from jobs.job import LARGEST_ID, PHOTO, JobState, JobStatus, Lane, Media, Order, Receipt, Ticket
from jobs.ladders import checked_function, checked_mandatory, find_ladder
from jobs.ledger import Ledger
from jobs.outages import Outages
from jobs.perthread import PerProcess, PerThread
from jobs.quarantine import Gate
from jobs.recipes import check_cut, own_look, read_recipe

if TYPE_CHECKING:  # each is loaded by the first call that needs it
    from jobs.gearman import Dispatcher
    from jobs.originals import Originals, PresignedUpload

log = logging.getLogger(__name__)

KEY_CHARACTERS = 200
SOURCE_KEY = r"o/{owner_id}/[0-9A-Za-z-]+"  # as `jobs.originals.original_key` makes them
FIRST_WAIT_SECONDS = 0.02
LONGEST_WAIT_SECONDS = 0.5  # so that a person who watches sees a second's progress within that second
WAIT_GROWTH = 1.25  # so an end is noticed at most a quarter of the job's time late


class Client:
    """A frontend's way into the pipeline. Threads may share one, and it goes on working in a forked child.

    Each thread of each process has a ledger connection and a Gearman connection of its own, made when first used.
    Every call may raise LedgerUnavailable, an upload StoreUnavailable; the same call can then be made again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outages = Outages()
        self._ledger = PerThread(self._connect_ledger)
        self._gate = PerThread(self._connect_gate)
        self._dispatcher = PerThread(self._connect_dispatcher)
        self._originals = PerProcess(self._connect_originals)

    @classmethod
    def from_env(cls) -> "Client":
        """A client for the servers that the environment names (DARKROOM_…), or else for the local stack's.

        Raises:
            MisconfiguredError: a setting is missing.
        """
        return cls(Settings.load())

    def presign_upload(
        self, owner_id: int, *, size_bytes: int, content_type: str, function: str = PHOTO
    ) -> "PresignedUpload":
        """A PUT by which a browser or app stores one original itself, whose `source_key` is then submitted.

        It holds for this size and content type, at one key, once, and for a quarter of an hour. `function` is "photo"
        or "clip".

        Raises:
            Rejected: `empty_file`, `too_many_bytes` (a clip may have more than a photo), `bad_content_type` or
                `unknown_function`.
        """
        originals, function = self._originals.get(), checked_function(function)
        return originals.presign(checked_owner(owner_id), size_bytes, content_type, function)

    def upload(self, owner_id: int, file: str | Path | bytes, key: str, function: str = PHOTO) -> str:
        """Store an original once per owner and `key`, the caller's own. Returns the source key to submit.

        Raises:
            Rejected: `empty_file`, `too_many_bytes` (a clip may have more than a photo), `unknown_function`,
                `key_reused` if the key belongs to other bytes, or `quarantined` if these have killed renderers.
        """
        body = Path(file) if isinstance(file, str) else file
        return self._originals.get().put(checked_owner(owner_id), checked_key(key), body, checked_function(function))

    def adopt(self, owner_id: int, address: str, key: str, function: str = PHOTO) -> str:
        """Store a copy of s3://bucket/key, which this client's own credentials can read, as `upload` does.

        Raises:
            Rejected: as `upload` does, `bad_address`, or `missing_original` if nothing lies there.
        """
        originals = self._originals.get()
        return originals.adopt(checked_owner(owner_id), address, checked_key(key), checked_function(function))

    def peek(self, address: str, count: int) -> bytes:
        """The first `count` bytes of s3://bucket/key, to tell what it is. Raises Rejected as `adopt` does."""
        return self._originals.get().peek(address, count)

    def submit(  # noqa: PLR0913 - by keyword, and each with a default
        self,
        owner_id: int,
        source_key: str,
        *,
        key: str | None = None,
        function: str = PHOTO,
        ladder: str = "standard",
        lane: str = Lane.INTERACTIVE,
        media_id: int | None = None,
        recipe: Mapping[str, Any] | Recipe | None = None,
        mandatory: Sequence[str] = (),
        sha256: str | None = None,
    ) -> Receipt:
        """Ask for renditions of a stored original, edited by the `recipe` (JSON data as `filters.recipe.schema` says).

        `function` is "photo" or "clip", and `ladder` one of that function's. Of a new clip the `mandatory` rungs, by
        name, are made first: with them, poster and preview it is `usable`, and with the rest `ready`. All of it costs
        some more then than in one go.

        Without a recipe the media is made as it was last asked for, and a new one is not edited; `{}` and `Recipe()`
        ask for no edits. The same key again is the same job, also with another ladder; another recipe needs another
        key. Without a `key` it follows from the original, the ladder and the recipe. With a `media_id` the job makes
        that media's next generation, always from the original, and needs a key of its own. It succeeds also while no
        job server runs: the sweeper then brings the ticket.

        Whoever knows the original's `sha256`, in hexadecimal, hears at once if that is in quarantine; an `upload` looks
        for itself, and a worker does before its renderer sees the bytes.

        Raises:
            Rejected: `unknown_function`, `unknown_ladder`, `unknown_rendition`, `unknown_lane`, `unknown_look`,
                `bad_recipe` (also for a photo with a cut, or a cover outside it), `bad_owner`, `bad_key`,
                `foreign_original` if a new media's source key is none of this owner's, `unknown_media` also if it is of
                another owner or original, `wrong_function` if the media is a clip and this a photo, or the other way
                round, `key_reused` if the key belongs to a job on another original or with another recipe,
                `quarantined` if these bytes have killed renderers, `media_deleted`, or `original_removed`: then upload
                the file again.
        """
        find_ladder(ladder, function)
        if sha256:
            self._admit(sha256.lower())
        edited = checked_edits(recipe, function)
        order = Order(
            owner_id=checked_owner(owner_id),
            key=default_key(source_key, ladder, edited, media_id) if key is None else checked_key(key),
            source_key=checked_source(owner_id, source_key, media_id),
            function=function,
            ladder=ladder,
            lane=checked_lane(lane),
            media_id=media_id,
            recipe=None if edited is None else canonical(edited),
            mandatory=checked_mandatory(mandatory, ladder, function),
        )
        return self._hand_in(order, edited)

    def check_recipe(self, recipe: Mapping[str, Any] | Recipe, function: str = PHOTO) -> Recipe:
        """The recipe as it would be submitted: for a frontend that wants to know before it uploads.

        Raises:
            Rejected: `bad_recipe` or `unknown_look`; the message names the field, its range or the nearest names.
        """
        edited = read_recipe(recipe)
        check_cut(edited, checked_function(function))
        self._check_look(edited)
        return edited

    def status(self, job_id: int) -> JobStatus:
        """How a job stands. Raises Rejected `unknown_job`."""
        return self._ledger.get().status(job_id)

    def wait(
        self, job_id: int, timeout_seconds: float, on_status: Callable[[JobStatus], None] | None = None
    ) -> JobStatus:
        """The job once it is final, whichever way. `on_status` is given what it finds until then, twice a second.

        Raises:
            TimeoutError: it is not final in time; it goes on all the same.
            Rejected: `unknown_job`.
        """
        end = time.monotonic() + timeout_seconds
        pause = FIRST_WAIT_SECONDS
        while not (status := self.status(job_id)).state.final:
            if on_status:
                on_status(status)
            left = end - time.monotonic()
            if left <= 0:
                waited = f"{round(timeout_seconds, 1):g} s and {status.attempts} attempts"
                raise TimeoutError(
                    f"job {job_id} is still {status.state} after {waited}; it goes on, so wait again, or look "
                    f"with `darkroom job show {job_id}`"
                )
            time.sleep(min(pause, left))
            pause = min(pause * WAIT_GROWTH, LONGEST_WAIT_SECONDS)
        return status

    def cancel(self, job_id: int) -> JobState:
        """Cancel a job that is not final. Returns its state now. Raises Rejected `unknown_job`."""
        return self._ledger.get().cancel(job_id)

    def retry(self, job_id: int) -> None:
        """Queue a rejected, dead or cancelled job again.

        Raises:
            Rejected: `unknown_job`, `media_deleted`, or `not_final` for a job that is queued, running or done.
        """
        self._send(self._ledger.get().retry(job_id))

    def media(self, media_id: int) -> Media:
        """A media's record; of one that was deleted a tombstone. Raises Rejected `unknown_media`."""
        return self._ledger.get().media(media_id)

    def delete_media(self, media_id: int) -> Media:
        """Delete a media for ever: record, renditions, and its original unless another media uses that.

        It is deleted when this returns, also while a job runs, and stays so as a tombstone, which is returned; again it
        is the same answer. A janitor removes its bytes within seconds, or as soon as the store is there. The same file
        can be uploaded and submitted again, also by the same keys. Raises Rejected `unknown_media`.
        """
        return self._ledger.get().delete_media(media_id)

    def close(self) -> None:
        """Close the calling thread's connections. Another thread's close when it ends."""
        self._ledger.drop()  # its connection closes with it
        self._gate.drop()
        if dispatcher := self._dispatcher.drop():
            dispatcher.close()

    def _hand_in(self, order: Order, edited: Recipe | None) -> Receipt:
        if edited:
            self._check_look(edited)
        receipt = self._ledger.get().submit(order)
        if receipt.state is JobState.QUEUED:
            self._send(receipt.ticket)
        return receipt

    def _check_look(self, recipe: Recipe) -> None:
        # Looks are never removed, so one that is there now is there when a worker asks for it.
        name = own_look(recipe)
        if name and not self._ledger.get().has_look(name):
            read_recipe(recipe, [look.name for look in self._ledger.get().looks()])  # says which names are near

    def _send(self, ticket: Ticket) -> None:
        try:
            self._dispatcher.get().send([ticket])
        except BrokerUnavailable as error:
            log.warning("ticket.deferred", extra={"job_id": ticket.job_id, "reason": str(error)})

    def _connect_ledger(self) -> Ledger:
        from jobs.postgres import PostgresLedger  # noqa: PLC0415

        return PostgresLedger.from_settings(self._settings)

    def _admit(self, sha256: str) -> None:
        self._gate.get().admit(sha256)

    def _connect_gate(self) -> Gate:
        from jobs.quarantine_postgres import PostgresQuarantine  # noqa: PLC0415

        return Gate(PostgresQuarantine.from_settings(self._settings))

    def _connect_dispatcher(self) -> "Dispatcher":
        from jobs.gearman import Dispatcher  # noqa: PLC0415

        settings = self._settings
        return Dispatcher(settings.gearman_servers, settings.connect_timeout_seconds, self._outages)

    def _connect_originals(self) -> "Originals":
        from jobs.originals import Originals  # noqa: PLC0415

        return Originals(self._settings, self._admit, lambda source_key: self._ledger.get().is_removed(source_key))


def checked_owner(owner_id: int) -> int:
    """The owner, if it can be one."""
    if type(owner_id) is not int or not 1 <= owner_id <= LARGEST_ID:
        raise Rejected("bad_owner", f"an owner is a positive whole number of at most 63 bits, not {owner_id!r}")
    return owner_id


def checked_key(key: str) -> str:
    """The caller's key, if the ledger can hold it."""
    if not isinstance(key, str) or not 1 <= len(key) <= KEY_CHARACTERS:
        raise Rejected("bad_key", f"a key is a text of 1 to {KEY_CHARACTERS} characters, not {key!r:.80}")
    return key


def checked_edits(recipe: Mapping[str, Any] | Recipe | None, function: str) -> Recipe | None:
    """The recipe as it is read, if it can be of such a media; None: none was asked for."""
    edited = None if recipe is None else read_recipe(recipe)
    if edited:
        check_cut(edited, function)
    return edited


def checked_source(owner_id: int, source_key: str, media_id: int | None) -> str:
    """The source key, if it can be of this owner's: nobody publishes what somebody else has stored.

    Of a media that there is the ledger knows it, whatever its form, and takes no other and no other owner.
    """
    if media_id is not None:
        return checked_key(source_key)
    if re.fullmatch(SOURCE_KEY.format(owner_id=owner_id), checked_key(source_key)) is None:
        message = f"{source_key!r:.80} is no original of owner {owner_id}: submit what the upload gave for this owner"
        raise Rejected("foreign_original", message)
    return source_key


def default_key(source_key: str, ladder: str, recipe: Recipe | None, media_id: int | None) -> str:
    """The key of an original's first job on a ladder by a recipe, whose caller gave none."""
    if media_id is not None:
        raise Rejected("bad_key", "a further generation needs a key of its own: the same key again is the same job")
    edited = "" if recipe in (None, Recipe()) else f" {recipe_hash(recipe)}"  # nothing, as before there were recipes
    return hashlib.sha256(f"{source_key} {ladder}{edited}".encode(errors="surrogatepass")).hexdigest()


def checked_lane(lane: str) -> Lane:
    """The lane of this name."""
    try:
        return Lane(lane)
    except ValueError as error:
        raise Rejected("unknown_lane", f"there is no lane {lane!r}; there are: {', '.join(Lane)}") from error
