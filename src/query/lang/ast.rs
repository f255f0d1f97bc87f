//! The filter as a tree, and the tree as text. In: terms. Out: canonical text that parses to the same tree.
//! Bounds: nesting at most [`crate::limits::FILTER_DEPTH`], kept by the parser.

use super::field::{Field, Scope};
use std::fmt;

/// A filter expression.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Expr {
    /// Everything (the empty filter).
    #[default]
    All,
    /// Each of them holds.
    And(Vec<Expr>),
    /// One of them holds.
    Or(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A field compared with a value.
    Cmp {
        /// Field.
        field: Field,
        /// Comparison.
        op: Op,
        /// Value.
        value: Value,
    },
    /// A field has one of these values.
    In {
        /// Field.
        field: Field,
        /// Values.
        set: Vec<Value>,
    },
    /// A field lies between two values, both included.
    Range {
        /// Field.
        field: Field,
        /// Lowest.
        from: Value,
        /// Highest.
        to: Value,
    },
    /// A field is present.
    Has(Field),
    /// `is:word`: a flag of the contract, or a word of [`super::field::IS_WORDS`].
    Is(String),
    /// Text anywhere: target, headers, decoded bodies.
    Text(Value),
    /// A saved filter, `$name`.
    Saved(String),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `:` contains (with `*`) for free text, equals for everything else.
    Has,
    /// `==`, `=`.
    Eq,
    /// `!=`: no value equals.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `contains`.
    Contains,
    /// `startswith`.
    StartsWith,
    /// `~`: matches a regular expression.
    Match,
}

impl Op {
    /// As written.
    pub fn text(self) -> &'static str {
        match self {
            Op::Has => ":",
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
            Op::Contains => "contains",
            Op::StartsWith => "startswith",
            Op::Match => "~",
        }
    }
    /// Whether it orders.
    pub fn orders(self) -> bool {
        matches!(self, Op::Lt | Op::Le | Op::Gt | Op::Ge)
    }
}

/// A value as written; the field's type gives it meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Word, number, time, level or string.
    Text(String),
    /// `/pattern/` or `/pattern/i`.
    Regex {
        /// Pattern as written between the slashes.
        pattern: String,
        /// Without regard to case.
        fold: bool,
    },
    /// `$name`: a list of the case, or `$cursor` with an offset in times.
    Var(String),
}

impl Value {
    /// The text, without quotes or slashes.
    pub fn text(&self) -> &str {
        match self {
            Value::Text(s) | Value::Var(s) => s,
            Value::Regex { pattern, .. } => pattern,
        }
    }
}

impl Expr {
    /// Whether all that is asked can be asked of rows of `scope`. Text without a field is looked for in calls.
    #[must_use]
    pub fn is_of(&self, scope: Scope) -> bool {
        match self {
            Expr::All => true,
            Expr::And(v) | Expr::Or(v) => v.iter().all(|e| e.is_of(scope)),
            Expr::Not(e) => e.is_of(scope),
            Expr::Cmp { field, .. }
            | Expr::In { field, .. }
            | Expr::Range { field, .. }
            | Expr::Has(field) => field.def().scopes & scope as u8 != 0,
            Expr::Is(word) => match scope {
                Scope::Calls => true,
                Scope::Flows => matches!(word.as_str(), "opaque" | "gap"),
                Scope::Sources => false,
            },
            Expr::Text(_) | Expr::Saved(_) => scope == Scope::Calls,
        }
    }

    /// A term `field op value`, built by name; `None` where no field has that name.
    pub fn term(field: &str, op: Op, value: &str) -> Option<Expr> {
        Some(Expr::Cmp {
            field: Field::by_name(field)?,
            op,
            value: Value::Text(value.to_owned()),
        })
    }
    /// Both hold. Terms of a conjunction are flattened; a term that is there already is not added again.
    #[must_use]
    pub fn and(self, other: Expr) -> Expr {
        let mut terms = self.into_terms();
        for t in other.into_terms() {
            if !terms.contains(&t) {
                terms.push(t);
            }
        }
        Expr::from_terms(terms)
    }
    /// It does not hold; a double negation is undone.
    #[must_use]
    pub fn negate(self) -> Expr {
        match self {
            Expr::Not(e) => *e,
            e => Expr::Not(Box::new(e)),
        }
    }
    /// The chips of the filter bar: terms that must all hold.
    pub fn terms(&self) -> Vec<Expr> {
        self.clone().into_terms()
    }
    /// The chips, by value.
    pub fn into_terms(self) -> Vec<Expr> {
        match self {
            Expr::All => Vec::new(),
            Expr::And(v) => v,
            e => vec![e],
        }
    }
    /// The filter of these chips.
    pub fn from_terms(mut terms: Vec<Expr>) -> Expr {
        match terms.len() {
            0 => Expr::All,
            1 => terms.pop().unwrap_or_default(),
            _ => Expr::And(terms),
        }
    }
    /// Without chip `n` (as [`Expr::terms`] counts them); unchanged where there is none.
    #[must_use]
    pub fn without(self, n: usize) -> Expr {
        let mut terms = self.into_terms();
        if n < terms.len() {
            terms.remove(n);
        }
        Expr::from_terms(terms)
    }
}

/// Words that are operators and must be quoted to be searched for.
pub(super) const KEYWORDS: [&str; 7] = ["and", "or", "not", "in", "contains", "startswith", "is"];

/// Whether a value can be written without quotes.
fn plain(s: &str) -> bool {
    let odd = |c: char| {
        c.is_whitespace() || "(){}[],\"'\\&|!=<>~#".contains(c) || crate::call::text::is_unsafe(c)
    };
    !s.is_empty()
        && !s.contains(odd)
        && !s.contains("..")
        && !s.starts_with(['/', '$', ':'])
        && !KEYWORDS.iter().any(|k| s.eq_ignore_ascii_case(k))
}

/// A value as it must be written in a filter: bare where it can be, else quoted.
pub fn quote(s: &str) -> String {
    if plain(s) {
        s.to_owned()
    } else {
        format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(s) => f.write_str(&quote(s)),
            Value::Regex { pattern, fold } => {
                write!(f, "/{pattern}/{}", if *fold { "i" } else { "" })
            }
            Value::Var(n) => write!(f, "${n}"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(
            f: &mut fmt::Formatter<'_>,
            items: &[Expr],
            sep: &str,
            wrap_and: bool,
        ) -> fmt::Result {
            for (i, e) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(sep)?;
                }
                let wrap = match e {
                    Expr::Or(_) => true,
                    Expr::And(_) => wrap_and,
                    _ => false,
                };
                if wrap {
                    write!(f, "({e})")?;
                } else {
                    write!(f, "{e}")?;
                }
            }
            Ok(())
        }
        match self {
            Expr::All => Ok(()),
            Expr::And(v) => list(f, v, " ", true),
            Expr::Or(v) => list(f, v, " or ", false),
            Expr::Not(e) => match **e {
                Expr::And(_) | Expr::Or(_) => write!(f, "not ({e})"),
                _ => write!(f, "not {e}"),
            },
            Expr::Cmp {
                field,
                op: Op::Has,
                value,
            } => write!(f, "{field}:{value}"),
            // Between slashes it would end early, or be no pattern.
            Expr::Cmp {
                field,
                op: Op::Match,
                value:
                    Value::Regex {
                        pattern,
                        fold: false,
                    },
            } if !fits_slashes(pattern) => {
                write!(
                    f,
                    "{field} ~ \"{}\"",
                    pattern.replace('\\', "\\\\").replace('"', "\\\"")
                )
            }
            Expr::Cmp { field, op, value } => write!(f, "{field} {} {value}", op.text()),
            Expr::In { field, set } => {
                write!(f, "{field} in {{")?;
                for (i, v) in set.iter().enumerate() {
                    write!(f, "{}{v}", if i > 0 { "," } else { "" })?;
                }
                f.write_str("}")
            }
            Expr::Range { field, from, to } => write!(f, "{field} in {from}..{to}"),
            Expr::Has(field) => write!(f, "{field}"),
            Expr::Is(w) => write!(f, "is:{w}"),
            // A word that names a field would test presence: it is written quoted.
            Expr::Text(Value::Text(s)) if text_needs_quotes(s) => {
                write!(f, "\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\""))
            }
            Expr::Text(v) => write!(f, "{v}"),
            Expr::Saved(n) => write!(f, "${n}"),
        }
    }
}

/// Whether a pattern can stand between slashes: it is not empty and holds no slash that is not escaped.
fn fits_slashes(pattern: &str) -> bool {
    let mut escaped = false;
    for c in pattern.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '/' => return false,
            _ => {}
        }
    }
    !pattern.is_empty()
}

/// Whether a searched word would be read as something else without quotes.
fn text_needs_quotes(s: &str) -> bool {
    !plain(s) || s.contains(':') || Field::by_name(s).is_some()
}
