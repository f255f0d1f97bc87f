-- What `leaktrace sql` reads: the case in words instead of row ids, values masked. Made anew for each connection, so that
-- a case from a stranger cannot bring its own.

CREATE TEMP VIEW calls AS
SELECT lt_call_id(s.sha256, c.source_id, c.unit, c.ord) AS id, s.name AS source, lt_time(c.ts) AS ts, lt_time(c.end_ts) AS end_ts,
  lt_addr(c.src) AS src, c.sport, lt_addr(c.dst) AS dst, c.dport, lt_proto(c.proto) AS proto, c.tls,
  m.v AS method, h.v AS host, CASE WHEN c.proto<>5 THEN lt_target(c.uri, c.req_facts) WHEN up.id IS NOT NULL THEN lt_target(c.uri, up.req_facts) END AS uri,
  CASE WHEN c.proto<>5 THEN lt_target(c.path, c.req_facts) WHEN up.id IS NOT NULL THEN lt_target(c.path, up.req_facts) END AS path, a.name AS api, c.status, c.grpc_status,
  c.req_body_len, c.resp_body_len, c.req_content_len, c.resp_content_len, lower(hex(rb.sha256)) AS req_sha256,
  lower(hex(sb.sha256)) AS resp_sha256, qt.v AS req_type, st.v AS resp_type, ua.v AS user_agent,
  ac.name AS account, f.account_conf, f.account_via, f.behalf AS on_behalf_of, se.uid AS session, lt_level(f.level) AS level,
  lt_classes(f.classes) AS classes, f.records, lt_flags(c.flags) AS flags, c.ts AS ts_ns
FROM main.call c JOIN main.source s ON s.id=c.source_id
LEFT JOIN main.call_fact f ON f.call_id=c.id LEFT JOIN main.api a ON a.id=f.api_id LEFT JOIN main.account ac ON ac.id=f.account_id
LEFT JOIN main.session se ON se.id=f.session_id LEFT JOIN main.term m ON m.id=c.method_id LEFT JOIN main.term h ON h.id=c.host_id
LEFT JOIN main.term qt ON qt.id=c.req_type_id LEFT JOIN main.term st ON st.id=c.resp_type_id LEFT JOIN main.term ua ON ua.id=c.ua_id
LEFT JOIN main.call up ON c.proto=5 AND up.id=f.parent_id LEFT JOIN main.body rb ON rb.id=c.req_body_id LEFT JOIN main.body sb ON sb.id=c.resp_body_id
WHERE f.joined IS NULL;

CREATE TEMP VIEW apis AS
SELECT name AS api, method, host, route, kind, calls, accounts, CASE WHEN answered>0 THEN ok*1.0/answered END AS ok_ratio,
  lt_time(first_ts) AS first, lt_time(last_ts) AS last, lt_level(level) AS level, lt_classes(classes) AS classes, masked, records,
  max_records, auth, documented, spec, why FROM main.api;

CREATE TEMP VIEW accounts AS
SELECT name AS account, kind, conf, via, calls, sessions, addresses, clients, lt_time(first_ts) AS first, lt_time(last_ts) AS last,
  lt_level(level) AS level, lt_classes(classes) AS classes, records, val AS "values", risk, why FROM main.account;

CREATE TEMP VIEW sessions AS
SELECT s.uid AS session, a.name AS account, s.via, s.ua AS user_agent, lt_time(s.start_ts) AS start, lt_time(s.end_ts) AS "end",
  s.calls, s.records, lt_level(s.level) AS level FROM main.session s LEFT JOIN main.account a ON a.id=s.account_id;

-- Findings lie packed on heads and bodies: each call's are unpacked as the query comes to it, so a LIMIT ends early and a
-- condition on anything but the call reads them all.
CREATE TEMP VIEW findings AS
SELECT j.value->>'call' AS call, j.value->>'dir' AS dir, j.value->>'where' AS "where", j.value->>'class' AS class,
  j.value->>'level' AS level, j.value->>'form' AS form, j.value->>'masked' AS masked, j.value->>'conf' AS conf,
  j.value->>'value' AS value, j.value->>'record' AS record, j.value->>'$.locator.source' AS source,
  j.value->>'$.locator.first' AS first, j.value->>'$.locator.last' AS last, j.value->>'$.locator.offset' AS offset,
  j.value->>'$.locator.len' AS len
FROM main.call c JOIN main.call_fact f ON f.call_id=c.id JOIN json_each(lt_findings(c.id)) j
WHERE f.joined IS NULL AND f.findings>0;

CREATE TEMP VIEW flows AS
SELECT lt_flow_id(s.sha256, f.source_id, f.unit0,
    (SELECT count(*) FROM main.flow o WHERE o.source_id=f.source_id AND o.unit0=f.unit0 AND o.id<f.id)) AS id, s.name AS source, lt_time(f.ts) AS ts, lt_time(f.end_ts) AS end_ts,
  lt_addr(f.src) AS src, f.sport, lt_addr(f.dst) AS dst, f.dport, f.transport, f.app, f.packets, f.bytes_out, f.bytes_in,
  f.sni, f.alpn, f.client_print, f.gaps, f.calls, f.why_opaque, f.tls
FROM main.flow f JOIN main.source s ON s.id=f.source_id;

CREATE TEMP VIEW sources AS
SELECT s.name AS source, s.name, lower(hex(s.sha256)) AS sha256, s.kind, s.bytes, s.packets, s.lines, lt_time(s.first_ts) AS first,
  lt_time(s.last_ts) AS last, s.calls, s.skipped, s.state, s.tool, s.limits FROM main.source s;

CREATE TEMP VIEW diags AS
SELECT s.name AS source, d.code, d.n, d.first_unit FROM main.diag d JOIN main.source s ON s.id=d.source_id;

CREATE TEMP VIEW risks AS
SELECT uid AS risk, rule, dimension, severity, subject, why, lt_time(first_ts) AS first, lt_time(last_ts) AS last, score FROM main.risk;

CREATE TEMP VIEW fields AS
SELECT a.name AS api, CASE f.dir WHEN 0 THEN 'req' ELSE 'resp' END AS dir, t.v AS field, c.name AS class, f.accept AS accepted, f.conf,
  f.clear, f.masked, f.missed, f.calls, f.why
FROM main.field_class f JOIN main.api a ON a.id=f.api_id JOIN main.term t ON t.id=f.field_id JOIN main.class c ON c.id=f.class_id;

CREATE TEMP VIEW classes AS SELECT name AS class, lt_level(level) AS level, label FROM main.class;

CREATE TEMP VIEW marks AS SELECT target, kind, v, lt_time(at) AS at FROM main.mark;

CREATE TEMP VIEW acts AS SELECT seq, lt_time(at) AS at, who, act, detail FROM main.journal;
