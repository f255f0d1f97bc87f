-- The case file, version 1. Three groups: what the evidence says (rebuilt from evidence alone), what follows from it
-- (facts: dropped and made again after every load), and what the investigator did (never derived, never dropped).
-- Integers called *_id are row ids. Times are nanoseconds since 1970 UTC. Addresses are 16-byte blobs, IPv4 mapped into IPv6.

-- Evidence ---------------------------------------------------------------------------------------------------------

CREATE TABLE source(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,                 -- file name as given, shown
  path TEXT,                          -- where it was read, for verify; NULL for a pipe that was not spooled
  sha256 BLOB,                        -- of the file as it lies; NULL until it was read to its end
  kind TEXT NOT NULL,                 -- pcap pcapng log:combined log:common log:json ...
  bytes INTEGER NOT NULL,
  packets INTEGER, lines INTEGER,     -- NULL where it does not apply
  first_ts INTEGER, last_ts INTEGER,
  calls INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0, -- packets or lines that carry no call and no listed flow, or were unreadable
  state TEXT NOT NULL,                -- loading done damaged
  load_id INTEGER NOT NULL,
  tool TEXT NOT NULL, limits TEXT NOT NULL, spooled INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One run of loading. Rows from these marks on belong to it: an unfinished run is removed by them and repeated.
CREATE TABLE load(
  id INTEGER PRIMARY KEY, state TEXT NOT NULL,   -- loading done
  call_from INTEGER NOT NULL, flow_from INTEGER NOT NULL, body_from INTEGER NOT NULL,
  pack_from INTEGER NOT NULL, seg_from INTEGER NOT NULL, source_from INTEGER NOT NULL, term_from INTEGER NOT NULL
) STRICT;

CREATE TABLE diag(source_id INTEGER NOT NULL, code TEXT NOT NULL, n INTEGER NOT NULL, first_unit INTEGER, detail TEXT,
  PRIMARY KEY(source_id, code)) STRICT, WITHOUT ROWID;

-- Strings that repeat: hosts, methods, user agents, types, field paths, credential names.
CREATE TABLE term(id INTEGER PRIMARY KEY, v TEXT NOT NULL UNIQUE) STRICT;

CREATE TABLE flow(
  id INTEGER PRIMARY KEY, source_id INTEGER NOT NULL, unit0 INTEGER NOT NULL, unit1 INTEGER NOT NULL,
  ts INTEGER NOT NULL, end_ts INTEGER NOT NULL,
  src BLOB NOT NULL, sport INTEGER NOT NULL, dst BLOB NOT NULL, dport INTEGER NOT NULL,
  transport TEXT NOT NULL, app TEXT NOT NULL, packets INTEGER NOT NULL, bytes_out INTEGER NOT NULL, bytes_in INTEGER NOT NULL,
  sni TEXT, alpn TEXT, client_print TEXT, gaps INTEGER NOT NULL, calls INTEGER NOT NULL, why_opaque TEXT
) STRICT;

-- 256 KiB to 1 MiB of bodies and heads compressed together.
CREATE TABLE pack(id INTEGER PRIMARY KEY, len INTEGER NOT NULL, data BLOB NOT NULL) STRICT;

-- A distinct decoded content. kept < len where it was cut at a limit.
CREATE TABLE body(
  id INTEGER PRIMARY KEY, sha256 BLOB, len INTEGER NOT NULL, kept INTEGER NOT NULL, kind TEXT NOT NULL, cut TEXT,
  pack_id INTEGER, off INTEGER NOT NULL,
  facts BLOB                          -- packed findings, see detect::pack; NULL where there are none
) STRICT;

CREATE TABLE call(
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL, unit INTEGER NOT NULL, ord INTEGER NOT NULL,   -- identity, with the source's SHA-256
  unit1 INTEGER NOT NULL, off INTEGER, len INTEGER,                          -- last packet; byte range of a log line
  done INTEGER NOT NULL, flow_id INTEGER,
  ts INTEGER NOT NULL, end_ts INTEGER,
  src BLOB, sport INTEGER, dst BLOB, dport INTEGER,
  proto INTEGER NOT NULL, tls INTEGER NOT NULL,
  method_id INTEGER, host_id INTEGER, uri TEXT, path TEXT, op_id INTEGER, kind_id INTEGER,
  status INTEGER,
  req_body_len INTEGER, resp_body_len INTEGER, req_content_len INTEGER, resp_content_len INTEGER,
  req_type_id INTEGER, resp_type_id INTEGER, ua_id INTEGER,
  flags INTEGER NOT NULL,
  req_body_id INTEGER, resp_body_id INTEGER,
  head_pack INTEGER, head_off INTEGER, head_len INTEGER,
  req_facts BLOB, resp_facts BLOB,    -- findings in target and headers
  ident BLOB,                         -- credentials and identity events, see case::ident
  trace_id TEXT
) STRICT;

-- Further places of a call beyond its origin (rotation, taps), written while loading.
CREATE TABLE call_at(call_id INTEGER NOT NULL, n INTEGER NOT NULL, source_id INTEGER NOT NULL, role INTEGER NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, off INTEGER, len INTEGER, ts INTEGER NOT NULL,
  PRIMARY KEY(call_id, n)) STRICT, WITHOUT ROWID;

-- Prints to bodies and calls: blocks of sorted (print, target) pairs; target = body id * 2, or call id * 2 + 1 for heads.
-- first: print and target of the block's first pair, big-endian.
CREATE TABLE posting(seg INTEGER NOT NULL, first BLOB NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL,
  PRIMARY KEY(seg, first)) STRICT, WITHOUT ROWID;

-- Kept while loading: what a load adds grows in every one of these orders, so that each row goes to the index's end.
CREATE INDEX call_ts ON call(ts);
CREATE INDEX call_place ON call(source_id, unit, ord);
CREATE INDEX call_flow ON call(flow_id) WHERE flow_id IS NOT NULL;
CREATE INDEX call_req_body ON call(req_body_id) WHERE req_body_id IS NOT NULL;
CREATE INDEX call_resp_body ON call(resp_body_id) WHERE resp_body_id IS NOT NULL;
CREATE INDEX call_at_place ON call_at(source_id, first);
CREATE INDEX flow_place ON flow(source_id, unit0);
CREATE INDEX flow_ts ON flow(ts);

-- Facts: derived from all evidence together, written whole by load::finalise ---------------------------------------

CREATE TABLE class(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, level INTEGER NOT NULL, label TEXT NOT NULL) STRICT;

CREATE TABLE api(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, method TEXT, host TEXT, route TEXT, kind TEXT NOT NULL,
  calls INTEGER NOT NULL, accounts INTEGER NOT NULL, ok INTEGER NOT NULL, answered INTEGER NOT NULL,
  first_ts INTEGER, last_ts INTEGER, level INTEGER NOT NULL, classes INTEGER NOT NULL, masked INTEGER NOT NULL,
  records INTEGER NOT NULL, max_records INTEGER NOT NULL, auth TEXT NOT NULL, why TEXT NOT NULL
) STRICT;

-- Column decisions: whether the values of a field of an API are of a class.
CREATE TABLE field_class(
  api_id INTEGER NOT NULL, dir INTEGER NOT NULL, field_id INTEGER NOT NULL, class_id INTEGER NOT NULL,
  accept INTEGER NOT NULL, conf REAL NOT NULL, clear INTEGER NOT NULL, masked INTEGER NOT NULL, missed INTEGER NOT NULL,
  calls INTEGER NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY(api_id, dir, field_id, class_id)) STRICT, WITHOUT ROWID;

CREATE TABLE account(
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, conf REAL NOT NULL, via TEXT NOT NULL,
  calls INTEGER NOT NULL, sessions INTEGER NOT NULL, clients INTEGER NOT NULL, addresses TEXT NOT NULL, -- JSON list
  first_ts INTEGER, last_ts INTEGER, level INTEGER NOT NULL, classes INTEGER NOT NULL, records INTEGER NOT NULL,
  val TEXT NOT NULL,                  -- JSON object: distinct values by class
  risk REAL NOT NULL, why TEXT NOT NULL
) STRICT;

CREATE TABLE session(
  id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, account_id INTEGER NOT NULL, via TEXT NOT NULL, ua TEXT,
  start_ts INTEGER NOT NULL, end_ts INTEGER NOT NULL, calls INTEGER NOT NULL, records INTEGER NOT NULL, level INTEGER NOT NULL
) STRICT;

-- One row a call, same id. joined: this log line is the same exchange as that captured call (and is no row of its own).
CREATE TABLE call_fact(
  call_id INTEGER PRIMARY KEY, api_id INTEGER NOT NULL, account_id INTEGER NOT NULL, account_conf REAL NOT NULL,
  account_via TEXT NOT NULL, behalf TEXT, session_id INTEGER, level INTEGER NOT NULL,
  classes INTEGER NOT NULL, clear INTEGER NOT NULL, masked INTEGER NOT NULL,   -- bits by class id
  records INTEGER NOT NULL, findings INTEGER NOT NULL, parent_id INTEGER, joined INTEGER
) STRICT;

CREATE TABLE risk(
  id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, rule TEXT NOT NULL, dimension TEXT NOT NULL, severity TEXT NOT NULL,
  subject TEXT NOT NULL, why TEXT NOT NULL, first_ts INTEGER, last_ts INTEGER, score REAL NOT NULL
) STRICT;
CREATE TABLE risk_call(risk_id INTEGER NOT NULL, n INTEGER NOT NULL, call_id INTEGER NOT NULL, PRIMARY KEY(risk_id, n)) STRICT, WITHOUT ROWID;

-- Calls a minute by level: scroll position, histogram.
CREATE TABLE minute(t INTEGER NOT NULL, level INTEGER NOT NULL, calls INTEGER NOT NULL, records INTEGER NOT NULL,
  PRIMARY KEY(t, level)) STRICT, WITHOUT ROWID;

-- The investigator ------------------------------------------------------------------------------------------------

CREATE TABLE info(key TEXT PRIMARY KEY, v TEXT NOT NULL) STRICT, WITHOUT ROWID;   -- number, examiner, notes, created, print_key, stale ...
CREATE TABLE mark(id INTEGER PRIMARY KEY, target TEXT NOT NULL, kind TEXT NOT NULL, v TEXT NOT NULL, at INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT; -- target call:ID api:NAME account:NAME ...; kind mark note tag
CREATE TABLE saved(name TEXT PRIMARY KEY, kind TEXT NOT NULL, v TEXT NOT NULL) STRICT, WITHOUT ROWID;  -- saved filters, lists
CREATE TABLE correction(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, target TEXT NOT NULL, v TEXT NOT NULL, seq INTEGER NOT NULL) STRICT; -- account name, class off ...; survives every load
CREATE TABLE journal(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, who TEXT NOT NULL, act TEXT NOT NULL, detail TEXT NOT NULL,
  prev BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
