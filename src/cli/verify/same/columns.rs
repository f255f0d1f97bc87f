//! What `verify` compares of each kind of row: columns as data. In: nothing. Out: tables of columns. Bounds: constant.

/// How a column is compared and told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Told with both values.
    Shown,
    /// Told by its name.
    Hidden,
    /// Bits of data classes: numbered in each case in its own way.
    Classes,
}
use Kind::{Classes, Hidden, Shown};

/// A column: what it is called, how it is read, how it is told.
pub struct Column {
    pub name: &'static str,
    pub sql: &'static str,
    pub kind: Kind,
}

const fn col(name: &'static str, sql: &'static str, kind: Kind) -> Column {
    Column { name, sql, kind }
}

/// What a call's row says of the evidence.
pub static EVIDENCE: &[Column] = &[
    col("last", "c.unit1", Shown),
    col("offset", "c.off", Shown),
    col("len", "c.len", Shown),
    col("whole", "c.done", Shown),
    col("ts", "c.ts", Shown),
    col("end_ts", "c.end_ts", Shown),
    col("src", "hex(c.src)", Shown),
    col("sport", "c.sport", Shown),
    col("dst", "hex(c.dst)", Shown),
    col("dport", "c.dport", Shown),
    col("proto", "c.proto", Shown),
    col("tls", "c.tls", Shown),
    col("method", "(SELECT v FROM term WHERE id=c.method_id)", Shown),
    col("host", "(SELECT v FROM term WHERE id=c.host_id)", Shown),
    col("uri", "c.uri", Hidden),
    col("path", "c.path", Hidden),
    col("operation", "(SELECT v FROM term WHERE id=c.op_id)", Hidden),
    col("kind", "(SELECT v FROM term WHERE id=c.kind_id)", Shown),
    col("status", "c.status", Shown),
    col("grpc_status", "c.grpc_status", Shown),
    col("req_body_len", "c.req_body_len", Shown),
    col("resp_body_len", "c.resp_body_len", Shown),
    col("req_content_len", "c.req_content_len", Shown),
    col("resp_content_len", "c.resp_content_len", Shown),
    col(
        "req_type",
        "(SELECT v FROM term WHERE id=c.req_type_id)",
        Hidden,
    ),
    col(
        "resp_type",
        "(SELECT v FROM term WHERE id=c.resp_type_id)",
        Hidden,
    ),
    col(
        "user_agent",
        "(SELECT v FROM term WHERE id=c.ua_id)",
        Hidden,
    ),
    col("flags", "c.flags", Shown),
    col("req_sha256", "lower(hex(rb.sha256))", Shown),
    col("resp_sha256", "lower(hex(sb.sha256))", Shown),
    col(
        "request body",
        "rb.len||' '||rb.kept||' '||rb.kind||coalesce(rb.cut,'')",
        Hidden,
    ),
    col(
        "response body",
        "sb.len||' '||sb.kept||' '||sb.kind||coalesce(sb.cut,'')",
        Hidden,
    ),
    col("credentials", "hex(c.ident)", Hidden),
    col("trace id", "c.trace_id", Hidden),
    col(
        "operation note",
        "(SELECT v FROM term WHERE id=c.op_note_id)",
        Hidden,
    ),
    col(
        "dispatch",
        "(SELECT v FROM term WHERE id=c.dispatch_id)",
        Hidden,
    ),
    col("shape", "c.shape", Hidden),
    col("sequence numbers", "c.seq", Shown),
    col(
        "parent",
        "(SELECT ord FROM call_of WHERE call_id=c.id)",
        Shown,
    ),
    col(
        "locators",
        "(SELECT group_concat(x,' ') FROM (SELECT hex(substr(s.sha256,1,6))||':'||a.role||':'||a.first||'-'||a.last||':'||coalesce(a.off,'')||'+'||coalesce(a.len,'')||'@'||a.ts AS x \
          FROM call_at a JOIN source s ON s.id=a.source_id WHERE a.call_id=c.id ORDER BY a.n))",
        Hidden,
    ),
    col(
        "flow",
        "(SELECT hex(substr(s.sha256,1,6))||'-'||w.unit0 FROM flow w JOIN source s ON s.id=w.source_id WHERE w.id=c.flow_id)",
        Shown,
    ),
];

/// The place of another call that a fact names.
macro_rules! place {
    ($id:literal) => {
        concat!(
            "(SELECT lower(hex(substr(s.sha256,1,6)))||'-'||p.unit||'.'||p.ord FROM call p JOIN source s ON s.id=p.source_id WHERE p.id=",
            $id,
            ")"
        )
    };
}

/// What follows from all calls together.
pub static FACTS: &[Column] = &[
    col("api", "(SELECT name FROM api WHERE id=f.api_id)", Shown),
    col(
        "account",
        "(SELECT name FROM account WHERE id=f.account_id)",
        Shown,
    ),
    col("account_conf", "f.account_conf", Shown),
    col("account_via", "f.account_via", Shown),
    col("on_behalf_of", "f.behalf", Shown),
    col(
        "session",
        "(SELECT uid FROM session WHERE id=f.session_id)",
        Shown,
    ),
    col("level", "f.level", Shown),
    col("classes", "f.classes", Classes),
    col("clear classes", "f.clear", Classes),
    col("masked classes", "f.masked", Classes),
    col("records", "f.records", Shown),
    col("findings", "f.findings", Shown),
    col("parent call", place!("f.parent_id"), Shown),
    col("joined with", place!("f.joined"), Shown),
    col("proof", place!("f.proof_id"), Shown),
];

/// A table of facts: what its things are called, what names one, its columns.
pub struct Table {
    pub thing: &'static str,
    pub from: &'static str,
    pub key: &'static str,
    pub columns: &'static [Column],
}

pub static TABLES: &[Table] = &[
    Table {
        thing: "class",
        from: "class",
        key: "name",
        columns: &[col("level", "level", Shown), col("label", "label", Shown)],
    },
    Table {
        thing: "api",
        from: "api",
        key: "name",
        columns: &[
            col("method", "method", Shown),
            col("host", "host", Shown),
            col("route", "route", Shown),
            col("kind", "kind", Shown),
            col("calls", "calls", Shown),
            col("accounts", "accounts", Shown),
            col("ok_ratio", "ok||'/'||answered", Shown),
            col("first", "first_ts", Shown),
            col("last", "last_ts", Shown),
            col("level", "level", Shown),
            col("classes", "classes", Classes),
            col("masked", "masked", Classes),
            col("records", "records", Shown),
            col("max_records", "max_records", Shown),
            col("auth", "auth", Shown),
            col("why", "why", Hidden),
            col("documented", "documented", Shown),
            col("specification", "spec", Shown),
        ],
    },
    Table {
        thing: "account",
        from: "account",
        key: "name",
        columns: &[
            col("kind", "kind", Shown),
            col("conf", "conf", Shown),
            col("via", "via", Shown),
            col("calls", "calls", Shown),
            col("sessions", "sessions", Shown),
            col("clients", "clients", Shown),
            col("addresses", "addresses", Shown),
            col("first", "first_ts", Shown),
            col("last", "last_ts", Shown),
            col("level", "level", Shown),
            col("classes", "classes", Classes),
            col("records", "records", Shown),
            col("values", "val", Shown),
            col("risk", "risk", Shown),
            col("why", "why", Hidden),
        ],
    },
    Table {
        thing: "session",
        from: "session",
        key: "uid",
        columns: &[
            col(
                "account",
                "(SELECT name FROM account WHERE id=session.account_id)",
                Shown,
            ),
            col("via", "via", Shown),
            col("user_agent", "ua", Hidden),
            col("start", "start_ts", Shown),
            col("end", "end_ts", Shown),
            col("calls", "calls", Shown),
            col("records", "records", Shown),
            col("level", "level", Shown),
        ],
    },
    Table {
        thing: "risk",
        from: "risk",
        key: "uid",
        columns: &[
            col("rule", "rule", Shown),
            col("dimension", "dimension", Shown),
            col("severity", "severity", Shown),
            col("subject", "subject", Shown),
            col("why", "why", Hidden),
            col("first", "first_ts", Shown),
            col("last", "last_ts", Shown),
            col("score", "score", Shown),
            col(
                "calls",
                "(SELECT group_concat(x,' ') FROM (SELECT hex(substr(s.sha256,1,6))||'-'||c.unit||'.'||c.ord AS x FROM risk_call r JOIN call c ON c.id=r.call_id \
                  JOIN source s ON s.id=c.source_id WHERE r.risk_id=risk.id ORDER BY r.n))",
                Hidden,
            ),
        ],
    },
    Table {
        thing: "field",
        from: "field_class",
        key: "(SELECT name FROM api WHERE id=api_id)||CASE dir WHEN 0 THEN ' req ' ELSE ' resp ' END||(SELECT v FROM term WHERE id=field_id)||' '||(SELECT name FROM class WHERE id=class_id)",
        columns: &[
            col("accepted", "accept", Shown),
            col("conf", "conf", Shown),
            col("clear", "clear", Shown),
            col("masked", "masked", Shown),
            col("missed", "missed", Shown),
            col("calls", "calls", Shown),
            col("why", "why", Hidden),
        ],
    },
    Table {
        thing: "histogram",
        from: "minute",
        key: "t||' S'||level",
        columns: &[
            col("calls", "calls", Shown),
            col("records", "records", Shown),
        ],
    },
    Table {
        thing: "clock",
        from: "clock",
        key: "(SELECT hex(sha256) FROM source WHERE id=source_id)||' '||(SELECT hex(sha256) FROM source WHERE id=of_id)",
        columns: &[col("skew", "skew_ns", Shown), col("calls", "calls", Shown)],
    },
    Table {
        thing: "log",
        from: "source_fact",
        key: "(SELECT lower(hex(sha256)) FROM source WHERE id=source_id)",
        columns: &[col("joined", "joined", Shown), col("skew", "skew", Shown)],
    },
];

pub static FLOW: &[Column] = &[
    col("last", "unit1", Shown),
    col("ts", "ts", Shown),
    col("end_ts", "end_ts", Shown),
    col("src", "hex(src)", Shown),
    col("sport", "sport", Shown),
    col("dst", "hex(dst)", Shown),
    col("dport", "dport", Shown),
    col("transport", "transport", Shown),
    col("app", "app", Shown),
    col("packets", "packets", Shown),
    col("bytes_out", "bytes_out", Shown),
    col("bytes_in", "bytes_in", Shown),
    col("sni", "sni", Shown),
    col("alpn", "alpn", Shown),
    col("client_print", "client_print", Shown),
    col("gaps", "gaps", Shown),
    col("calls", "calls", Shown),
    col("why_opaque", "why_opaque", Shown),
    col("tls", "tls", Hidden),
];

pub static SOURCE: &[Column] = &[
    col("kind", "kind", Shown),
    col("bytes", "bytes", Shown),
    col("packets", "packets", Shown),
    col("lines", "lines", Shown),
    col("first", "first_ts", Shown),
    col("last", "last_ts", Shown),
    col("calls", "calls", Shown),
    col("skipped", "skipped", Shown),
    col("state", "state", Shown),
    // those that tell how it was loaded are not in the evidence
    col(
        "diags",
        "(SELECT group_concat(x,' ') FROM (SELECT code||'='||n||'@'||coalesce(first_unit,0) AS x FROM diag WHERE source_id=source.id AND code NOT IN('other-rules','archive-not-followed') ORDER BY code))",
        Shown,
    ),
];
