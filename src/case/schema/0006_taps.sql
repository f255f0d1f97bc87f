-- TCP sequence numbers of the first bytes of request and response, 32 bits each, 0 for unknown: what makes an exchange captured
-- at another tap the same one, also where that was loaded later. NULL where it did not come over TCP.
ALTER TABLE call ADD COLUMN seq INTEGER;
-- Facts: sources that hold calls of another one again. skew_ns: how much later the clock of source_id says a call was.
CREATE TABLE clock(source_id INTEGER NOT NULL, of_id INTEGER NOT NULL, skew_ns INTEGER NOT NULL, calls INTEGER NOT NULL,
  PRIMARY KEY(source_id, of_id)) STRICT, WITHOUT ROWID;
