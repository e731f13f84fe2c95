-- Clips. They take minutes where photos take moments: a job tells how far it is, and a clip can be seen before all of it
-- is made.
--
-- A media is a photo or a clip for ever, since its recipe is of one or the other. Its states: `pending`, then perhaps
-- `usable` (the renditions that the order calls mandatory are there, and more are on their way), then `ready`; `failed` if
-- nothing was ever published. What is only usable counts as a publication, so that readers take it by its version, but is
-- no generation to go back to.
--
-- If the last job of a usable media comes to nothing, the media stays usable, because people may be watching it; the event
-- `media.incomplete` says that the rest will not come, in a version of its own, because readers drop what is not new. A
-- retry or a further order can still complete it. An edit of a media that is ready shows nothing before it is complete.
--
-- During an upgrade programs of the last release go on: what they submit is no clip, their workers are never given one
-- (tickets go by function), and their beats have no progress.
ALTER TABLE darkroom.jobs
    ADD COLUMN mandatory text[] NOT NULL DEFAULT '{}',  -- renditions that make its media usable, by name
    ADD COLUMN progress real;  -- of the attempt at hand, 0 to 0.99; in no index, so that a beat with it touches no more
ALTER TABLE darkroom.media
    ADD COLUMN function text NOT NULL DEFAULT 'photo',  -- of all of its jobs
    DROP CONSTRAINT media_state_check,
    -- Not checked now, since that would read the table under an exclusive lock: what was allowed before still is.
    ADD CONSTRAINT media_state_check CHECK (state IN ('pending', 'usable', 'ready', 'failed')) NOT VALID;

DROP TRIGGER keep_generation ON darkroom.media;
CREATE TRIGGER keep_generation AFTER UPDATE ON darkroom.media
    FOR EACH ROW WHEN (old.generation > 0 AND new.generation > old.generation AND old.state <> 'usable')
    EXECUTE FUNCTION darkroom.keep_generation();

DROP FUNCTION darkroom.submit(bigint, text, text, text, text, text, bigint, jsonb);
DROP FUNCTION darkroom.provide_media(bigint, text, bigint);

-- The media that an order is for: a new one, or the next turn of one that has the same owner, original and function.
CREATE FUNCTION darkroom.provide_media(
    p_owner_id bigint, p_function text, p_source_key text, p_media_id bigint, OUT media_id bigint, OUT turn int
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_function text;
BEGIN
    IF p_media_id IS NULL THEN
        INSERT INTO darkroom.media (media_id, owner_id, function, source_key)
        VALUES (darkroom.next_id(p_owner_id), p_owner_id, p_function, p_source_key)
        RETURNING media_id, turns INTO provide_media.media_id, turn;
        RETURN;
    END IF;
    UPDATE darkroom.media
    SET turns = turns + 1, open_jobs = open_jobs + 1, state = CASE state WHEN 'failed' THEN 'pending' ELSE state END
    WHERE media_id = p_media_id AND owner_id = p_owner_id AND source_key = p_source_key
    RETURNING media_id, turns, function INTO provide_media.media_id, turn, v_function;
    IF NOT FOUND THEN
        PERFORM darkroom.reject('unknown_media', format('owner %s has no media %s of the original %s', p_owner_id,
            p_media_id, p_source_key));
    END IF;
    IF v_function <> p_function THEN
        PERFORM darkroom.reject('wrong_function', format('media %s is a %s and stays one: as a %s its original is to be '
            'submitted without the media', p_media_id, v_function, p_function));
    END IF;
END
$$;

-- One function for all releases: the last parameters have defaults.
CREATE FUNCTION darkroom.submit(
    p_owner_id bigint, p_function text, p_key text, p_source_key text, p_ladder text, p_lane text, p_media_id bigint,
    p_recipe jsonb DEFAULT NULL, p_mandatory text[] DEFAULT '{}'
) RETURNS TABLE (job_id bigint, media_id bigint, state text, fence int, lane text, created boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_known record;
BEGIN
    LOOP
        SELECT j.*, m.source_key INTO v_known FROM darkroom.jobs j JOIN darkroom.media m USING (media_id)
        WHERE j.owner_id = p_owner_id AND j.function = p_function AND j.key = p_key;
        IF FOUND THEN
            IF v_known.source_key <> p_source_key THEN
                PERFORM darkroom.reject('key_reused', format('key %s belongs to job %s on another original, %s: choose '
                    'another key for another upload', p_key, v_known.job_id, v_known.source_key));
            END IF;
            IF v_known.recipe <> p_recipe THEN  -- which none is not
                PERFORM darkroom.reject('key_reused', format('key %s belongs to job %s with another recipe, %s: choose '
                    'another key for another recipe', p_key, v_known.job_id, v_known.recipe));
            END IF;
            RETURN QUERY SELECT v_known.job_id, v_known.media_id, v_known.state, v_known.fence, v_known.lane, false;
            RETURN;
        END IF;
        BEGIN
            RETURN QUERY
            INSERT INTO darkroom.jobs
                (job_id, media_id, owner_id, function, key, ladder, lane, turn, recipe, mandatory, due_at)
            SELECT darkroom.next_id(p_owner_id), media_id, p_owner_id, p_function, p_key, p_ladder, p_lane, turn,
                -- Read while the media's row is locked for its next turn: nobody else asks for it or publishes meanwhile.
                coalesce(p_recipe, darkroom.last_recipe(p_owner_id, p_media_id), '{}'), p_mandatory,
                now() + interval '30 seconds'  -- by then its ticket was lost
            FROM darkroom.provide_media(p_owner_id, p_function, p_source_key, p_media_id)
            RETURNING job_id, media_id, state, fence, lane, true;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- somebody has just written this key, or two ids met: look again
        END;
    END LOOP;
END
$$;

-- As `claim_recipe`, with what is mandatory. A repeated claim by the same worker finds its own lease.
CREATE FUNCTION darkroom.claim_order(p_job_id bigint, p_worker text, p_lease_seconds double precision)
RETURNS TABLE (job_id bigint, media_id bigint, owner_id bigint, function text, source_key text, ladder text, lane text,
               recipe jsonb, mandatory text[], fence int, failures jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    UPDATE darkroom.jobs j
    SET state = 'running', worker = p_worker, waits = false, due_at = now() + p_lease_seconds * interval '1 second',
        fence = CASE j.state WHEN 'queued' THEN j.fence + 1 ELSE j.fence END,
        started_at = CASE j.state WHEN 'queued' THEN now() ELSE j.started_at END,
        progress = CASE j.state WHEN 'queued' THEN NULL ELSE j.progress END
    FROM darkroom.media m
    WHERE j.job_id = p_job_id AND m.media_id = j.media_id
      AND (j.state = 'queued' AND (NOT j.waits OR j.due_at <= now())
           OR j.state = 'running' AND j.worker = p_worker AND j.due_at > now())
    RETURNING j.job_id, j.media_id, j.owner_id, j.function, m.source_key, j.ladder, j.lane, j.recipe, j.mandatory,
              j.fence, j.failures;
END
$$;

-- For workers of the release before clips.
CREATE OR REPLACE FUNCTION darkroom.claim_recipe(p_job_id bigint, p_worker text, p_lease_seconds double precision)
RETURNS TABLE (job_id bigint, media_id bigint, owner_id bigint, function text, source_key text, ladder text, lane text,
               recipe jsonb, fence int, failures jsonb)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT job_id, media_id, owner_id, function, source_key, ladder, lane, recipe, fence, failures
    FROM darkroom.claim_order(p_job_id, p_worker, p_lease_seconds)
$$;

-- Without a progress it stays as it was. Only a job that is done has all of it.
DROP FUNCTION darkroom.beat(bigint, int, double precision);
CREATE FUNCTION darkroom.beat(
    p_job_id bigint, p_fence int, p_lease_seconds double precision, p_progress double precision DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE darkroom.jobs
    SET due_at = now() + p_lease_seconds * interval '1 second',
        progress = CASE WHEN p_progress IS NULL THEN progress ELSE least(greatest(p_progress, 0), 0.99) END
    WHERE job_id = p_job_id AND fence = p_fence AND state = 'running';
    RETURN FOUND;
END
$$;

-- What is there is shown, if the media has shown nothing that is complete, and nothing of a later turn: else it changes
-- nothing, and the job goes on. False: the fence is stale. Said again it changes nothing, unless something else was made.
CREATE FUNCTION darkroom.publish_part(
    p_job_id bigint, p_fence int, p_sha256 text, p_width int, p_height int, p_facts jsonb, p_renditions jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job darkroom.jobs;
    v_media darkroom.media;
BEGIN
    SELECT * INTO v_job FROM darkroom.jobs
    WHERE job_id = p_job_id AND fence = p_fence AND state = 'running' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE darkroom.media
    SET state = 'usable', generation = generation + 1, shown_turn = v_job.turn, sha256 = decode(p_sha256, 'hex'),
        width = p_width, height = p_height, facts = p_facts, renditions = p_renditions, recipe = v_job.recipe
    WHERE media_id = v_job.media_id AND state IN ('pending', 'usable')
      AND (shown_turn < v_job.turn
           OR shown_turn = v_job.turn AND (facts <> p_facts OR renditions <> p_renditions))
    RETURNING * INTO v_media;
    IF FOUND THEN
        PERFORM darkroom.tell(v_media, 'media.usable',
            jsonb_build_object('job_id', p_job_id, 'generation', v_media.generation));
    END IF;
    RETURN true;
END
$$;

-- A turn has one job, so one that finds a usable media at its own turn completes what it has begun to show.
CREATE OR REPLACE FUNCTION darkroom.finish(
    p_job_id bigint, p_fence int, p_sha256 text, p_width int, p_height int, p_facts jsonb, p_renditions jsonb,
    p_timings jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job darkroom.jobs;
    v_media darkroom.media;
BEGIN
    UPDATE darkroom.jobs SET state = 'done', finished_at = now(), code = NULL, reason = NULL
    WHERE job_id = p_job_id AND fence = p_fence AND state = 'running'
    RETURNING * INTO v_job;
    IF NOT FOUND THEN
        RETURN darkroom.was_noted(p_job_id, p_fence, 'done');
    END IF;
    PERFORM darkroom.note_attempt(v_job, 'done', p_timings => p_timings);

    UPDATE darkroom.media
    SET state = 'ready', ready_at = now(), generation = generation + 1, shown_turn = v_job.turn,
        open_jobs = open_jobs - 1, sha256 = decode(p_sha256, 'hex'), width = p_width, height = p_height,
        facts = p_facts, renditions = p_renditions, recipe = v_job.recipe
    WHERE media_id = v_job.media_id AND (shown_turn < v_job.turn OR shown_turn = v_job.turn AND state = 'usable')
    RETURNING * INTO v_media;
    IF FOUND THEN
        PERFORM darkroom.tell(v_media, 'media.ready',
            jsonb_build_object('job_id', p_job_id, 'generation', v_media.generation));
    ELSE
        PERFORM darkroom.supersede(v_job);
    END IF;
    RETURN true;
END
$$;

-- A job is settled without a publication. If it was its media's last, a media that never showed anything has failed, and
-- one that is only usable stays so.
CREATE OR REPLACE FUNCTION darkroom.give_up(p_job darkroom.jobs) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_media darkroom.media;
    v_topic text;
BEGIN
    UPDATE darkroom.media
    SET open_jobs = open_jobs - 1, state = CASE WHEN state = 'pending' AND open_jobs = 1 THEN 'failed' ELSE state END,
        generation = CASE WHEN state = 'usable' AND open_jobs = 1 THEN generation + 1 ELSE generation END
    WHERE media_id = p_job.media_id
    RETURNING * INTO v_media;
    v_topic := CASE WHEN v_media.state = 'failed' THEN 'media.failed'
                    WHEN v_media.state = 'usable' AND v_media.open_jobs = 0 THEN 'media.incomplete' END;
    IF v_topic IS NOT NULL THEN
        PERFORM darkroom.tell(v_media, v_topic, jsonb_build_object('job_id', p_job.job_id,
            'generation', v_media.generation, 'state', p_job.state, 'code', p_job.code, 'reason', p_job.reason));
    END IF;
END
$$;

-- The job is done, but what was asked for later is published already: its result is dropped, and it says so. What was
-- published may be only usable, and its own job dead.
CREATE OR REPLACE FUNCTION darkroom.supersede(p_job darkroom.jobs) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_job darkroom.jobs;
BEGIN
    UPDATE darkroom.jobs SET code = 'superseded', reason = 'what was asked for later is published already'
    WHERE job_id = p_job.job_id
    RETURNING * INTO v_job;
    PERFORM darkroom.give_up(v_job);
END
$$;

-- As before, but a lease that a worker gave back because it was asked to leave does not count: a long clip may meet many
-- restarts that are none of its doing.
DROP FUNCTION darkroom.lose_lease(darkroom.jobs, text);
CREATE FUNCTION darkroom.lose_lease(p_job darkroom.jobs, p_outcome text, p_counted boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_lost int := p_job.lost_leases + p_counted::int;
    v_dead boolean := v_lost >= 5;
    v_job darkroom.jobs;
BEGIN
    UPDATE darkroom.jobs
    SET state = CASE WHEN v_dead THEN 'dead' ELSE 'queued' END, lost_leases = v_lost, due_at = now(),
        code = p_outcome, reason = format('%s left attempt %s unfinished', worker, fence),
        finished_at = CASE WHEN v_dead THEN now() END
    WHERE job_id = p_job.job_id
    RETURNING * INTO v_job;
    PERFORM darkroom.note_attempt(v_job, p_outcome);
    IF v_dead THEN
        PERFORM darkroom.give_up(v_job);
    END IF;
END
$$;

DROP FUNCTION darkroom.release(text);
CREATE FUNCTION darkroom.release(p_worker text, p_counted boolean DEFAULT true) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job darkroom.jobs;
    v_count int := 0;
BEGIN
    FOR v_job IN SELECT * FROM darkroom.jobs WHERE open AND state = 'running' AND worker = p_worker FOR UPDATE LOOP
        PERFORM darkroom.lose_lease(v_job, 'released', p_counted);
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

GRANT EXECUTE ON FUNCTION
    darkroom.submit, darkroom.claim_order, darkroom.beat, darkroom.publish_part, darkroom.release
TO darkroom_app;
