//! Expressions to parameterised SQL. In: an [`Expr`] and what the case knows by name. Out: a condition over
//! `call c LEFT JOIN call_fact f` (or `flow c`, `source c`), its parameters, and what it costs. Bounds: text of the
//! filter reaches SQL as parameters only; saved filters are followed [`SAVED_DEPTH`] deep.

mod special;
mod target;

use super::lang::field::{Id, Ty};
use super::lang::value::{self, Span};
use super::lang::{Expr, Field, Op, Scope, Value};
use super::pattern::{self, How};
use crate::error::{Error, Result};
use rusqlite::types::Value as Sql;
use target::{Target, target};

/// Saved filters that name saved filters: deeper is a circle.
const SAVED_DEPTH: usize = 8;

/// Function that holds a pattern against a body.
const BODY: &str = "lt_body";

/// What it takes to decide a condition for one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Cost {
    /// Columns with an index, or a small table.
    #[default]
    Index,
    /// A column of every call is looked at.
    Scan,
    /// Bodies or headers are unpacked and read.
    Bodies,
}

impl Cost {
    /// Word for a chip.
    pub fn name(self) -> &'static str {
        match self {
            Cost::Index => "index",
            Cost::Scan => "scan",
            Cost::Bodies => "bodies",
        }
    }
}

/// A condition ready to be run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Where {
    /// SQL with `?` for each parameter; never empty.
    pub sql: String,
    /// Parameters in order.
    pub params: Vec<Sql>,
    /// Cost.
    pub cost: Cost,
    /// Patterns that are looked for in bodies, and whether in heads too.
    pub texts: Vec<(String, bool)>,
}

/// What a filter's names stand for in a case.
pub trait Names {
    /// Data classes: id, name.
    fn classes(&self) -> Result<Vec<(u8, String)>>;
    /// A saved filter or list: kind and text.
    fn saved(&self, name: &str) -> Result<Option<(String, String)>>;
    /// First and last time of the evidence.
    fn span(&self) -> Result<Span>;
    /// Rows of calls with a mark of this kind whose text matches.
    fn marked(&self, kind: &str, pattern: Option<&str>) -> Result<Vec<i64>>;
    /// Bodies and calls that hold a value in any form.
    fn holders(&self, value: &str) -> Result<Holders>;
    /// The bodies that a pattern matches, where all are known and few.
    fn bodies(&self, _pattern: &str) -> Option<Vec<i64>> {
        None
    }
}

/// Where a value stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// Rows of `body`.
    pub bodies: Vec<i64>,
    /// Rows of `call`, for targets and headers.
    pub calls: Vec<i64>,
}

/// Compiles an expression for rows of `scope`.
pub fn compile(expr: &Expr, scope: Scope, names: &dyn Names) -> Result<Where> {
    let mut b = Builder {
        scope,
        names,
        out: Where::default(),
        saved: 0,
    };
    b.expr(expr)?;
    Ok(b.out)
}

struct Builder<'a> {
    scope: Scope,
    names: &'a dyn Names,
    out: Where,
    saved: usize,
}

/// What a single column is held against.
enum Test {
    /// A pattern.
    Re(String),
    /// An ordering or equality.
    Num(&'static str, Sql),
    /// From the first until before the second.
    Until(i64, i64),
    /// Between two values, both included.
    Between(Sql, Sql),
    /// True or false.
    Is(bool),
}

fn usage(msg: impl Into<String>) -> Error {
    Error::Usage {
        msg: msg.into(),
        at: None,
    }
}

impl Builder<'_> {
    fn push(&mut self, sql: &str) {
        self.out.sql.push_str(sql);
    }
    fn param(&mut self, v: impl Into<Sql>) {
        self.out.params.push(v.into());
    }
    fn cost(&mut self, c: Cost) {
        self.out.cost = self.out.cost.max(c);
    }

    /// Writes items with an operator between, as a balanced tree: SQLite refuses a deep one.
    fn list<T>(
        &mut self,
        items: &[T],
        sep: &str,
        each: &mut dyn FnMut(&mut Self, &T) -> Result<()>,
    ) -> Result<()> {
        match items {
            [] => self.push("0"),
            [one] => each(self, one)?,
            many => {
                let (a, b) = many.split_at(many.len() / 2);
                self.push("(");
                self.list(a, sep, each)?;
                self.push(sep);
                self.list(b, sep, each)?;
                self.push(")");
            }
        }
        Ok(())
    }

    fn expr(&mut self, e: &Expr) -> Result<()> {
        match e {
            Expr::All => self.push("1"),
            Expr::And(v) => self.list(v, " AND ", &mut |b, e| b.expr(e))?,
            Expr::Or(v) => self.list(v, " OR ", &mut |b, e| b.expr(e))?,
            Expr::Not(e) => {
                // A missing field makes its comparison false, so its negation is true.
                self.push("((");
                self.expr(e)?;
                self.push(") IS NOT TRUE)");
            }
            Expr::Cmp {
                field,
                op,
                value: Value::Var(name),
            } if field.def().ty != Ty::Time => {
                let set = self.saved_list(field, name)?;
                match op {
                    Op::Has | Op::Eq => self.any(field, Op::Has, &set)?,
                    Op::Ne => self.none(field, Op::Has, &set)?,
                    op => {
                        let msg = format!("a list cannot be compared by {}", op.text());
                        return Err(usage(msg));
                    }
                }
            }
            Expr::Cmp { field, op, value } => {
                let one = std::slice::from_ref(value);
                match op {
                    Op::Ne => self.none(field, Op::Eq, one)?,
                    op => self.any(field, *op, one)?,
                }
            }
            Expr::In { field, set } => {
                let mut all = Vec::with_capacity(set.len());
                for v in set {
                    match v {
                        Value::Var(name) if field.def().ty != Ty::Time => {
                            all.extend(self.saved_list(field, name)?);
                        }
                        v => all.push(v.clone()),
                    }
                }
                self.any(field, Op::Eq, &all)?;
            }
            Expr::Range { field, from, to } => self.range(field, from, to)?,
            Expr::Has(field) => self.present(field)?,
            Expr::Is(word) => self.is(word)?,
            Expr::Text(v) => self.anywhere(v)?,
            Expr::Saved(name) => self.saved_filter(name)?,
        }
        Ok(())
    }

    fn saved_filter(&mut self, name: &str) -> Result<()> {
        let Some((_, text)) = self.names.saved(name)? else {
            return Err(usage(format!("no saved filter is called ${name}")));
        };
        if self.saved >= SAVED_DEPTH {
            return Err(usage(format!(
                "the saved filter ${name} leads back to itself"
            )));
        }
        let expr = super::lang::parse(&text)
            .map_err(|e| usage(format!("the saved filter ${name} is broken: {e}")))?;
        self.saved += 1;
        self.expr(&expr)?;
        self.saved -= 1;
        Ok(())
    }

    /// Values of a saved list: a JSON list, or one value a line or comma. A record's own id may be written with `$`.
    fn saved_list(&self, field: &Field, name: &str) -> Result<Vec<Value>> {
        let Some((_, text)) = self.names.saved(name)? else {
            if field.id == Id::Record {
                return Ok(vec![Value::Text(name.to_owned())]);
            }
            return Err(usage(format!("no list is called ${name}")));
        };
        let items: Vec<String> = serde_json::from_str(&text).unwrap_or_else(|_| {
            text.split(['\n', ','])
                .map(|s| s.trim().to_owned())
                .filter(|s| !s.is_empty())
                .collect()
        });
        Ok(items.into_iter().map(Value::Text).collect())
    }

    /// The field has one of these values.
    fn any(&mut self, field: &Field, op: Op, values: &[Value]) -> Result<()> {
        if values.is_empty() {
            self.push("0");
            return Ok(());
        }
        self.known(field)?;
        if self.special(field, op, values)? {
            return Ok(());
        }
        let t = self.target(field)?;
        let mut tests = Vec::with_capacity(values.len());
        let mut patterns = Vec::new();
        for v in values {
            match self.test(field, op, v)? {
                Test::Re(p) => patterns.push(p),
                t => tests.push(t),
            }
        }
        // Many words are one pattern.
        match patterns.len() {
            0 => {}
            1 => tests.extend(patterns.pop().map(Test::Re)),
            _ => tests.push(Test::Re(format!("(?:{})", patterns.join(")|(?:")))),
        }
        self.put(&t, &tests)
    }

    /// The field is there and has none of these values.
    fn none(&mut self, field: &Field, op: Op, values: &[Value]) -> Result<()> {
        self.push("(");
        self.there(field)?;
        self.push(" AND (");
        self.any(field, op, values)?;
        self.push(") IS NOT TRUE)");
        Ok(())
    }

    /// These rows have the field.
    fn known(&self, field: &Field) -> Result<()> {
        if field.def().scopes & self.scope as u8 != 0 {
            return Ok(());
        }
        let who = match self.scope {
            Scope::Calls => "calls",
            Scope::Flows => "flows",
            Scope::Sources => "sources",
        };
        Err(usage(format!("{who} have no field {field}")))
    }

    fn target(&self, field: &Field) -> Result<Target> {
        target(field, self.scope).ok_or_else(|| usage(format!("{field} has no order")))
    }

    /// Writes a target's columns against tests, any of which may hold.
    fn put(&mut self, t: &Target, tests: &[Test]) -> Result<()> {
        self.cost(t.cost);
        self.push(&t.pre);
        let pairs: Vec<(&str, &Test)> = t
            .cols
            .iter()
            .flat_map(|c| tests.iter().map(move |test| (c.as_str(), test)))
            .collect();
        self.push("(");
        self.list(&pairs, " OR ", &mut |b, (col, test)| {
            b.one(t, col, test);
            Ok(())
        })?;
        self.push(")");
        self.push(&t.post);
        Ok(())
    }

    fn one(&mut self, t: &Target, col: &str, test: &Test) {
        match test {
            Test::Re(p) if t.re == BODY => {
                self.out.texts.push((p.clone(), false));
                match self.names.bodies(p) {
                    Some(rows) => self.rows(col, rows),
                    None => {
                        self.push("lt_body(?,");
                        self.param(p.clone());
                        self.push(col);
                        self.push(")");
                    }
                }
            }
            Test::Re(p) => {
                self.push(t.re);
                self.push("(?,");
                self.param(p.clone());
                self.push(col);
                self.push(")");
            }
            Test::Num(op, v) => {
                self.push(col);
                self.push(op);
                self.push("?");
                self.param(v.clone());
            }
            Test::Until(a, b) => {
                // One comparison where a side is open, so that an index is used as far as it goes.
                self.push("(");
                let mut parts = Vec::new();
                if *a > i64::MIN {
                    parts.push((">=", *a));
                }
                if *b < i64::MAX {
                    parts.push(("<", *b));
                }
                if parts.is_empty() {
                    self.push(col);
                    self.push(" IS NOT NULL");
                }
                for (i, (op, n)) in parts.into_iter().enumerate() {
                    if i > 0 {
                        self.push(" AND ");
                    }
                    self.push(col);
                    self.push(op);
                    self.push("?");
                    self.param(n);
                }
                self.push(")");
            }
            Test::Between(a, b) => {
                self.push(col);
                self.push(" BETWEEN ? AND ?");
                self.param(a.clone());
                self.param(b.clone());
            }
            Test::Is(yes) => {
                self.push(col);
                self.push(if *yes { " IS TRUE" } else { " IS FALSE" });
            }
        }
    }

    /// Source of the pattern that a textual comparison means.
    fn pattern(ty: Ty, op: Op, v: &Value) -> String {
        match v {
            Value::Regex { pattern, fold } => {
                if *fold {
                    format!("(?i){pattern}")
                } else {
                    pattern.clone()
                }
            }
            Value::Text(s) | Value::Var(s) => pattern::word(
                s,
                match op {
                    Op::Contains => How::Contains,
                    Op::StartsWith => How::Starts,
                    Op::Has if ty == Ty::Text => How::Contains,
                    Op::Has => How::Whole,
                    _ => How::Exact,
                },
            ),
        }
    }

    fn test(&self, field: &Field, op: Op, v: &Value) -> Result<Test> {
        let ty = field.def().ty;
        let text = v.text();
        let bad = || {
            usage(format!(
                "{field} cannot be {}",
                crate::call::text::visible(text)
            ))
        };
        let sign = match op {
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            _ => "=",
        };
        let num = |n: Option<i64>| n.map(|n| Test::Num(sign, n.into())).ok_or_else(bad);
        Ok(match ty {
            Ty::Text | Ty::Word => Test::Re(Self::pattern(ty, op, v)),
            Ty::Num => num(value::number(text))?,
            Ty::Size => num(value::size(text))?,
            Ty::Dur => num(value::duration(text))?,
            Ty::Level => num(value::level(text).map(|l| l as i64))?,
            Ty::Real => {
                let n = value::real(text).ok_or_else(bad)?;
                // What is shown with two digits is found by them.
                if sign == "=" {
                    Test::Between((n - 0.005).into(), (n + 0.005).into())
                } else {
                    Test::Num(sign, n.into())
                }
            }
            Ty::Bool => Test::Is(value::boolean(text).ok_or_else(bad)?),
            Ty::Addr => {
                let (a, b) = value::network(text).ok_or_else(bad)?;
                Test::Between(a.to_vec().into(), b.to_vec().into())
            }
            Ty::Time => {
                let (a, b) = self.time(text)?;
                match op {
                    Op::Lt => Test::Until(i64::MIN, a),
                    Op::Le => Test::Until(i64::MIN, b),
                    Op::Gt => Test::Until(b, i64::MAX),
                    Op::Ge => Test::Until(a, i64::MAX),
                    _ => Test::Until(a, b),
                }
            }
        })
    }

    fn time(&self, text: &str) -> Result<(i64, i64)> {
        let t = value::time(text).ok_or_else(|| usage(format!("{text} is no time")))?;
        t.resolve(self.names.span()?)
            .ok_or_else(|| usage("$cursor has a meaning on a screen only"))
    }

    fn range(&mut self, field: &Field, from: &Value, to: &Value) -> Result<()> {
        self.known(field)?;
        let t = self.target(field)?;
        let test = if field.def().ty == Ty::Time {
            let (a, _) = self.time(from.text())?;
            let (_, b) = self.time(to.text())?;
            Test::Until(a, b)
        } else {
            let low = self.test(field, Op::Ge, from)?;
            let high = self.test(field, Op::Le, to)?;
            match (low, high) {
                (Test::Num(_, a), Test::Num(_, b)) => Test::Between(a, b),
                (Test::Between(a, _), Test::Between(_, b)) => Test::Between(a, b),
                _ => return Err(usage(format!("{field} has no order"))),
            }
        };
        self.put(&t, &[test])
    }

    /// The field is there.
    fn there(&mut self, field: &Field) -> Result<()> {
        self.known(field)?;
        if let Some(sql) = self.special_there(field)? {
            self.push(&sql);
            return Ok(());
        }
        let t = self.target(field)?;
        self.push(&t.there);
        Ok(())
    }

    /// A bare field: it is there, and for yes-or-no fields it is yes.
    fn present(&mut self, field: &Field) -> Result<()> {
        self.known(field)?;
        if field.def().ty == Ty::Bool {
            return self.any(field, Op::Eq, &[Value::Text("true".into())]);
        }
        match field.id {
            // Lists are there when they hold something.
            Id::Class | Id::Flag | Id::Records | Id::Diag => self.special_some(field),
            _ => self.there(field),
        }
    }
}

#[cfg(test)]
mod tests;
