//! Text to expression by recursive descent. In: what was typed. Out: an [`Expr`]; an error carries the byte where the
//! text went wrong and, for names, the nearest right one. Bounds: nesting [`crate::limits::FILTER_DEPTH`]; each byte is
//! looked at a bounded number of times.

use super::ast::{Expr, KEYWORDS, Op, Value};
use super::field::{self, Field, Ty};
use super::{value, words};
use crate::call::model::Flags;
use crate::error::{Error, Result};
use crate::limits::FILTER_DEPTH;

/// Reads a filter. The empty text is [`Expr::All`].
pub fn parse(text: &str) -> Result<Expr> {
    read(text, None)
}

/// Reads a filter that a person typed: a word that a field with a closed list of them can never hold is an error with the nearest
/// ones, as a mistyped field is. `classes` are the data classes of the case, beside the built-in ones.
pub fn parse_knowing(text: &str, classes: &[String]) -> Result<Expr> {
    read(text, Some(classes))
}

fn read(text: &str, classes: Option<&[String]>) -> Result<Expr> {
    let mut p = Parser {
        text,
        at: 0,
        depth: 0,
        classes,
    };
    p.space();
    if p.rest().is_empty() {
        return Ok(Expr::All);
    }
    let e = p.or()?;
    p.space();
    match p.peek() {
        None => Ok(e),
        Some(')') => Err(p.error("this ) closes nothing")),
        Some(c) => Err(p.error(format!("did not expect {}", shown(c)))),
    }
}

fn shown(c: char) -> String {
    crate::call::text::visible(&c.to_string()).into_owned()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Data classes of the case, where words are held against their lists.
    classes: Option<&'a [String]>,
}

/// Characters that end a word where an operator may follow.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || "(){},\"=<>~!&|".contains(c)
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn error(&self, msg: impl Into<String>) -> Error {
        self.error_at(self.at, msg)
    }
    fn error_at(&self, at: usize, msg: impl Into<String>) -> Error {
        Error::Usage {
            msg: msg.into(),
            at: Some(at.min(self.text.len())),
        }
    }
    fn space(&mut self) {
        let trimmed = self.rest().trim_start();
        self.at = self.text.len() - trimmed.len();
        // A hash that stands alone begins a remark.
        if let Some(after) = trimmed.strip_prefix('#')
            && (after.is_empty() || after.starts_with(char::is_whitespace))
        {
            self.at = self.text.len();
        }
    }
    fn eat(&mut self, s: &str) -> bool {
        let yes = self.rest().starts_with(s);
        if yes {
            self.at += s.len();
        }
        yes
    }
    /// Eats a word operator when it stands as a whole word.
    fn eat_word(&mut self, word: &str) -> bool {
        let Some(head) = self.rest().get(..word.len()) else {
            return false;
        };
        let follows = self.rest().get(word.len()..).and_then(|r| r.chars().next());
        let yes = head.eq_ignore_ascii_case(word) && follows.is_none_or(ends_word);
        if yes {
            self.at += word.len();
        }
        yes
    }

    fn or(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > FILTER_DEPTH {
            return Err(self.error(format!("nested deeper than {FILTER_DEPTH} levels")));
        }
        let mut items = vec![self.and()?];
        loop {
            self.space();
            if self.eat("||") || self.eat_word("or") {
                items.push(self.and()?);
            } else {
                break;
            }
        }
        self.depth -= 1;
        Ok(if items.len() == 1 {
            items.pop().unwrap_or_default()
        } else {
            let flat = items.into_iter().flat_map(|e| match e {
                Expr::Or(v) => v,
                e => vec![e],
            });
            Expr::Or(flat.collect())
        })
    }

    fn and(&mut self) -> Result<Expr> {
        let mut items = Vec::new();
        loop {
            self.space();
            let joined = !items.is_empty() && (self.eat("&&") || self.eat_word("and"));
            self.space();
            let at_or = self.rest().starts_with("||") || {
                let mark = self.at;
                let yes = self.eat_word("or");
                self.at = mark;
                yes
            };
            if at_or || matches!(self.peek(), None | Some(')')) {
                if joined || items.is_empty() {
                    return Err(self.error("a condition is missing here"));
                }
                break;
            }
            match self.not()? {
                Expr::And(v) => items.extend(v),
                e => items.push(e),
            }
        }
        Ok(Expr::from_terms(items))
    }

    fn not(&mut self) -> Result<Expr> {
        let mut negative = false;
        loop {
            self.space();
            if (self.peek() == Some('!') && self.eat("!")) || self.eat_word("not") {
                negative = !negative;
            } else {
                break;
            }
        }
        let e = self.atom()?;
        Ok(if negative { e.negate() } else { e })
    }

    fn atom(&mut self) -> Result<Expr> {
        let start = self.at;
        match self.peek() {
            None => return Err(self.error("a condition is missing here")),
            Some('(') => {
                self.at += 1;
                let e = self.or()?;
                self.space();
                if !self.eat(")") {
                    return Err(self.error_at(start, "this ( is not closed"));
                }
                return Ok(e);
            }
            Some('"' | '\'') => return Ok(Expr::Text(Value::Text(self.string()?))),
            Some('/') => {
                if let Some(v) = self.regex()? {
                    return Ok(Expr::Text(v));
                }
            }
            Some('$') => {
                let name = self.name()?;
                return Ok(Expr::Saved(name));
            }
            _ => {}
        }
        let word = self.word();
        if word.is_empty() {
            let c = self.peek().map_or(String::new(), shown);
            return Err(self.error(format!("did not expect {c} here")));
        }
        self.word_atom(start, word)
    }

    /// A word that may be a field, a flag, or text.
    fn word_atom(&mut self, start: usize, word: &'a str) -> Result<Expr> {
        if let Some(colon) = word.find(':') {
            let (name, after) = word.split_at(colon);
            let is_url = after.starts_with("://");
            let named = name.starts_with(|c: char| c.is_ascii_alphabetic());
            if named && !is_url {
                self.at = start + colon + 1;
                if name.eq_ignore_ascii_case("is") {
                    return self.is_flag();
                }
                let field = self.field(start, name)?;
                return self.colon(field);
            }
            return Ok(Expr::Text(Value::Text(word.to_owned())));
        }
        let before_space = self.at;
        self.space();
        if let Some(op) = self.op() {
            let field = self.field(start, word)?;
            return self.compare(field, op);
        }
        let negative = self.eat_word("not");
        if negative {
            self.space();
        }
        if self.eat_word("in") {
            let field = self.field(start, word)?;
            let e = self.within(field)?;
            return Ok(if negative { e.negate() } else { e });
        }
        self.at = before_space;
        if let Some(k) = KEYWORDS.iter().find(|k| word.eq_ignore_ascii_case(k)) {
            return Err(self.error_at(
                start,
                format!("{k} is an operator; write \"{k}\" to search for it"),
            ));
        }
        Ok(match Field::by_name(word) {
            Some(f) => Expr::Has(f),
            None => Expr::Text(Value::Text(word.to_owned())),
        })
    }

    fn is_flag(&mut self) -> Result<Expr> {
        self.space();
        let start = self.at;
        let word = self.word().to_ascii_lowercase();
        let names = || {
            Flags::NAMES
                .iter()
                .map(|(_, n)| *n)
                .chain(field::IS_WORDS.iter().map(|(n, _)| *n))
        };
        if names().any(|n| n == word) {
            return Ok(Expr::Is(word));
        }
        Err(self.error_at(
            start,
            unknown("flag", &word, field::nearest(&word, names())),
        ))
    }

    fn field(&self, at: usize, name: &str) -> Result<Field> {
        Field::by_name(name).ok_or_else(|| {
            let hint = unknown("field", name, field::nearest_field(name));
            self.error_at(at, hint)
        })
    }

    fn op(&mut self) -> Option<Op> {
        for (s, op) in [
            ("==", Op::Eq),
            ("!=", Op::Ne),
            ("<=", Op::Le),
            (">=", Op::Ge),
            ("=", Op::Eq),
            ("<", Op::Lt),
            (">", Op::Gt),
            ("~", Op::Match),
            (":", Op::Has),
        ] {
            if self.eat(s) {
                return Some(op);
            }
        }
        for (s, op) in [("contains", Op::Contains), ("startswith", Op::StartsWith)] {
            if self.eat_word(s) {
                return Some(op);
            }
        }
        None
    }

    /// `field:value`; ordered fields also take `field:a..b`.
    fn colon(&mut self, field: Field) -> Result<Expr> {
        self.space();
        let ranged = !matches!(field.def().ty, Ty::Text | Ty::Word | Ty::Bool);
        let at = self.at;
        let v = self.value(ranged)?;
        if ranged && self.eat("..") {
            return self.range(field, at, v);
        }
        self.cmp(field, Op::Has, v, at)
    }

    fn compare(&mut self, field: Field, op: Op) -> Result<Expr> {
        if op == Op::Has {
            return self.colon(field);
        }
        self.space();
        let at = self.at;
        let v = self.value(false)?;
        self.cmp(field, op, v, at)
    }

    fn cmp(&self, field: Field, op: Op, value: Value, at: usize) -> Result<Expr> {
        let ty = field.def().ty;
        let textual = matches!(ty, Ty::Text | Ty::Word);
        let bad = match op {
            Op::Lt | Op::Le | Op::Gt | Op::Ge => textual || matches!(ty, Ty::Addr | Ty::Bool),
            Op::Contains | Op::StartsWith | Op::Match => !textual,
            Op::Has | Op::Eq | Op::Ne => false,
        };
        if bad {
            let msg = format!("{field} cannot be compared by {}", op.text());
            return Err(self.error_at(at, msg));
        }
        let value = match (op, value) {
            // After `~` a word or string is a pattern too.
            (Op::Match, Value::Text(pattern)) => Value::Regex {
                pattern,
                fold: false,
            },
            (_, v) => v,
        };
        self.check(&field, &value, at)?;
        if matches!(op, Op::Has | Op::Eq | Op::Ne) {
            self.known(&field, &value, at)?;
        }
        Ok(Expr::Cmp { field, op, value })
    }

    fn within(&mut self, field: Field) -> Result<Expr> {
        self.space();
        let open = self.at;
        if self.eat("{") || self.eat("[") {
            let close = if self.text.get(open..=open) == Some("{") {
                "}"
            } else {
                "]"
            };
            let mut set = Vec::new();
            loop {
                self.space();
                if self.eat(close) {
                    break;
                }
                if self.rest().is_empty() {
                    return Err(self.error_at(open, "this list is not closed"));
                }
                if self.eat(",") {
                    continue;
                }
                let at = self.at;
                let v = self.value(false)?;
                self.check(&field, &v, at)?;
                self.known(&field, &v, at)?;
                set.push(v);
            }
            if set.is_empty() {
                return Err(self.error_at(open, "this list is empty"));
            }
            return Ok(Expr::In { field, set });
        }
        let at = self.at;
        let v = self.value(true)?;
        if self.eat("..") {
            return self.range(field, at, v);
        }
        self.check(&field, &v, at)?;
        self.known(&field, &v, at)?;
        Ok(Expr::In {
            field,
            set: vec![v],
        })
    }

    fn range(&mut self, field: Field, at: usize, from: Value) -> Result<Expr> {
        if matches!(field.def().ty, Ty::Text | Ty::Word | Ty::Bool) {
            return Err(self.error_at(at, format!("{field} has no order: a range needs one")));
        }
        self.check(&field, &from, at)?;
        let end = self.at;
        let to = self.value(false)?;
        self.check(&field, &to, end)?;
        Ok(Expr::Range { field, from, to })
    }

    /// Whether a word is one that the field can hold, where that is a closed list.
    fn known(&self, field: &Field, v: &Value, at: usize) -> Result<()> {
        let (Some(classes), Value::Text(word)) = (self.classes, v) else {
            return Ok(());
        };
        words::check(field.id, word, classes).map_err(|msg| self.error_at(at, msg))
    }

    /// Whether a value can be one of the field's.
    fn check(&self, field: &Field, v: &Value, at: usize) -> Result<()> {
        let ty = field.def().ty;
        let (text, what) = match v {
            Value::Regex { pattern, fold } => {
                if !matches!(ty, Ty::Text | Ty::Word) {
                    return Err(self.error_at(at, format!("{field} is not text")));
                }
                return check_regex(pattern, *fold).map_err(|e| self.error_at(at, e));
            }
            // A list of the case: its values are looked at when it is used.
            Value::Var(name) if ty != Ty::Time || !name.starts_with("cursor") => return Ok(()),
            Value::Text(t) | Value::Var(t) => (t, ty),
        };
        let ok = match what {
            Ty::Text | Ty::Word => Ok(()),
            Ty::Num => value::number(text).map(drop).ok_or("a number"),
            Ty::Size => value::size(text).map(drop).ok_or("a size such as 10kb"),
            Ty::Dur => value::duration(text)
                .map(drop)
                .ok_or("a time span such as 250ms"),
            Ty::Real => value::real(text).map(drop).ok_or("a number"),
            Ty::Level => value::level(text)
                .map(drop)
                .ok_or("a level: S0 to S4, or none low medium high critical"),
            Ty::Time => value::time(text)
                .map(drop)
                .ok_or("a time such as 12:30, 2026-10-08T12:30:00Z, start+5m, end-1h, -15m"),
            Ty::Addr => value::network(text)
                .map(drop)
                .ok_or("an address or a network such as 10.0.0.0/8"),
            Ty::Bool => value::boolean(text).map(drop).ok_or("true or false"),
        };
        ok.map_err(|want| self.error_at(at, format!("{} wants {want}", field.both_names())))
    }

    fn value(&mut self, ranged: bool) -> Result<Value> {
        match self.peek() {
            None => Err(self.error("a value is missing here")),
            Some('"' | '\'') => Ok(Value::Text(self.string()?)),
            Some('$') => Ok(Value::Var(self.name()?)),
            Some('/') => match self.regex()? {
                Some(v) => Ok(v),
                None => self.bare(ranged),
            },
            _ => self.bare(ranged),
        }
    }

    /// A value without quotes: to the next space, bracket or comma, so that `uri:/a?b=c&d=e` needs none.
    fn bare(&mut self, ranged: bool) -> Result<Value> {
        let rest = self.rest();
        let mut end = rest.len();
        for (i, c) in rest.char_indices() {
            let tail = rest.get(i..).unwrap_or("");
            if c.is_whitespace()
                || "(){}[],\"".contains(c)
                || tail.starts_with("&&")
                || tail.starts_with("||")
                || (ranged && tail.starts_with(".."))
            {
                end = i;
                break;
            }
        }
        // An IPv6 address may stand in brackets, a template holds braces.
        let word = rest.get(..end).unwrap_or("");
        if word.is_empty() {
            return Err(self.error("a value is missing here; put text with brackets in quotes"));
        }
        self.at += end;
        Ok(Value::Text(word.to_owned()))
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(ends_word).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    /// `$name`, with what a time may add to it.
    fn name(&mut self) -> Result<String> {
        let at = self.at;
        self.at += 1;
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || "_-+.".contains(c)))
            .unwrap_or(rest.len());
        // Two dots make a range.
        let end = rest.get(..end).and_then(|r| r.find("..")).unwrap_or(end);
        let name = rest.get(..end).unwrap_or("");
        if name.is_empty() {
            return Err(self.error_at(at, "a name is missing after $"));
        }
        self.at += end;
        Ok(name.to_owned())
    }

    /// A quoted string; `\"` and `\\` stand for the character, other backslashes for themselves.
    fn string(&mut self) -> Result<String> {
        let start = self.at;
        let Some(quote) = self.peek() else {
            return Err(self.error("a string is missing here"));
        };
        let mut out = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((i, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = start + i + 1;
                    return Ok(out);
                }
                '\\' => match chars.peek() {
                    Some((_, n)) if *n == quote || *n == '\\' => {
                        out.push(*n);
                        chars.next();
                    }
                    _ => out.push('\\'),
                },
                c => out.push(c),
            }
        }
        Err(self.error_at(start, "this string is not closed"))
    }

    /// `/pattern/` or `/pattern/i`, where what begins here is one: a path such as `/v2/customers` is not, for a
    /// pattern must end at its slash.
    fn regex(&mut self) -> Result<Option<Value>> {
        let rest = self.rest();
        let mut escaped = false;
        for (i, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '/' => {
                    let tail = rest.get(i + 1..).unwrap_or("");
                    let (fold, tail) = match tail.strip_prefix('i') {
                        Some(t) => (true, t),
                        None => (false, tail),
                    };
                    let over = tail
                        .chars()
                        .next()
                        .is_none_or(|c| c.is_whitespace() || ",)}]".contains(c));
                    if i == 1 || !over {
                        // `/a/b c/` may still be a pattern with a slash in it only when that is escaped.
                        return Ok(None);
                    }
                    let pattern = rest.get(1..i).unwrap_or("").to_owned();
                    check_regex(&pattern, fold).map_err(|e| self.error(e))?;
                    self.at += i + 1 + usize::from(fold);
                    return Ok(Some(Value::Regex { pattern, fold }));
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

fn unknown(what: &str, word: &str, near: Option<&str>) -> String {
    let word: String = word.chars().take(40).collect();
    let word = crate::call::text::visible(&word).into_owned();
    match near {
        Some(n) => format!("no {what} is called {word}; did you mean {n}?"),
        None => format!("no {what} is called {word}; put it in quotes to search for it as text"),
    }
}

fn check_regex(pattern: &str, fold: bool) -> std::result::Result<(), String> {
    crate::query::pattern::regex(pattern, fold).map(drop)
}

#[cfg(test)]
mod tests;
