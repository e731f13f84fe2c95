-- Quarantine. Every death of a renderer is noted with the SHA-256 of the original that it held, whoever had uploaded that:
-- the third puts those bytes into quarantine, and no renderer sees them again until an operator releases them. Deaths that
-- were released stay, and count no more.
--
-- Notes and releases of the same bytes wait for each other by an advisory lock, so that each finds the other's effect.
CREATE TABLE darkroom.crashes (
    job_id       bigint NOT NULL,
    fence        int NOT NULL,
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),  -- of the original
    media_id     bigint NOT NULL,
    owner_id     bigint NOT NULL,
    function     text NOT NULL,
    died_at      timestamptz NOT NULL,
    release      text NOT NULL,                     -- of Darkroom, on the worker's host
    stage        text NOT NULL,
    signal       text,
    limit_hit    text,
    words        text NOT NULL,                     -- its last
    libraries    jsonb NOT NULL,                    -- that may be at fault: {"libheif": "1.20.2"}
    released_at  timestamptz,                       -- it counts no more
    PRIMARY KEY (job_id, fence)                     -- noted twice it counts once
);
CREATE INDEX crashes_content ON darkroom.crashes (sha256, died_at);

CREATE TABLE darkroom.quarantine (
    sha256       bytea PRIMARY KEY,
    since        timestamptz NOT NULL,
    released_at  timestamptz                        -- of the last release, if it is not in quarantine now
);
-- What every worker reads every few seconds, and is mostly empty.
CREATE INDEX quarantine_held ON darkroom.quarantine (since) WHERE released_at IS NULL;

-- Jobs that were turned away, so that a release can say which to try again.
CREATE TABLE darkroom.refusals (
    job_id       bigint PRIMARY KEY,
    sha256       bytea NOT NULL,
    refused_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refusals_content ON darkroom.refusals (sha256);

-- Until the transaction ends nobody else notes a death of these bytes, or releases them.
CREATE FUNCTION darkroom.hold_content(p_sha256 bytea) RETURNS void
LANGUAGE sql VOLATILE AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('content ' || encode(p_sha256, 'hex'), 0))
$$;

CREATE FUNCTION darkroom.is_quarantined(p_sha256 bytea) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM darkroom.quarantine WHERE sha256 = p_sha256 AND released_at IS NULL)
$$;

-- Whose job it was, the ledger knows. Whether the bytes are in quarantine now. The fence may be stale by now: the
-- renderer is as dead.
CREATE FUNCTION darkroom.note_crash(
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
    IF FOUND AND (SELECT count(*) FROM darkroom.crashes WHERE sha256 = v_sha256 AND released_at IS NULL) >= 3 THEN
        INSERT INTO darkroom.quarantine (sha256, since) VALUES (v_sha256, clock_timestamp())
        ON CONFLICT (sha256) DO UPDATE SET since = excluded.since, released_at = NULL
        WHERE quarantine.released_at IS NOT NULL;
    END IF;
    RETURN darkroom.is_quarantined(v_sha256);
END
$$;

-- A job's original is in quarantine: note that it was turned away. False: it is not, or no more.
CREATE FUNCTION darkroom.refuse(p_job_id bigint, p_sha256 text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_sha256 bytea := decode(p_sha256, 'hex');
BEGIN
    IF NOT darkroom.is_quarantined(v_sha256) THEN
        RETURN false;
    END IF;
    INSERT INTO darkroom.refusals (job_id, sha256)
    SELECT job_id, v_sha256 FROM darkroom.jobs WHERE job_id = p_job_id
    ON CONFLICT DO NOTHING;
    RETURN true;
END
$$;

-- Returns those that were in quarantine until now. The locks are taken in the order of the hashes.
CREATE FUNCTION darkroom.release_content(p_hashes text[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_hash text;
BEGIN
    FOR v_hash IN SELECT DISTINCT hash FROM unnest(p_hashes) AS hash ORDER BY hash LOOP
        PERFORM darkroom.hold_content(decode(v_hash, 'hex'));
        UPDATE darkroom.quarantine SET released_at = clock_timestamp()
        WHERE sha256 = decode(v_hash, 'hex') AND released_at IS NULL;
        IF FOUND THEN
            UPDATE darkroom.crashes SET released_at = clock_timestamp()
            WHERE sha256 = decode(v_hash, 'hex') AND released_at IS NULL;
            RETURN NEXT v_hash;
        END IF;
    END LOOP;
END
$$;

GRANT SELECT ON darkroom.crashes, darkroom.quarantine, darkroom.refusals TO darkroom_app;
GRANT EXECUTE ON FUNCTION darkroom.note_crash, darkroom.refuse, darkroom.release_content TO darkroom_app;
