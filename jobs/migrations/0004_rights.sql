-- The application calls the steps and reads the tables. It writes nothing past the steps: a hole in a worker cannot
-- publish without a fence, forge an event or forget an attempt.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA darkroom FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;  -- those of later migrations
GRANT USAGE ON SCHEMA darkroom TO darkroom_app;
GRANT SELECT ON ALL TABLES IN SCHEMA darkroom TO darkroom_app;
GRANT EXECUTE ON FUNCTION
    darkroom.submit, darkroom.claim, darkroom.beat, darkroom.finish, darkroom.fail, darkroom.release, darkroom.sweep,
    darkroom.recall, darkroom.cancel, darkroom.retry, darkroom.rollback, darkroom.take_events,
    darkroom.first_id
TO darkroom_app;
