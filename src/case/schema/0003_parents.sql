-- A call that came of another in its flow: a message of a WebSocket of its upgrade, a pushed stream of its request. ord is the
-- parent's position in the flow.
CREATE TABLE call_of(call_id INTEGER PRIMARY KEY, ord INTEGER NOT NULL) STRICT;
