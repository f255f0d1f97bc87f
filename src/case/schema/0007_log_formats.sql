-- The format that was given for a log and with which its lines were read: a mapping (TOML) or a format string; NULL where it is
-- built in. With it a source can be read again to the same calls.
ALTER TABLE source ADD COLUMN mapping TEXT;
-- What all calls together say of a log: its lines that are captured calls, and how far its clock is ahead of the captures',
-- in nanoseconds (NULL where too few requests tell). Rewritten with the facts.
CREATE TABLE source_fact(source_id INTEGER PRIMARY KEY, joined INTEGER NOT NULL, skew INTEGER) STRICT;
