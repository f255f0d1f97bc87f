-- The format that was given for a log and with which its lines were read: a mapping (TOML) or a format string; NULL where it is
-- built in. With it a source can be read again to the same calls.
ALTER TABLE source ADD COLUMN mapping TEXT;
