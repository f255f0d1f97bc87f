-- Facts: the clock of each source. off_ns: how much later it says a call was than the clock of its group; of sources of different
-- groups nothing is known. Rewritten with the facts.
CREATE TABLE source_clock(source_id INTEGER PRIMARY KEY, off_ns INTEGER NOT NULL, grp INTEGER NOT NULL) STRICT;
