-- Deletion. A media's row stays as a tombstone, so that its number never means anything else; what it held goes, its jobs
-- are cancelled, and what lies in the store is noted as to be removed in the same transaction. Whoever carries that out
-- may die at any moment: it is done again until it was done three times, because a worker that was stopped may put
-- something when it wakes.
--
-- An original goes with the last media that uses it, or when an audit finds that no media ever did. Its place is never
-- used again. A submit and a removal of one original wait for each other by an advisory lock on its name.
--
-- During an upgrade programs of the last release go on: every step has the parameters and the answer that it had.
ALTER TABLE darkroom.media
    DROP CONSTRAINT media_state_check,
    -- Not checked now, since that would read the table under an exclusive lock: what was allowed before still is.
    ADD CONSTRAINT media_state_check CHECK (state IN ('pending', 'usable', 'ready', 'failed', 'deleted')) NOT VALID;

CREATE TABLE darkroom.removals (
    place     text NOT NULL,
    folder    boolean NOT NULL,                    -- all keys that begin with the place, and not the one that it is
    media_id  bigint,                              -- of the deletion; NULL for an original that no media used
    asked_at  timestamptz NOT NULL DEFAULT now(),
    due_at    timestamptz NOT NULL DEFAULT now(),
    passes    int NOT NULL DEFAULT 0,              -- that were carried out
    PRIMARY KEY (place, folder)
);
CREATE INDEX removals_due ON darkroom.removals (due_at);
CREATE INDEX removals_media ON darkroom.removals (media_id);

-- For ever: a hundred bytes each.
CREATE TABLE darkroom.removed_originals (
    source_key  text PRIMARY KEY,
    removed_at  timestamptz NOT NULL DEFAULT now()
);

-- Until the transaction ends nobody else submits or removes this original.
CREATE FUNCTION darkroom.hold_original(p_source_key text) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(p_source_key, 0))
$$;

-- Removes a held original, unless a media uses it; a rendition that served as one goes with its own media. Whether it is
-- removed, now or before.
CREATE FUNCTION darkroom.drop_original(p_source_key text, p_media_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_source_key LIKE 'm/%'
        OR EXISTS (SELECT FROM darkroom.media WHERE source_key COLLATE "C" = p_source_key AND state <> 'deleted')
    THEN
        RETURN false;
    END IF;
    INSERT INTO darkroom.removed_originals (source_key) VALUES (p_source_key) ON CONFLICT DO NOTHING;
    INSERT INTO darkroom.removals (place, folder, media_id) VALUES (p_source_key, false, p_media_id)
    ON CONFLICT (place, folder) DO UPDATE SET asked_at = now(), due_at = now(), passes = 0;
    RETURN true;
END
$$;

-- As before, but of nothing that is deleted.
CREATE OR REPLACE FUNCTION darkroom.provide_media(
    p_owner_id bigint, p_function text, p_source_key text, p_media_id bigint, OUT media_id bigint, OUT turn int
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_function text;
    v_state text;
BEGIN
    PERFORM darkroom.hold_original(p_source_key);
    IF p_media_id IS NULL THEN
        IF EXISTS (SELECT FROM darkroom.removed_originals WHERE source_key = p_source_key) THEN
            PERFORM darkroom.reject('original_removed', format('the original %s was removed: upload the file again, and '
                'submit the source key that the upload then gives', p_source_key));
        END IF;
        INSERT INTO darkroom.media (media_id, owner_id, function, source_key)
        VALUES (darkroom.next_id(p_owner_id), p_owner_id, p_function, p_source_key)
        RETURNING media_id, turns INTO provide_media.media_id, turn;
        RETURN;
    END IF;
    UPDATE darkroom.media
    SET turns = turns + 1, open_jobs = open_jobs + 1, state = CASE state WHEN 'failed' THEN 'pending' ELSE state END
    WHERE media_id = p_media_id AND owner_id = p_owner_id AND source_key = p_source_key AND state <> 'deleted'
    RETURNING media_id, turns, function INTO provide_media.media_id, turn, v_function;
    IF NOT FOUND THEN
        SELECT state INTO v_state FROM darkroom.media WHERE media_id = p_media_id AND owner_id = p_owner_id;
        IF v_state = 'deleted' THEN
            PERFORM darkroom.refuse_deleted(p_media_id);
        END IF;
        PERFORM darkroom.reject('unknown_media', format('owner %s has no media %s of the original %s', p_owner_id,
            p_media_id, p_source_key));
    END IF;
    IF v_function <> p_function THEN
        PERFORM darkroom.reject('wrong_function', format('media %s is a %s and stays one: as a %s its original is to be '
            'submitted without the media', p_media_id, v_function, p_function));
    END IF;
END
$$;

CREATE FUNCTION darkroom.refuse_deleted(p_media_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM darkroom.reject('media_deleted', format('media %s is deleted and stays so: upload the file again, and submit '
        'it without the media', p_media_id));
END
$$;

-- As before, but not of a deleted media.
CREATE OR REPLACE FUNCTION darkroom.retry(p_job_id bigint)
RETURNS TABLE (job_id bigint, fence int, function text, lane text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_job darkroom.jobs := darkroom.locked_job(p_job_id);
BEGIN
    IF v_job.state NOT IN ('rejected', 'dead', 'cancelled') THEN
        PERFORM darkroom.reject('not_final', format('job %s is %s: only one that ended badly can be retried',
            p_job_id, v_job.state));
    END IF;
    UPDATE darkroom.media
    SET open_jobs = open_jobs + 1, state = CASE state WHEN 'failed' THEN 'pending' ELSE state END
    WHERE media_id = v_job.media_id AND state <> 'deleted';
    IF NOT FOUND THEN
        PERFORM darkroom.refuse_deleted(v_job.media_id);
    END IF;
    RETURN QUERY
    UPDATE darkroom.jobs
    SET state = 'queued', waits = false, failures = '{}', lost_leases = 0, finished_at = NULL,
        due_at = now() + interval '30 seconds'
    WHERE job_id = p_job_id
    RETURNING job_id, fence, function, lane;
END
$$;

CREATE OR REPLACE FUNCTION darkroom.rollback(p_media_id bigint, p_generation bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
BEGIN
    UPDATE darkroom.media m
    SET state = 'ready', ready_at = now(), generation = m.generation + 1, turns = m.turns + 1,
        shown_turn = m.turns + 1, sha256 = g.sha256, width = g.width, height = g.height, facts = g.facts,
        renditions = g.renditions, recipe = g.recipe
    FROM darkroom.generations g
    WHERE m.media_id = p_media_id AND g.media_id = m.media_id AND g.generation = p_generation AND m.state <> 'deleted'
    RETURNING m.* INTO v_media;
    IF NOT FOUND THEN
        IF EXISTS (SELECT FROM darkroom.media WHERE media_id = p_media_id AND state = 'deleted') THEN
            PERFORM darkroom.refuse_deleted(p_media_id);
        END IF;
        PERFORM darkroom.reject('unknown_generation', format(
            'media %s has no generation %s before its current one', p_media_id, p_generation));
    END IF;
    PERFORM darkroom.tell(v_media, 'media.ready',
        jsonb_build_object('generation', v_media.generation, 'rolled_back_to', p_generation));
END
$$;

-- A job of a media that is being deleted: cancelled if it is open, so that its worker finds its fence stale; its key is
-- free for another order, and what a person asked for is forgotten.
CREATE FUNCTION darkroom.drop_job(p_job darkroom.jobs) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_job.state = 'running' THEN
        PERFORM darkroom.note_attempt(p_job, 'cancelled');
    END IF;
    UPDATE darkroom.jobs
    SET key = format('deleted %s %s', job_id, gen_random_uuid()), recipe = '{}',
        state = CASE WHEN open THEN 'cancelled' ELSE state END,
        finished_at = CASE WHEN open THEN now() ELSE finished_at END
    WHERE job_id = p_job.job_id;
END
$$;

-- Locks are taken in the order original, jobs, media. Said again it changes nothing.
CREATE FUNCTION darkroom.delete_media(p_media_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
    v_job darkroom.jobs;
BEGIN
    SELECT * INTO v_media FROM darkroom.media WHERE media_id = p_media_id;
    IF NOT FOUND THEN
        PERFORM darkroom.reject('unknown_media', format('there is no media %s', p_media_id));
    END IF;
    PERFORM darkroom.hold_original(v_media.source_key);  -- nobody adds a job from here on
    FOR v_job IN
        SELECT * FROM darkroom.jobs WHERE owner_id = v_media.owner_id AND media_id = p_media_id
        ORDER BY job_id FOR UPDATE
    LOOP
        PERFORM darkroom.drop_job(v_job);
    END LOOP;
    UPDATE darkroom.media
    SET state = 'deleted', generation = generation + 1, open_jobs = 0, ready_at = NULL, sha256 = NULL, width = NULL,
        height = NULL, facts = '{}', recipe = '{}', renditions = '{}'
    WHERE media_id = p_media_id AND state <> 'deleted'
    RETURNING * INTO v_media;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM darkroom.generations WHERE media_id = p_media_id;  -- with the one that the trigger has just kept
    INSERT INTO darkroom.removals (place, folder, media_id) VALUES (format('m/%s/', p_media_id), true, p_media_id);
    PERFORM darkroom.drop_original(v_media.source_key, p_media_id);
    PERFORM darkroom.tell(v_media, 'media.deleted', jsonb_build_object('generation', v_media.generation));
END
$$;

-- An original that no media uses, as an audit finds it. False: one does.
CREATE FUNCTION darkroom.abandon_original(p_source_key text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM darkroom.hold_original(p_source_key);
    RETURN darkroom.drop_original(p_source_key, NULL);
END
$$;

-- What is due, for whoever asks: it is due again in five minutes unless it is noted as done. With a media: what was never
-- done for it, also if another has just taken it, because twice does no harm.
CREATE FUNCTION darkroom.take_removals(p_limit int, p_media_id bigint DEFAULT NULL)
RETURNS TABLE (place text, folder boolean, passes int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF p_media_id IS NOT NULL THEN
        RETURN QUERY
        UPDATE darkroom.removals SET due_at = now() + interval '5 minutes'
        WHERE media_id = p_media_id AND passes = 0
        RETURNING place, folder, passes;
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE darkroom.removals SET due_at = now() + interval '5 minutes'
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM darkroom.removals WHERE due_at <= now() ORDER BY due_at LIMIT p_limit FOR UPDATE SKIP LOCKED))
    RETURNING place, folder, passes;
END
$$;

-- The second pass: a put that was signed before the deletion is good for 15 minutes. The last: whoever slept for hours.
CREATE FUNCTION darkroom.note_removal(p_place text, p_folder boolean, p_passes int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE darkroom.removals
    SET passes = passes + 1, due_at = asked_at + CASE passes WHEN 0 THEN interval '16 minutes' ELSE interval '1 day' END
    WHERE place = p_place AND folder = p_folder AND passes = p_passes;
    DELETE FROM darkroom.removals WHERE place = p_place AND folder = p_folder AND passes >= 3;
END
$$;

-- What a stored rendition is: 'live' (its media shows it, could go back to it, or has a job that may publish it), 'orphan',
-- or 'foreign', if there never was such a media: a row comes before the first put, and stays. Its media is locked until the
-- transaction ends, so that no retry and no further order begins meanwhile.
CREATE FUNCTION darkroom.hold_rendition(p_media_id bigint, p_file text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
BEGIN
    SELECT * INTO v_media FROM darkroom.media WHERE media_id = p_media_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'foreign';
    END IF;
    IF v_media.open_jobs > 0
        OR EXISTS (SELECT FROM jsonb_each(v_media.renditions) WHERE value ->> 3 = p_file)
        OR EXISTS (SELECT FROM darkroom.generations g, jsonb_each(g.renditions)
                   WHERE g.media_id = p_media_id AND value ->> 3 = p_file)
        OR EXISTS (SELECT FROM darkroom.media WHERE state <> 'deleted'
                   AND source_key COLLATE "C" = format('m/%s/%s', p_media_id, p_file))
    THEN
        RETURN 'live';
    END IF;
    RETURN 'orphan';
END
$$;

GRANT SELECT ON darkroom.removals, darkroom.removed_originals TO darkroom_app;
GRANT EXECUTE ON FUNCTION
    darkroom.delete_media, darkroom.abandon_original, darkroom.take_removals, darkroom.note_removal,
    darkroom.hold_rendition
TO darkroom_app;
