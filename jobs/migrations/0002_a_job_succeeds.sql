-- The way of a job that goes well: submit, claim, beat, finish. Each is one call, one round trip, one transaction.
--
-- PL/pgSQL, because it keeps its plans in the pooled server connection: planning was most of the cost of the same SQL
-- sent as text. SECURITY DEFINER, because the application may call these steps and nothing else: it cannot move a job
-- to a state that no step leads to. now() is the database's clock, the only one that counts.

-- What the application hears as jobs.errors.Rejected(code, message): SQLSTATE DK000, the code as DETAIL.
CREATE FUNCTION darkroom.reject(p_code text, p_message text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', p_message USING ERRCODE = 'DK000', DETAIL = p_code;
END
$$;

CREATE FUNCTION darkroom.tell(p_media darkroom.media, p_topic text, p_payload jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO darkroom.outbox (owner_id, media_id, version, topic, payload)
    VALUES (p_media.owner_id, p_media.media_id, p_media.generation, p_topic, p_payload);
END
$$;

-- The media that an order is for: a new one, or the next turn of one that has the same owner and original.
CREATE FUNCTION darkroom.provide_media(
    p_owner_id bigint, p_source_key text, p_media_id bigint, OUT media_id bigint, OUT turn int
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF p_media_id IS NULL THEN
        INSERT INTO darkroom.media (media_id, owner_id, source_key)
        VALUES (darkroom.next_id(p_owner_id), p_owner_id, p_source_key)
        RETURNING media_id, turns INTO provide_media.media_id, turn;
        RETURN;
    END IF;
    UPDATE darkroom.media
    SET turns = turns + 1, open_jobs = open_jobs + 1, state = CASE state WHEN 'failed' THEN 'pending' ELSE state END
    WHERE media_id = p_media_id AND owner_id = p_owner_id AND source_key = p_source_key
    RETURNING media_id, turns INTO provide_media.media_id, turn;
    IF NOT FOUND THEN
        PERFORM darkroom.reject('unknown_media', format('owner %s has no media %s of the original %s', p_owner_id,
            p_media_id, p_source_key));
    END IF;
END
$$;

CREATE FUNCTION darkroom.submit(
    p_owner_id bigint, p_function text, p_key text, p_source_key text, p_ladder text, p_lane text, p_media_id bigint
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
            RETURN QUERY SELECT v_known.job_id, v_known.media_id, v_known.state, v_known.fence, v_known.lane, false;
            RETURN;
        END IF;
        BEGIN
            RETURN QUERY
            INSERT INTO darkroom.jobs (job_id, media_id, owner_id, function, key, ladder, lane, turn, due_at)
            SELECT darkroom.next_id(p_owner_id), media_id, p_owner_id, p_function, p_key, p_ladder, p_lane, turn,
                now() + interval '30 seconds'  -- by then its ticket was lost
            FROM darkroom.provide_media(p_owner_id, p_source_key, p_media_id)
            RETURNING job_id, media_id, state, fence, lane, true;
            RETURN;
        EXCEPTION WHEN unique_violation THEN
            NULL;  -- somebody has just written this key, or two ids met: look again
        END;
    END LOOP;
END
$$;

-- A repeated claim by the same worker finds its own lease, so that a lost reply loses no attempt. A worker's name is
-- therefore of one life of one process that runs one job at a time.
CREATE FUNCTION darkroom.claim(p_job_id bigint, p_worker text, p_lease_seconds double precision)
RETURNS TABLE (job_id bigint, media_id bigint, owner_id bigint, function text, source_key text, ladder text, lane text,
               fence int, failures jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    UPDATE darkroom.jobs j
    SET state = 'running', worker = p_worker, waits = false, due_at = now() + p_lease_seconds * interval '1 second',
        fence = CASE j.state WHEN 'queued' THEN j.fence + 1 ELSE j.fence END,
        started_at = CASE j.state WHEN 'queued' THEN now() ELSE j.started_at END
    FROM darkroom.media m
    WHERE j.job_id = p_job_id AND m.media_id = j.media_id
      AND (j.state = 'queued' AND (NOT j.waits OR j.due_at <= now())
           OR j.state = 'running' AND j.worker = p_worker AND j.due_at > now())
    RETURNING j.job_id, j.media_id, j.owner_id, j.function, m.source_key, j.ladder, j.lane, j.fence,
              j.failures;
END
$$;

CREATE FUNCTION darkroom.beat(p_job_id bigint, p_fence int, p_lease_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE darkroom.jobs SET due_at = now() + p_lease_seconds * interval '1 second'
    WHERE job_id = p_job_id AND fence = p_fence AND state = 'running';
    RETURN FOUND;
END
$$;

CREATE FUNCTION darkroom.note_attempt(
    p_job darkroom.jobs, p_outcome text, p_code text = NULL, p_reason text = NULL, p_timings jsonb = '{}'
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO darkroom.attempts (job_id, fence, worker, started_at, outcome, code, reason, timings)
    VALUES (p_job.job_id, p_job.fence, p_job.worker, p_job.started_at, p_outcome, p_code, p_reason, p_timings);
END
$$;

-- Whether this very attempt was settled so before: then only the reply was lost, and the caller may believe in it.
CREATE FUNCTION darkroom.was_noted(p_job_id bigint, p_fence int, p_outcome text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM darkroom.attempts WHERE job_id = p_job_id AND fence = p_fence AND outcome = p_outcome)
$$;

CREATE FUNCTION darkroom.finish(
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
        facts = p_facts, renditions = p_renditions
    WHERE media_id = v_job.media_id AND shown_turn < v_job.turn
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

-- The job is done, but what was asked for later is published already: its result is dropped, and it says so.
CREATE FUNCTION darkroom.supersede(p_job darkroom.jobs) RETURNS void
LANGUAGE sql AS $$
    UPDATE darkroom.media SET open_jobs = open_jobs - 1 WHERE media_id = p_job.media_id;
    UPDATE darkroom.jobs SET code = 'superseded', reason = 'what was asked for later is published already'
    WHERE job_id = p_job.job_id
$$;
