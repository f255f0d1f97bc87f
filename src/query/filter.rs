//! A filter ready to be used: an expression, time bounds and what `$cursor` stands for.
//! In: the user's text. Out: something that [`crate::query::read`] selects calls by. Bounds: those of the language.

use super::lang::{self, Expr};
use crate::error::Result;

/// What is selected. `Filter::default()` selects everything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filter {
    /// The expression; [`Expr::All`] for none.
    pub expr: Expr,
    /// From this time on (nanoseconds).
    pub after: Option<i64>,
    /// Before this time (nanoseconds).
    pub before: Option<i64>,
    /// What `$cursor` means in times.
    pub cursor: Option<i64>,
}

impl Filter {
    /// Everything.
    pub fn all() -> Filter {
        Filter::default()
    }
    /// From text; errors as [`lang::parse`].
    pub fn parse(text: &str) -> Result<Filter> {
        Ok(Filter {
            expr: lang::parse(text)?,
            ..Filter::default()
        })
    }
    /// From text that a person typed; `classes` are the data classes of the case. Errors as [`lang::parse_knowing`].
    pub fn parse_knowing(text: &str, classes: &[String]) -> Result<Filter> {
        Ok(Filter {
            expr: lang::parse_knowing(text, classes)?,
            ..Filter::default()
        })
    }
    /// Whether nothing is left out.
    pub fn is_all(&self) -> bool {
        self.expr == Expr::All && self.after.is_none() && self.before.is_none()
    }
    /// This filter with one more term that must hold.
    #[must_use]
    pub fn and(mut self, expr: Expr) -> Filter {
        self.expr = self.expr.and(expr);
        self
    }
}
