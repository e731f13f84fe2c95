-- What a person did to a photo: canonical data (see filters/recipe), '{}' for nothing. A job carries what was asked for,
-- a media and its generations what they show.
--
-- During an upgrade programs of the last release are still there. They submit without a recipe, as before, so that what
-- they ask for of an edited media keeps its edits, and their workers are given none of the jobs that have a recipe: they
-- would publish the photo without it.
ALTER TABLE darkroom.jobs ADD COLUMN recipe jsonb NOT NULL DEFAULT '{}';
ALTER TABLE darkroom.media ADD COLUMN recipe jsonb NOT NULL DEFAULT '{}';
ALTER TABLE darkroom.generations ADD COLUMN recipe jsonb NOT NULL DEFAULT '{}';

CREATE OR REPLACE FUNCTION darkroom.keep_generation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO darkroom.generations
        (media_id, generation, ready_at, width, height, sha256, facts, renditions, recipe)
    VALUES (old.media_id, old.generation, old.ready_at, old.width, old.height, old.sha256, old.facts, old.renditions,
        old.recipe);
    RETURN NULL;
END
$$;

-- The recipe by which a media was last asked for. It is that of an order that is still to be published, so that a
-- further generation does not lose it; else of what is shown; else of the last order that came to nothing. NULL for a
-- media that there is not. By the owner, because jobs have no index by their media.
CREATE FUNCTION darkroom.last_recipe(p_owner_id bigint, p_media_id bigint) RETURNS jsonb
LANGUAGE plpgsql STRICT AS $$
DECLARE
    v_recipe jsonb;
BEGIN
    SELECT coalesce(
        (SELECT j.recipe FROM darkroom.jobs j
         WHERE j.owner_id = p_owner_id AND j.media_id = p_media_id AND j.state IN ('queued', 'running')
           AND j.turn > m.shown_turn
         ORDER BY j.turn DESC LIMIT 1),
        CASE WHEN m.generation > 0 THEN m.recipe END,
        (SELECT j.recipe FROM darkroom.jobs j
         WHERE j.owner_id = p_owner_id AND j.media_id = p_media_id
         ORDER BY j.turn DESC LIMIT 1))
    INTO v_recipe FROM darkroom.media m WHERE m.media_id = p_media_id;
    RETURN v_recipe;
END
$$;

-- Without a recipe: as the media was last asked for, and a new one is not edited. One function for both releases: the
-- last parameter has a default.
DROP FUNCTION darkroom.submit(bigint, text, text, text, text, text, bigint);
CREATE FUNCTION darkroom.submit(
    p_owner_id bigint, p_function text, p_key text, p_source_key text, p_ladder text, p_lane text, p_media_id bigint,
    p_recipe jsonb DEFAULT NULL
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
            INSERT INTO darkroom.jobs (job_id, media_id, owner_id, function, key, ladder, lane, turn, recipe, due_at)
            SELECT darkroom.next_id(p_owner_id), media_id, p_owner_id, p_function, p_key, p_ladder, p_lane, turn,
                -- Read while the media's row is locked for its next turn: nobody else asks for it or publishes meanwhile.
                coalesce(p_recipe, darkroom.last_recipe(p_owner_id, p_media_id), '{}'),
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

-- As `claim`, with the recipe. A repeated claim by the same worker finds its own lease.
CREATE FUNCTION darkroom.claim_recipe(p_job_id bigint, p_worker text, p_lease_seconds double precision)
RETURNS TABLE (job_id bigint, media_id bigint, owner_id bigint, function text, source_key text, ladder text, lane text,
               recipe jsonb, fence int, failures jsonb)
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
    RETURNING j.job_id, j.media_id, j.owner_id, j.function, m.source_key, j.ladder, j.lane, j.recipe, j.fence,
              j.failures;
END
$$;

-- For workers of the release before recipes. The sweeper brings the ticket again, until a newer worker has it.
CREATE OR REPLACE FUNCTION darkroom.claim(p_job_id bigint, p_worker text, p_lease_seconds double precision)
RETURNS TABLE (job_id bigint, media_id bigint, owner_id bigint, function text, source_key text, ladder text, lane text,
               fence int, failures jsonb)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM darkroom.jobs WHERE job_id = p_job_id AND recipe = '{}') THEN
        RETURN QUERY
        SELECT job_id, media_id, owner_id, function, source_key, ladder, lane, fence, failures
        FROM darkroom.claim_recipe(p_job_id, p_worker, p_lease_seconds);
    END IF;
END
$$;

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

-- Looks beyond the built-in ones. Never changed and never removed: a recipe names one, and means the same for ever.
CREATE TABLE darkroom.looks (
    name      text PRIMARY KEY CHECK (name ~ '^[a-z0-9][a-z0-9-]{0,39}$'),
    sha256    bytea NOT NULL,
    data      bytea NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 300000),  -- as filters/cube.py packs it
    added_at  timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION darkroom.add_look(p_name text, p_data bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO darkroom.looks (name, sha256, data) VALUES (p_name, sha256(p_data), p_data)
    ON CONFLICT (name) DO NOTHING;
    IF NOT EXISTS (SELECT FROM darkroom.looks WHERE name = p_name AND sha256 = sha256(p_data)) THEN
        PERFORM darkroom.reject('look_exists', format('there is another look %s: choose another name', p_name));
    END IF;
END
$$;

GRANT SELECT ON darkroom.looks TO darkroom_app;
GRANT EXECUTE ON FUNCTION darkroom.submit, darkroom.claim_recipe, darkroom.add_look TO darkroom_app;
