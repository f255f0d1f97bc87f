//! Where each field stands in the case. In: a field and the rows it is asked of. Out: SQL around its columns.
//! Bounds: a table; header names are the one text from a filter that is quoted into it.

use super::super::lang::field::Id;
use super::super::lang::{Field, Scope};
use super::Cost;

/// A place to look: `pre (col test OR ...) post`.
pub(super) struct Target {
    pub pre: String,
    pub cols: Vec<String>,
    pub post: String,
    /// Function that holds a pattern against a column.
    pub re: &'static str,
    /// Condition that says that there is a value at all.
    pub there: String,
    pub cost: Cost,
}

fn plain(cols: &[&str], there: &str, cost: Cost) -> Target {
    Target {
        pre: String::new(),
        cols: cols.iter().map(|s| (*s).to_owned()).collect(),
        post: String::new(),
        re: "lt_re",
        there: there.to_owned(),
        cost,
    }
}

fn within(pre: &str, cols: &[&str], post: &str, there: &str) -> Target {
    Target {
        pre: pre.to_owned(),
        post: post.to_owned(),
        ..plain(cols, there, Cost::Index)
    }
}

fn term(col: &str) -> Target {
    within(
        &format!("{col} IN (SELECT id FROM term WHERE "),
        &["v"],
        ")",
        &format!("{col} IS NOT NULL"),
    )
}

fn api(cols: &[&str]) -> Target {
    within(
        "f.api_id IN (SELECT id FROM api WHERE ",
        cols,
        ")",
        "f.api_id IS NOT NULL",
    )
}

fn risk(cols: &[&str]) -> Target {
    within(
        "c.id IN (SELECT rc.call_id FROM risk r JOIN risk_call rc ON rc.risk_id=r.id WHERE ",
        cols,
        ")",
        "c.id IN (SELECT call_id FROM risk_call)",
    )
}

/// Where a field stands; `None` where these rows do not have it. Fields that [`super::special`] handles are not here.
pub(super) fn target(field: &Field, scope: Scope) -> Option<Target> {
    if field.def().scopes & scope as u8 == 0 {
        return None;
    }
    match scope {
        Scope::Calls => call(field),
        Scope::Flows => flow(field.id),
        Scope::Sources => source(field.id),
    }
}

fn source_name() -> Target {
    within(
        "c.source_id IN (SELECT id FROM source WHERE ",
        &["name"],
        ")",
        "1",
    )
}

fn call(field: &Field) -> Option<Target> {
    let scan = |col: &str| plain(&[col], &format!("{col} IS NOT NULL"), Cost::Scan);
    let body = |cols: &[&str]| Target {
        re: super::BODY,
        ..plain(
            cols,
            &cols
                .iter()
                .map(|c| format!("{c} IS NOT NULL"))
                .collect::<Vec<_>>()
                .join(" OR "),
            Cost::Bodies,
        )
    };
    let header = |side: &str| {
        // The name is a parameter in spirit: letters that could end the quote are doubled.
        let name = field.sub.replace('\'', "''");
        let place = format!("c.id,'{name}',{side}");
        Target {
            re: "lt_header",
            there: format!("(c.head_pack IS NOT NULL AND lt_header('',{place}))"),
            ..plain(&[&place], "", Cost::Bodies)
        }
    };
    Some(match field.id {
        Id::Source => source_name(),
        Id::Ts => plain(&["c.ts"], "1", Cost::Index),
        Id::EndTs => scan("c.end_ts"),
        Id::Src => scan("c.src"),
        Id::Dst => scan("c.dst"),
        Id::Ip => plain(
            &["c.src", "c.dst"],
            "(c.src IS NOT NULL OR c.dst IS NOT NULL)",
            Cost::Scan,
        ),
        Id::Sport => scan("c.sport"),
        Id::Dport => scan("c.dport"),
        Id::Port => plain(
            &["c.sport", "c.dport"],
            "(c.sport IS NOT NULL OR c.dport IS NOT NULL)",
            Cost::Scan,
        ),
        Id::Tls => scan("c.tls"),
        Id::Method => term("c.method_id"),
        Id::Host => term("c.host_id"),
        Id::Uri => scan("c.uri"),
        Id::Path => scan("c.path"),
        Id::Api => api(&["name", "(method||' '||route)"]),
        Id::Status => scan("c.status"),
        Id::GrpcStatus => scan("c.grpc_status"),
        Id::ReqBodyLen => scan("c.req_body_len"),
        Id::RespBodyLen => scan("c.resp_body_len"),
        Id::ReqLen => scan("c.req_content_len"),
        Id::RespLen => scan("c.resp_content_len"),
        Id::ReqSha => within(
            "c.req_body_id IN (SELECT id FROM body WHERE ",
            &["lower(hex(sha256))"],
            ")",
            "c.req_body_id IN (SELECT id FROM body WHERE sha256 IS NOT NULL)",
        ),
        Id::RespSha => within(
            "c.resp_body_id IN (SELECT id FROM body WHERE ",
            &["lower(hex(sha256))"],
            ")",
            "c.resp_body_id IN (SELECT id FROM body WHERE sha256 IS NOT NULL)",
        ),
        Id::ReqType => term("c.req_type_id"),
        Id::RespType => term("c.resp_type_id"),
        Id::UserAgent => term("c.ua_id"),
        Id::Account => within(
            "f.account_id IN (SELECT id FROM account WHERE ",
            &["name"],
            ")",
            "f.account_id IS NOT NULL",
        ),
        Id::AccountConf => scan("f.account_conf"),
        Id::AccountVia => scan("f.account_via"),
        Id::Behalf => scan("f.behalf"),
        Id::Session => within(
            "f.session_id IN (SELECT id FROM session WHERE ",
            &["uid"],
            ")",
            "f.session_id IS NOT NULL",
        ),
        Id::Level => plain(&["f.level"], "f.level IS NOT NULL", Cost::Index),
        Id::Records => scan("f.records"),
        Id::Dur => scan("(c.end_ts-c.ts)"),
        Id::Body => body(&["c.req_body_id", "c.resp_body_id"]),
        Id::ReqBody => body(&["c.req_body_id"]),
        Id::RespBody => body(&["c.resp_body_id"]),
        Id::Header => header("0"),
        Id::ReqHeader => header("1"),
        Id::RespHeader => header("2"),
        Id::Route => api(&["route"]),
        Id::Auth => within(
            "f.api_id IN (SELECT a.id FROM api a, json_each(iif(json_valid(a.auth),a.auth,'[]')) j WHERE ",
            &["j.value"],
            ")",
            "f.api_id IN (SELECT id FROM api WHERE auth NOT IN ('','[]'))",
        ),
        Id::MaxRecords => api(&["max_records"]),
        Id::Documented => api(&[
            "CASE documented WHEN 1 THEN iif(calls>0,'true','unseen') WHEN 0 THEN 'false' END",
        ]),
        Id::OkRatio => api(&["(1.0*ok/nullif(answered,0))"]),
        Id::Risk => risk(&["r.uid", "r.rule"]),
        Id::Dimension => risk(&["r.dimension"]),
        Id::Severity => risk(&["r.severity"]),
        Id::Subject => risk(&["r.subject"]),
        Id::Score => risk(&["r.score"]),
        _ => return None,
    })
}

fn flow(id: Id) -> Option<Target> {
    let scan = |col: &str| plain(&[col], &format!("{col} IS NOT NULL"), Cost::Scan);
    Some(match id {
        Id::Source => source_name(),
        Id::Ts => scan("c.ts"),
        Id::EndTs => scan("c.end_ts"),
        Id::Src => scan("c.src"),
        Id::Dst => scan("c.dst"),
        Id::Ip => plain(&["c.src", "c.dst"], "1", Cost::Scan),
        Id::Sport => scan("c.sport"),
        Id::Dport => scan("c.dport"),
        Id::Port => plain(&["c.sport", "c.dport"], "1", Cost::Scan),
        Id::Dur => scan("(c.end_ts-c.ts)"),
        Id::Transport => scan("c.transport"),
        Id::App => scan("c.app"),
        Id::Packets => scan("c.packets"),
        Id::BytesOut => scan("c.bytes_out"),
        Id::BytesIn => scan("c.bytes_in"),
        Id::Sni => scan("c.sni"),
        Id::Alpn => scan("c.alpn"),
        Id::ClientPrint => scan("c.client_print"),
        Id::Gaps => scan("c.gaps"),
        Id::Calls => scan("c.calls"),
        Id::WhyOpaque => scan("c.why_opaque"),
        _ => return None,
    })
}

fn source(id: Id) -> Option<Target> {
    let scan = |col: &str| plain(&[col], &format!("{col} IS NOT NULL"), Cost::Scan);
    Some(match id {
        Id::Source => plain(&["c.name", "lower(hex(c.sha256))"], "1", Cost::Scan),
        Id::Name => scan("c.name"),
        Id::Sha => scan("lower(hex(c.sha256))"),
        Id::Kind => scan("c.kind"),
        Id::Bytes => scan("c.bytes"),
        Id::Packets => scan("c.packets"),
        Id::Lines => scan("c.lines"),
        Id::First => scan("c.first_ts"),
        Id::Last => scan("c.last_ts"),
        Id::Calls => scan("c.calls"),
        Id::Skipped => scan("c.skipped"),
        Id::Diag => within(
            "c.id IN (SELECT source_id FROM diag WHERE ",
            &["code"],
            ")",
            "c.id IN (SELECT source_id FROM diag)",
        ),
        _ => return None,
    })
}
