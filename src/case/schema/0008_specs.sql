-- API specifications that the investigator gives, and what they say of APIs.

CREATE TABLE spec(id INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 BLOB NOT NULL UNIQUE, v TEXT NOT NULL, seq INTEGER NOT NULL) STRICT; -- v: operations as JSON; survives every load
ALTER TABLE api ADD COLUMN documented INTEGER;   -- NULL where no specification is loaded
ALTER TABLE api ADD COLUMN spec TEXT;            -- name of the one that documents it
