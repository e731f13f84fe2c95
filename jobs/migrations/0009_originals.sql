-- no transaction
-- Whether another media uses an original, and all of them in the order in which S3 lists keys. No step changes the column.
-- A file of its own, because nobody is to wait while it is built; until then a deletion is slow, and right.
CREATE INDEX CONCURRENTLY IF NOT EXISTS media_original ON darkroom.media (source_key COLLATE "C");
