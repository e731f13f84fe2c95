-- The ways of a job that does not go well, and what operators do about it.
-- Locks are taken in the order job, then media. Only a submit has its media's first: the job that it then writes is new,
-- and nobody else can hold it.

-- A job is settled without a publication. A media that never showed anything and has no other job has failed.
CREATE FUNCTION darkroom.give_up(p_job darkroom.jobs) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_media darkroom.media;
BEGIN
    UPDATE darkroom.media
    SET open_jobs = open_jobs - 1, state = CASE WHEN state = 'pending' AND open_jobs = 1 THEN 'failed' ELSE state END
    WHERE media_id = p_job.media_id
    RETURNING * INTO v_media;
    IF v_media.state = 'failed' THEN
        PERFORM darkroom.tell(v_media, 'media.failed', jsonb_build_object('job_id', p_job.job_id,
            'generation', v_media.generation, 'state', p_job.state, 'code', p_job.code, 'reason', p_job.reason));
    END IF;
END
$$;

CREATE FUNCTION darkroom.fail(
    p_job_id bigint, p_fence int, p_code text, p_reason text, p_then text, p_delay_seconds double precision
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_outcome text := CASE p_then WHEN 'rejected' THEN 'rejected' ELSE 'failed' END;
    v_again boolean := p_then = 'queued';
    v_job darkroom.jobs;
BEGIN
    UPDATE darkroom.jobs
    SET state = p_then, code = p_code, reason = left(p_reason, 2000), waits = v_again,
        failures = failures || jsonb_build_object(p_code, coalesce((failures ->> p_code)::int, 0) + 1),
        due_at = now() + p_delay_seconds * interval '1 second', finished_at = CASE WHEN NOT v_again THEN now() END
    WHERE job_id = p_job_id AND fence = p_fence AND state = 'running'
    RETURNING * INTO v_job;
    IF NOT FOUND THEN
        RETURN darkroom.was_noted(p_job_id, p_fence, v_outcome);
    END IF;
    PERFORM darkroom.note_attempt(v_job, v_outcome, v_job.code, v_job.reason);
    IF NOT v_again THEN
        PERFORM darkroom.give_up(v_job);
    END IF;
    RETURN true;
END
$$;

-- A running job loses its worker without a word about the work. That is the job's own doing if it happens five times: a
-- lost lease counts apart from failures, whose number each class of error limits for itself.
CREATE FUNCTION darkroom.lose_lease(p_job darkroom.jobs, p_outcome text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_dead boolean := p_job.lost_leases + 1 >= 5;
    v_job darkroom.jobs;
BEGIN
    UPDATE darkroom.jobs
    SET state = CASE WHEN v_dead THEN 'dead' ELSE 'queued' END, lost_leases = lost_leases + 1, due_at = now(),
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

CREATE FUNCTION darkroom.release(p_worker text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job darkroom.jobs;
    v_count int := 0;
BEGIN
    FOR v_job IN SELECT * FROM darkroom.jobs WHERE open AND state = 'running' AND worker = p_worker FOR UPDATE LOOP
        PERFORM darkroom.lose_lease(v_job, 'released');
        v_count := v_count + 1;
    END LOOP;
    RETURN v_count;
END
$$;

CREATE FUNCTION darkroom.sweep(p_limit int) RETURNS TABLE (job_id bigint, fence int, function text, lane text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_job darkroom.jobs;
BEGIN
    FOR v_job IN
        SELECT * FROM darkroom.jobs WHERE open AND state = 'running' AND due_at <= now()
        ORDER BY due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    LOOP
        PERFORM darkroom.lose_lease(v_job, 'lease_expired');
    END LOOP;
    RETURN QUERY
    UPDATE darkroom.jobs SET due_at = now() + interval '60 seconds', waits = false
    WHERE job_id = ANY (ARRAY(  -- an array, because a join may be planned as a scan of the whole table
        SELECT job_id FROM darkroom.jobs WHERE open AND state = 'queued' AND due_at <= now()
        ORDER BY due_at LIMIT p_limit FOR UPDATE SKIP LOCKED))
    RETURNING job_id, fence, function, lane;
END
$$;

-- In batches, because one statement for a long queue would outlast its timeout, and never get anywhere. What is due
-- already is left alone, so the next batch is another; a job that somebody has in hand can be left out.
CREATE FUNCTION darkroom.recall(p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count int;
BEGIN
    UPDATE darkroom.jobs SET due_at = now()
    WHERE job_id = ANY (ARRAY(
        SELECT job_id FROM darkroom.jobs WHERE open AND state = 'queued' AND NOT waits AND due_at > now()
        ORDER BY due_at LIMIT p_limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END
$$;

CREATE FUNCTION darkroom.locked_job(p_job_id bigint) RETURNS darkroom.jobs
LANGUAGE plpgsql AS $$
DECLARE
    v_job darkroom.jobs;
BEGIN
    SELECT * INTO v_job FROM darkroom.jobs WHERE job_id = p_job_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM darkroom.reject('unknown_job', format('there is no job %s', p_job_id));
    END IF;
    RETURN v_job;
END
$$;

CREATE FUNCTION darkroom.cancel(p_job_id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_job darkroom.jobs := darkroom.locked_job(p_job_id);
BEGIN
    IF v_job.state NOT IN ('queued', 'running') THEN
        RETURN v_job.state;
    END IF;
    IF v_job.state = 'running' THEN
        PERFORM darkroom.note_attempt(v_job, 'cancelled');
    END IF;
    UPDATE darkroom.jobs SET state = 'cancelled', finished_at = now() WHERE job_id = p_job_id RETURNING * INTO v_job;
    PERFORM darkroom.give_up(v_job);
    RETURN v_job.state;
END
$$;

-- The job keeps its turn: an old order that is run again does not replace what was asked for after it.
CREATE FUNCTION darkroom.retry(p_job_id bigint)
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
    WHERE media_id = v_job.media_id;
    RETURN QUERY
    UPDATE darkroom.jobs
    SET state = 'queued', waits = false, failures = '{}', lost_leases = 0, finished_at = NULL,
        due_at = now() + interval '30 seconds'
    WHERE job_id = p_job_id
    RETURNING job_id, fence, function, lane;
END
$$;

-- A rollback takes a turn of its own: a job that was asked for before it no longer replaces it.
CREATE FUNCTION darkroom.rollback(p_media_id bigint, p_generation bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
BEGIN
    UPDATE darkroom.media m
    SET state = 'ready', ready_at = now(), generation = m.generation + 1, turns = m.turns + 1,
        shown_turn = m.turns + 1, sha256 = g.sha256, width = g.width, height = g.height, facts = g.facts,
        renditions = g.renditions
    FROM darkroom.generations g
    WHERE m.media_id = p_media_id AND g.media_id = m.media_id AND g.generation = p_generation
    RETURNING m.* INTO v_media;
    IF NOT FOUND THEN
        PERFORM darkroom.reject('unknown_generation', format(
            'media %s has no generation %s before its current one', p_media_id, p_generation));
    END IF;
    PERFORM darkroom.tell(v_media, 'media.ready',
        jsonb_build_object('generation', v_media.generation, 'rolled_back_to', p_generation));
END
$$;

-- The oldest events, deleted; nothing while another relay holds some. They are back if the transaction is not
-- committed, and until then no other relay overtakes it.
CREATE FUNCTION darkroom.take_events(p_limit int) RETURNS SETOF darkroom.outbox
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock('darkroom.outbox'::regclass::bigint) THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH taken AS (
        DELETE FROM darkroom.outbox
        WHERE seq = ANY (ARRAY(SELECT seq FROM darkroom.outbox ORDER BY seq LIMIT p_limit))
        RETURNING *)
    SELECT * FROM taken ORDER BY seq;
END
$$;
