//! Where the reader is and how to go on: screens, jumps, line editing, times. In: keys and facts. Out: places.
//! Bounds: histories keep [`HISTORY`] entries.

pub mod input;
pub mod time;

use crate::query::lang::{self, Scope, quote};
use crate::trace::Question;

/// Entries of any history.
pub const HISTORY: usize = 200;

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ScreenId {
    Overview,
    Accounts,
    Apis,
    Calls,
    Sessions,
    Trace,
    Marks,
    Call,
    Replay,
    Findings,
    Risks,
    Flows,
    Sources,
    Sql,
    Reads,
}

impl ScreenId {
    /// What the filter chooses here; nothing where it does not act.
    pub fn scope(self) -> Option<Scope> {
        match self {
            ScreenId::Overview
            | ScreenId::Accounts
            | ScreenId::Apis
            | ScreenId::Calls
            | ScreenId::Sessions
            | ScreenId::Findings
            | ScreenId::Risks => Some(Scope::Calls),
            ScreenId::Flows => Some(Scope::Flows),
            ScreenId::Sources => Some(Scope::Sources),
            _ => None,
        }
    }

    /// Whether this filter chooses what is shown here. Flows and sources have fields of their own: one that asks for another is left
    /// aside there, and the screen says so. Of calls it is an error, since unfiltered calls would be taken for filtered ones.
    pub fn filters(self, text: &str) -> bool {
        match self.scope() {
            None => false,
            Some(Scope::Calls) => true,
            Some(scope) => lang::parse(text).is_ok_and(|e| e.is_of(scope)),
        }
    }
}

/// Whose reads are shown beside the rows of which question, weighed without what.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub question: Question,
    pub account: String,
    pub without: Vec<&'static str>,
}

/// Where Enter leads.
#[derive(Debug, Clone, PartialEq)]
pub enum Jump {
    /// A screen, with a term that is added to the filter for all to see.
    To {
        /// Which.
        screen: ScreenId,
        /// Term of the filter language.
        term: Option<String>,
        /// Crumb.
        title: String,
    },
    /// One call, by its id.
    Call(String),
    /// A film: of a session by its id, or of what [`film_term`] knows.
    Replay(String),
    /// A trace.
    Trace(Question),
    /// The rows of a question beside what an account read of them.
    Reads(Box<Asked>),
}

impl Jump {
    /// Calls that hold `field == value`.
    pub fn calls(field: &str, value: &str) -> Jump {
        Jump::To {
            screen: ScreenId::Calls,
            term: Some(term(field, value)),
            title: value.to_string(),
        }
    }
    /// A screen as it is.
    pub fn screen(screen: ScreenId) -> Jump {
        Jump::To {
            screen,
            term: None,
            title: String::new(),
        }
    }
}

/// `field:value`, or `field == value` for fields whose `:` only looks for a part.
pub fn term(field: &str, value: &str) -> String {
    use crate::query::lang::field::{Field, Ty};
    let text = Field::by_name(field).is_some_and(|f| f.def().ty == Ty::Text);
    let star = value.contains('*');
    if text || star {
        format!("{field} == {}", quote(value))
    } else {
        format!("{field}:{}", quote(value))
    }
}

/// The calls of a film: `account:NAME` what it did, `flow:ID` what went over it, `trail:ID,ID` these calls, else a session's id.
pub fn film_term(what: &str) -> String {
    if let Some(name) = what.strip_prefix("account:") {
        // what others did for it behind the gateway has no session of its own
        return format!("{} session", term("account", name));
    }
    if let Some(id) = what.strip_prefix("flow:") {
        return term("flow", id);
    }
    if let Some(ids) = what.strip_prefix("trail:") {
        let ids: Vec<String> = ids.split(',').map(quote).collect();
        return format!("id in {{{}}}", ids.join(","));
    }
    term("session", what)
}

/// A filter with one more term; one that is there already is not added again.
pub fn with_term(filter: &str, term: &str) -> String {
    let f = filter.trim();
    if f.is_empty() {
        return term.to_string();
    }
    if f == term || f.ends_with(&format!(" {term}")) || f.starts_with(&format!("{term} ")) {
        return f.to_string();
    }
    // "or" binds weaker than the space: what was there must stay together.
    let lower = f.to_ascii_lowercase();
    if lower.contains(" or ") || f.contains("||") {
        format!("({f}) {term}")
    } else {
        format!("{f} {term}")
    }
}

/// A filter without a term that was added at its end.
pub fn without_term(filter: &str, term: &str) -> String {
    let f = filter.trim();
    let Some(rest) = f.strip_suffix(term) else {
        return f.to_string();
    };
    let rest = rest.trim_end();
    rest.strip_prefix('(')
        .and_then(|r| r.strip_suffix(')'))
        .filter(|r| !r.contains(['(', ')']))
        .unwrap_or(rest)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::lang::parse;

    #[test]
    fn terms_parse_and_come_off_again() {
        let t = term("api", "GET h/v2/customers/{id}");
        for base in ["", "status:200", "a or b", "level >= S3 and method:GET"] {
            let f = with_term(base, &t);
            assert!(parse(&f).is_ok(), "{f}");
            assert_eq!(without_term(&f, &t), base);
            assert_eq!(with_term(&f, &t), f);
        }
        for evil in ["a\"b\\c", "x\u{202e}y", "or", "a b", "1..2", "$v", "/re/"] {
            let t = term("account", evil);
            let e = parse(&t).unwrap_or_else(|e| panic!("{t}: {e}"));
            assert!(e.to_string().contains("account"), "{t}");
        }
    }
}
