-- What late workers put goes soon, and no original is held for what its host did to a renderer.
--
-- During an upgrade programs of the last release go on: every step has the parameters and the answer that it had.

-- A deletion while a job runs: its worker may put something until its lease ends, however little it hears. So there is one
-- more pass then, before those that there were; the later ones stay for a put that was signed before.
ALTER TABLE darkroom.removals ADD COLUMN late_at timestamptz;  -- of that pass; NULL if there is none

-- As before, but it knows how long a worker may be at it.
CREATE OR REPLACE FUNCTION darkroom.delete_media(p_media_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
    v_job darkroom.jobs;
    v_late_at timestamptz;
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
        IF v_job.state IN ('running', 'cancelled') AND v_job.fence > 0 AND v_job.due_at > now() THEN
            v_late_at := greatest(v_late_at, v_job.due_at + interval '5 seconds');
        END IF;
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
    INSERT INTO darkroom.removals (place, folder, media_id, late_at)
    VALUES (format('m/%s/', p_media_id), true, p_media_id, v_late_at);
    PERFORM darkroom.drop_original(v_media.source_key, p_media_id);
    PERFORM darkroom.tell(v_media, 'media.deleted', jsonb_build_object('generation', v_media.generation));
END
$$;

CREATE OR REPLACE FUNCTION darkroom.note_removal(p_place text, p_folder boolean, p_passes int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE darkroom.removals
    SET passes = passes + 1,
        due_at = CASE passes - (late_at IS NOT NULL)::int
            WHEN -1 THEN late_at
            WHEN 0 THEN asked_at + interval '16 minutes'
            ELSE asked_at + interval '1 day' END
    WHERE place = p_place AND folder = p_folder AND passes = p_passes;
    DELETE FROM darkroom.removals
    WHERE place = p_place AND folder = p_folder AND passes >= 3 + (late_at IS NOT NULL)::int;
END
$$;

-- Whether a death is the original's doing: a fault, a limit of the renderer's own, or an end or answer of its own. A kill,
-- the wall clock and a stall are as well its host's, and count no more; they are kept all the same.
ALTER TABLE darkroom.crashes ADD COLUMN accuses boolean NOT NULL GENERATED ALWAYS AS (
    CASE WHEN limit_hit IS NOT NULL THEN limit_hit IN ('cpu', 'memory')
         ELSE signal IS NULL OR signal IN ('SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGFPE', 'SIGABRT', 'SIGSYS', 'SIGTRAP',
             'SIGXCPU', 'SIGXFSZ') END
) STORED;

UPDATE darkroom.quarantine q SET released_at = now()
WHERE released_at IS NULL
    AND (SELECT count(*) FROM darkroom.crashes c WHERE c.sha256 = q.sha256 AND accuses AND c.released_at IS NULL) < 3;

CREATE OR REPLACE FUNCTION darkroom.note_crash(
    p_job_id bigint, p_fence int, p_sha256 text, p_release text, p_stage text, p_signal text, p_limit text, p_words text,
    p_libraries jsonb
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_sha256 bytea := decode(p_sha256, 'hex');
BEGIN
    PERFORM darkroom.hold_content(v_sha256);
    INSERT INTO darkroom.crashes (job_id, fence, sha256, media_id, owner_id, function, died_at, release, stage, signal,
        limit_hit, words, libraries)
    SELECT job_id, p_fence, v_sha256, media_id, owner_id, function, clock_timestamp(), left(p_release, 100),
        left(p_stage, 100), left(p_signal, 100), left(p_limit, 100), left(p_words, 2000), p_libraries
    FROM darkroom.jobs WHERE job_id = p_job_id AND fence >= p_fence
    ON CONFLICT DO NOTHING;
    IF FOUND AND (SELECT count(*) FROM darkroom.crashes
                  WHERE sha256 = v_sha256 AND accuses AND released_at IS NULL) >= 3 THEN
        INSERT INTO darkroom.quarantine (sha256, since) VALUES (v_sha256, clock_timestamp())
        ON CONFLICT (sha256) DO UPDATE SET since = excluded.since, released_at = NULL
        WHERE quarantine.released_at IS NOT NULL;
    END IF;
    RETURN darkroom.is_quarantined(v_sha256);
END
$$;

-- As before, but whoever submits this rendition as an original waits, as for any original. Locks are taken in the order
-- original, media.
CREATE OR REPLACE FUNCTION darkroom.hold_rendition(p_media_id bigint, p_file text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_media darkroom.media;
BEGIN
    PERFORM darkroom.hold_original(format('m/%s/%s', p_media_id, p_file));
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
