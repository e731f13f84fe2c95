-- The ledger's tables. Every name is schema-qualified: a search_path would be lost behind PgBouncer.
--
-- The application's login roles are members of darkroom_app. Timeouts belong on the login roles, because a SET is lost
-- or leaks to another client behind PgBouncer in transaction mode.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'darkroom_app') THEN
        CREATE ROLE darkroom_app NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;  -- roles belong to the whole cluster, and another of its databases is being migrated too
END
$$;

CREATE SEQUENCE darkroom.ids;

-- Ids have 64 bits: 41 of milliseconds since 2024, 13 of shard, 10 of sequence. The shard is owner_id % 64, so that the
-- tables can be split by owner some day without touching a row. Two ids can meet: a primary key decides, and the caller
-- asks again. Source: "Sharding & IDs at Instagram", 2012.
CREATE FUNCTION darkroom.first_id(p_time timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT (floor(extract(epoch FROM p_time) * 1000)::bigint - 1704067200000) << 23
$$;

CREATE FUNCTION darkroom.next_id(p_owner_id bigint) RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT darkroom.first_id(clock_timestamp()) | ((p_owner_id & 63) << 10) | (nextval('darkroom.ids') & 1023)
$$;

-- One upload and its record: what the social layer reads.
--
-- Every order and every rollback of a media takes its next turn, and the highest turn that was published stays: a slow
-- old job cannot overwrite what was asked for after it.
CREATE TABLE darkroom.media (
    media_id    bigint PRIMARY KEY,
    owner_id    bigint NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    ready_at    timestamptz,
    generation  int NOT NULL DEFAULT 0,            -- counts publications; the version that events carry
    turns       int NOT NULL DEFAULT 1,            -- given out so far
    shown_turn  int NOT NULL DEFAULT 0,            -- whose publication the record shows
    open_jobs   int NOT NULL DEFAULT 1 CHECK (open_jobs >= 0),  -- that are queued or running
    width       int,                               -- of the original, upright
    height      int,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'failed')),
    source_key  text NOT NULL,
    sha256      bytea,                             -- of the original
    facts       jsonb NOT NULL DEFAULT '{}',
    renditions  jsonb NOT NULL DEFAULT '{}'        -- {"w1080": [width, height, bytes, "<hash>.<ext>", crc32]}
) WITH (fillfactor = 70);  -- the first publication is then often a heap-only update, in the row's own page

-- An owner's grid, newest first. It is not limited to ready media: a state in an index forbids heap-only updates.
CREATE INDEX media_owner ON darkroom.media (owner_id, media_id DESC);

-- What a media showed before, for rollback. The current generation is in the media's own row.
CREATE TABLE darkroom.generations (
    media_id    bigint NOT NULL REFERENCES darkroom.media,
    generation  int NOT NULL,
    ready_at    timestamptz NOT NULL,
    width       int NOT NULL,
    height      int NOT NULL,
    sha256      bytea NOT NULL,
    facts       jsonb NOT NULL,
    renditions  jsonb NOT NULL,
    PRIMARY KEY (media_id, generation)
);

CREATE FUNCTION darkroom.keep_generation() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO darkroom.generations (media_id, generation, ready_at, width, height, sha256, facts, renditions)
    VALUES (old.media_id, old.generation, old.ready_at, old.width, old.height, old.sha256, old.facts, old.renditions);
    RETURN NULL;
END
$$;

-- A trigger, because it sees the row that is really replaced, also when two publications race for it.
CREATE TRIGGER keep_generation AFTER UPDATE ON darkroom.media
    FOR EACH ROW WHEN (old.generation > 0 AND new.generation > old.generation)
    EXECUTE FUNCTION darkroom.keep_generation();

CREATE TABLE darkroom.jobs (
    job_id       bigint PRIMARY KEY,
    media_id     bigint NOT NULL REFERENCES darkroom.media,
    owner_id     bigint NOT NULL,
    due_at       timestamptz NOT NULL,             -- when the sweeper looks: its ticket, retry delay or lease is over
    submitted_at timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,                      -- of the newest attempt
    finished_at  timestamptz,
    fence        int NOT NULL DEFAULT 0,           -- counts the claims: fencing token and number of the attempt
    failures     jsonb NOT NULL DEFAULT '{}',      -- by code, {"renderer_died": 2}, since it was last asked for
    lost_leases  int NOT NULL DEFAULT 0,           -- that expired or were given back, since the same moment
    turn         int NOT NULL,                     -- of its media
    waits        boolean NOT NULL DEFAULT false,   -- for its retry delay: no ticket counts until due_at
    open         boolean NOT NULL GENERATED ALWAYS AS (state IN ('queued', 'running')) STORED,
    state        text NOT NULL DEFAULT 'queued'
                 CHECK (state IN ('queued', 'running', 'done', 'rejected', 'dead', 'cancelled')),
    lane         text NOT NULL CHECK (lane IN ('interactive', 'batch')),
    function     text NOT NULL,
    ladder       text NOT NULL,
    key          text NOT NULL CHECK (length(key) <= 200),
    worker       text,                             -- who claimed it last
    code         text,                             -- of the last failure
    reason       text,
    UNIQUE (owner_id, function, key)
) WITH (
    -- A job is updated at each step and every update touches the indexes (it changes state or due_at): dead entries are
    -- removed after so many, not after a share of a table that grows for ever.
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000
);

-- One column and one partial index for all three reasons to look at a job again, the state first: a few leases are found
-- without reading the queue, however long. Its condition is "open" and not on the states, because a step that looks up
-- one running job by its id must not match it: planned while the queue was empty, it would prefer this empty-looking
-- index to the primary key, and read the whole queue when there is one.
CREATE INDEX jobs_due ON darkroom.jobs (state, due_at) WHERE open;

-- Dead letters and the like are few, and a finished job costs nothing here.
CREATE INDEX jobs_ended_badly ON darkroom.jobs (state, job_id) WHERE state IN ('rejected', 'dead', 'cancelled');

-- Finished attempts only: the running one is in the job's row. Appended, never updated.
CREATE TABLE darkroom.attempts (
    job_id      bigint NOT NULL,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL DEFAULT now(),
    fence       int NOT NULL,
    worker      text NOT NULL,
    outcome     text NOT NULL
                CHECK (outcome IN ('done', 'failed', 'rejected', 'released', 'lease_expired', 'cancelled')),
    code        text,
    reason      text,
    timings     jsonb NOT NULL DEFAULT '{}',       -- milliseconds by stage
    PRIMARY KEY (job_id, fence)
);

-- Written with what it tells of, deleted by the relay: at least once, and no event is lost to a cursor that ran ahead
-- of a slower transaction.
CREATE TABLE darkroom.outbox (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner_id    bigint NOT NULL,
    media_id    bigint NOT NULL,
    version     int NOT NULL,
    topic       text NOT NULL,
    payload     jsonb NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);  -- nearly empty, always changing
