//! Fields that are not one column: bit sets, ids, marks, values, findings, flags, text anywhere.
//! In: a field and values. Out: SQL. Bounds: as [`super`].

use super::super::lang::field::{Id, Ty};
use super::super::lang::{Field, Op, Scope, Value, value};
use super::super::pattern;
use super::{Builder, Cost, usage};
use crate::call::model::{Flags, Proto};
use crate::error::Result;
use regex::bytes::Regex;

/// Paths that say of themselves that they only ask whether a service lives.
const HEALTH: &str =
    r"(?i)/(health(z|check|-check)?|livez?|readyz?|liveness|readiness|ping|heartbeat)/?$";

/// Flags that follow from findings, not from the wire.
const DERIVED: u32 = Flags::MASKED.0 | Flags::UNMASKED.0;

impl Builder<'_> {
    /// Handles a field that is not one column; whether it did.
    pub(super) fn special(&mut self, field: &Field, op: Op, values: &[Value]) -> Result<bool> {
        match (field.id, self.scope) {
            (Id::Class, Scope::Calls) => {
                let mask = self.class_mask(op, values)?;
                self.push("(f.classes & ?)<>0");
                self.param(mask);
            }
            (Id::Flag, Scope::Calls) => {
                let re = self.regexes(field, op, values)?;
                let mut bits = 0;
                for (flag, name) in Flags::NAMES {
                    if re.iter().any(|r| r.is_match(name.as_bytes())) {
                        bits |= flag.0;
                    }
                }
                self.flags(bits);
            }
            (Id::Proto, Scope::Calls) => {
                let re = self.regexes(field, op, values)?;
                let hit = |p: &&Proto| re.iter().any(|r| r.is_match(p.name().as_bytes()));
                let ids: Vec<String> = Proto::ALL
                    .iter()
                    .filter(hit)
                    .map(|p| (*p as u8).to_string())
                    .collect();
                self.cost(Cost::Scan);
                self.push(&format!("c.proto IN ({})", ids.join(",")));
            }
            (Id::Kind, Scope::Calls) => {
                self.push("(");
                for (i, (pre, post)) in [
                    ("f.api_id IN (SELECT id FROM api WHERE ", ")"),
                    ("f.account_id IN (SELECT id FROM account WHERE ", ")"),
                ]
                .into_iter()
                .enumerate()
                {
                    if i > 0 {
                        self.push(" OR ");
                    }
                    self.push(pre);
                    self.patterns("kind", field, op, values);
                    self.push(post);
                }
                let mask = self.class_mask(op, values)?;
                self.push(" OR (f.classes & ?)<>0)");
                self.param(mask);
            }
            (Id::RowId | Id::Parent, Scope::Calls) => {
                let col = if field.id == Id::RowId {
                    "c.id"
                } else {
                    "f.parent_id"
                };
                self.ids(col, "call", values);
            }
            (Id::Flow, Scope::Calls) => self.ids("c.flow_id", "flow", values),
            (Id::RowId, Scope::Flows) => self.ids("c.id", "flow", values),
            (Id::Tag | Id::Note, Scope::Calls) => {
                let kind = if field.id == Id::Tag { "tag" } else { "note" };
                let mut rows = Vec::new();
                for v in values {
                    let p = Self::pattern(field.def().ty, op, v);
                    rows.extend(self.names.marked(kind, Some(&p))?);
                }
                self.rows("c.id", rows);
            }
            (Id::Marked, Scope::Calls) => {
                let yes = self.boolean(field, values)?;
                let rows = self.names.marked("mark", None)?;
                self.rows("c.id", rows);
                if !yes {
                    self.push(" IS FALSE");
                }
            }
            (Id::Found | Id::Record, Scope::Calls) => self.holders(values)?,
            (Id::Masked, Scope::Calls) => {
                let yes = self.boolean(field, values)?;
                self.push(if yes { "f.masked<>0" } else { "f.clear<>0" });
            }
            (Id::Dir | Id::Where | Id::Form | Id::Conf, Scope::Calls) => {
                self.findings(field, op, values)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Condition that such a field is there at all.
    pub(super) fn special_there(&self, field: &Field) -> Result<Option<String>> {
        if self.scope != Scope::Calls {
            return Ok((field.id == Id::RowId).then(|| "1".to_owned()));
        }
        Ok(Some(match field.id {
            Id::RowId | Id::Flag | Id::Proto | Id::Marked => "1".to_owned(),
            Id::Class | Id::Records => "f.call_id IS NOT NULL".to_owned(),
            Id::Kind => "f.api_id IS NOT NULL".to_owned(),
            Id::Parent => "f.parent_id IS NOT NULL".to_owned(),
            Id::Flow => "c.flow_id IS NOT NULL".to_owned(),
            Id::Found | Id::Record | Id::Dir | Id::Where | Id::Form | Id::Conf | Id::Masked => {
                "f.findings>0".to_owned()
            }
            Id::Tag | Id::Note => {
                let kind = if field.id == Id::Tag { "tag" } else { "note" };
                let rows = self.names.marked(kind, None)?;
                let list: Vec<String> = rows.iter().map(i64::to_string).collect();
                format!("c.id IN ({})", list.join(","))
            }
            _ => return Ok(None),
        }))
    }

    /// A list holds something.
    pub(super) fn special_some(&mut self, field: &Field) -> Result<()> {
        match (field.id, self.scope) {
            (Id::Class, Scope::Calls) => self.push("f.classes<>0"),
            (Id::Records, Scope::Calls) => self.push("f.records>0"),
            (Id::Flag, Scope::Calls) => {
                let all = Flags::NAMES.iter().fold(0, |n, (f, _)| n | f.0);
                self.flags(all);
            }
            _ => return self.there(field),
        }
        Ok(())
    }

    /// `is:word`.
    pub(super) fn is(&mut self, word: &str) -> Result<()> {
        if word == "opaque" {
            self.push(match self.scope {
                Scope::Flows => "c.why_opaque IS NOT NULL",
                // A call is what could be read.
                Scope::Calls | Scope::Sources => "0",
            });
            return Ok(());
        }
        if self.scope == Scope::Flows && word == "gap" {
            self.push("c.gaps>0");
            return Ok(());
        }
        if self.scope != Scope::Calls {
            return Err(usage(format!("is:{word} is asked of calls")));
        }
        if let Some((f, _)) = Flags::NAMES.iter().find(|(_, n)| *n == word) {
            self.flags(f.0);
            return Ok(());
        }
        match word {
            "error" => self.push("(c.status>=400 OR c.grpc_status>0)"),
            "ok" => self.push("(c.status<400 AND coalesce(c.grpc_status,0)=0)"),
            "sensitive" => self.push("f.level>=1"),
            "tls" => self.push("c.tls=1"),
            "log" => {
                self.push(
                    "(c.proto=7 OR c.id IN (SELECT j.joined FROM call_fact j JOIN call l ON l.id=j.call_id \
                     WHERE j.joined IS NOT NULL AND l.flow_id IS NULL)",
                );
                self.push(" OR c.id IN (SELECT call_id FROM call_at WHERE role=3))");
            }
            "capture" => self.push("c.proto<>7"),
            "health" => {
                self.push("lt_re(?,c.path)");
                self.param(HEALTH.to_owned());
            }
            "marked" | "tagged" | "noted" => {
                let kind = match word {
                    "marked" => "mark",
                    "tagged" => "tag",
                    _ => "note",
                };
                let rows = self.names.marked(kind, None)?;
                self.rows("c.id", rows);
            }
            _ => return Err(usage(format!("no flag is called {word}"))),
        }
        self.cost(Cost::Scan);
        Ok(())
    }

    /// Text anywhere: target, headers, decoded bodies.
    pub(super) fn anywhere(&mut self, v: &Value) -> Result<()> {
        let p = match v {
            Value::Text(s) => pattern::word(s, pattern::How::Contains),
            v => Self::pattern(Ty::Text, Op::Match, v),
        };
        self.cost(Cost::Bodies);
        let parts: &[&str] = match self.scope {
            Scope::Calls => &[
                "lt_re(?,c.uri)",
                "lt_head(?,c.id,c.head_pack)",
                "lt_body(?,c.req_body_id)",
                "lt_body(?,c.resp_body_id)",
                "c.host_id IN (SELECT id FROM term WHERE lt_re(?,v))",
                "c.ua_id IN (SELECT id FROM term WHERE lt_re(?,v))",
            ],
            Scope::Flows => &["lt_re(?,c.sni)", "lt_re(?,c.app)", "lt_re(?,c.why_opaque)"],
            Scope::Sources => &["lt_re(?,c.name)", "lt_re(?,c.kind)"],
        };
        self.push("(");
        for (i, sql) in parts.iter().enumerate() {
            if i > 0 {
                self.push(" OR ");
            }
            self.push(sql);
            self.param(p.clone());
        }
        self.push(")");
        Ok(())
    }

    fn boolean(&self, field: &Field, values: &[Value]) -> Result<bool> {
        values
            .first()
            .and_then(|v| value::boolean(v.text()))
            .ok_or_else(|| usage(format!("{field} wants true or false")))
    }

    fn flags(&mut self, bits: u32) {
        self.cost(Cost::Scan);
        let mut parts = Vec::new();
        if bits & !DERIVED != 0 {
            parts.push(format!("(c.flags & {})<>0", bits & !DERIVED));
        }
        if bits & Flags::MASKED.0 != 0 {
            parts.push("f.masked<>0".to_owned());
        }
        if bits & Flags::UNMASKED.0 != 0 {
            parts.push("f.clear<>0".to_owned());
        }
        if parts.is_empty() {
            parts.push("0".to_owned());
        }
        self.push(&format!("({})", parts.join(" OR ")));
    }

    fn regexes(&self, field: &Field, op: Op, values: &[Value]) -> Result<Vec<Regex>> {
        values
            .iter()
            .map(|v| pattern::regex(&Self::pattern(field.def().ty, op, v), false).map_err(usage))
            .collect()
    }

    fn class_mask(&self, op: Op, values: &[Value]) -> Result<i64> {
        let mut re = Vec::new();
        for v in values {
            let p = Self::pattern(Ty::Word, op, v);
            re.push(pattern::regex(&p, false).map_err(usage)?);
        }
        let mut mask = 0i64;
        for (id, name) in self.names.classes()? {
            if id < 63 && re.iter().any(|r| r.is_match(name.as_bytes())) {
                mask |= 1 << id;
            }
        }
        Ok(mask)
    }

    fn patterns(&mut self, col: &str, field: &Field, op: Op, values: &[Value]) {
        for (i, v) in values.iter().enumerate() {
            if i > 0 {
                self.push(" OR ");
            }
            self.push("lt_re(?,");
            self.push(col);
            self.push(")");
            let p = Self::pattern(field.def().ty, op, v);
            self.param(p);
        }
    }

    /// Rows by their id text; what is no id is no row.
    fn ids(&mut self, col: &str, what: &str, values: &[Value]) {
        self.push("(");
        for (i, v) in values.iter().enumerate() {
            if i > 0 {
                self.push(" OR ");
            }
            self.push(&format!("{col}=lt_{what}_row(?)"));
            self.param(v.text().to_owned());
        }
        self.push(")");
    }

    fn rows(&mut self, col: &str, mut rows: Vec<i64>) {
        rows.sort_unstable();
        rows.dedup();
        self.push(col);
        self.push(" IN (SELECT value FROM json_each(?))");
        self.param(serde_json::Value::from(rows).to_string());
    }

    fn holders(&mut self, values: &[Value]) -> Result<()> {
        let (mut bodies, mut calls) = (Vec::new(), Vec::new());
        for v in values {
            let h = self.names.holders(v.text())?;
            bodies.extend(h.bodies);
            calls.extend(h.calls);
        }
        self.push("(");
        self.rows("c.req_body_id", bodies.clone());
        self.push(" OR ");
        self.rows("c.resp_body_id", bodies);
        self.push(" OR ");
        self.rows("c.id", calls);
        self.push(")");
        Ok(())
    }

    /// One finding of the call has it.
    fn findings(&mut self, field: &Field, op: Op, values: &[Value]) -> Result<()> {
        self.cost(Cost::Bodies);
        self.push("(f.findings>0 AND (");
        for (i, v) in values.iter().enumerate() {
            if i > 0 {
                self.push(" OR ");
            }
            let (key, arg) = match field.id {
                Id::Dir => {
                    // In and out are the words of screens.
                    let v = match v.text() {
                        "in" => Value::Text("req".into()),
                        "out" => Value::Text("resp".into()),
                        _ => v.clone(),
                    };
                    ("dir", Self::pattern(Ty::Word, op, &v))
                }
                Id::Where => ("where", Self::pattern(Ty::Text, op, v)),
                Id::Form => ("form", Self::pattern(Ty::Word, op, v)),
                _ => {
                    let n = value::real(v.text())
                        .ok_or_else(|| usage(format!("{field} wants a number")))?;
                    let sign = match op {
                        Op::Lt | Op::Le | Op::Gt | Op::Ge => op.text(),
                        _ => "==",
                    };
                    ("conf", format!("{sign} {n}"))
                }
            };
            self.push(&format!("lt_finding('{key}',?,c.id)"));
            self.param(arg);
        }
        self.push("))");
        Ok(())
    }
}
