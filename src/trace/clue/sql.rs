//! A clue as a dump of a database: `INSERT INTO t (a, b) VALUES (...), (...)` of every dialect, `COPY t (a, b) FROM stdin`. In: its
//! text. Out: rows for the builder; columns by name, from the statement or the table's definition before it. Bounds: one
//! pass; what is no such statement is passed over.

use super::Builder;
use std::collections::BTreeMap;

/// Rows of a dump; `None` where the text is none.
pub(super) fn dump(text: &str, b: &mut Builder) -> Option<&'static str> {
    let before = b.clue.rows.len();
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut copied = false;
    let mut at = 0;
    while let Some(word) = next_statement(text, &mut at) {
        let mut c = Cursor { s: text, at };
        match word {
            Word::Create => {
                if let Some((name, columns)) = create(&mut c) {
                    tables.insert(name, columns);
                    at = c.at;
                }
            }
            Word::Insert => {
                insert(&mut c, &tables, b);
                at = c.at.max(at);
            }
            Word::Copy => {
                if copy(&mut c, b) {
                    copied = true;
                    at = c.at;
                }
            }
        }
    }
    (b.clue.rows.len() > before).then_some(if copied { "SQL, COPY" } else { "SQL, INSERT" })
}

#[derive(Clone, Copy)]
enum Word {
    Create,
    Insert,
    Copy,
}

/// The next statement of a kind that is read; `at` goes behind its words.
fn next_statement(text: &str, at: &mut usize) -> Option<Word> {
    const WORDS: [(&str, Word); 5] = [
        ("insert into ", Word::Insert),
        ("insert ignore into ", Word::Insert),
        ("replace into ", Word::Insert),
        ("create table ", Word::Create),
        ("copy ", Word::Copy),
    ];
    // Statements begin a line, or follow another one.
    let mut from = *at;
    loop {
        let rest = text.get(from..)?;
        let lead = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n', ';']).len();
        let start = from + lead;
        let head = text.get(start..)?;
        for (w, kind) in WORDS {
            if head
                .get(..w.len())
                .is_some_and(|h| h.eq_ignore_ascii_case(w))
            {
                *at = start + w.len();
                return Some(kind);
            }
        }
        from = start + head.find(['\n', ';']).map(|n| n + 1)?;
    }
}

struct Cursor<'a> {
    s: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        self.s.get(self.at..).unwrap_or_default()
    }
    fn blanks(&mut self) {
        let r = self.rest();
        self.at += r.len() - r.trim_start().len();
    }
    fn eat(&mut self, word: &str) -> bool {
        self.blanks();
        let hit = self
            .rest()
            .get(..word.len())
            .is_some_and(|h| h.eq_ignore_ascii_case(word));
        if hit {
            self.at += word.len();
        }
        hit
    }
    /// A name, quoted or not; of `schema.table` the last part.
    fn name(&mut self) -> Option<String> {
        let mut last = None;
        loop {
            self.blanks();
            let r = self.rest();
            let close = match r.chars().next()? {
                '`' => Some('`'),
                '"' => Some('"'),
                '[' => Some(']'),
                _ => None,
            };
            match close {
                Some(q) => {
                    let inner = r.get(1..)?;
                    let end = inner.find(q)?;
                    last = inner.get(..end).map(str::to_owned);
                    self.at += end + 2;
                }
                None => {
                    let end = r
                        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                        .unwrap_or(r.len());
                    if end == 0 {
                        return last;
                    }
                    last = r.get(..end).map(str::to_owned);
                    self.at += end;
                }
            }
            if !self.rest().starts_with('.') {
                return last;
            }
            self.at += 1;
        }
    }
    /// `(a, b, c)`.
    fn names(&mut self) -> Option<Vec<String>> {
        if !self.eat("(") {
            return None;
        }
        let mut out = Vec::new();
        loop {
            out.push(self.name()?);
            if self.eat(",") {
                continue;
            }
            return self.eat(")").then_some(out);
        }
    }
    /// A string behind its opening quote.
    fn string(&mut self) -> String {
        let mut out = String::new();
        let mut chars = self.rest().char_indices().peekable();
        let mut end = self.rest().len();
        while let Some((i, c)) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, 't')) => out.push('\t'),
                    Some((_, 'r')) => out.push('\r'),
                    Some((_, '0')) => out.push('\0'),
                    Some((_, c)) => out.push(c),
                    None => {}
                },
                '\'' if chars.peek().is_some_and(|x| x.1 == '\'') => {
                    out.push('\'');
                    chars.next();
                }
                '\'' => {
                    end = i + 1;
                    break;
                }
                c => out.push(c),
            }
        }
        self.at += end;
        out
    }
    /// One value of a tuple; `None` for NULL.
    fn value(&mut self) -> Option<String> {
        self.blanks();
        let r = self.rest();
        // 'text', N'text', E'text', _utf8mb4'text'
        let quote = r.find('\'').filter(|q| {
            r.get(..*q).is_some_and(|p| {
                p.len() < 12
                    && p.bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b' ')
            })
        });
        if let Some(q) = quote {
            let marks = r.get(..q).unwrap_or_default().trim();
            self.at += q + 1;
            let text = self.string();
            // What follows a string belongs to it: a cast, a collation.
            let r = self.rest();
            self.at += r.find([',', ')']).unwrap_or(r.len());
            return Some(if marks.eq_ignore_ascii_case("x") {
                format!("0x{text}")
            } else {
                text
            });
        }
        let mut depth = 0usize;
        let mut end = r.len();
        for (i, c) in r.char_indices() {
            match c {
                '(' => depth += 1,
                ')' if depth == 0 => {
                    end = i;
                    break;
                }
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    end = i;
                    break;
                }
                _ => {}
            }
        }
        let raw = r.get(..end).unwrap_or_default().trim();
        self.at += end;
        (!raw.is_empty()
            && !raw.eq_ignore_ascii_case("null")
            && !raw.eq_ignore_ascii_case("default"))
        .then(|| raw.to_owned())
    }
}

/// Names of the columns that a table is defined with.
fn create(c: &mut Cursor<'_>) -> Option<(String, Vec<String>)> {
    c.eat("if not exists");
    let table = c.name()?;
    if !c.eat("(") {
        return None;
    }
    const NO_COLUMN: [&str; 9] = [
        "primary",
        "key",
        "unique",
        "constraint",
        "index",
        "foreign",
        "fulltext",
        "check",
        "spatial",
    ];
    let mut columns = Vec::new();
    loop {
        c.blanks();
        let quoted = c.rest().starts_with(['`', '"', '[']);
        let name = c.name()?;
        if quoted || !NO_COLUMN.contains(&name.to_ascii_lowercase().as_str()) {
            columns.push(name);
        }
        // To the comma or the end of the definition.
        let (mut depth, mut text) = (0usize, false);
        let mut step = None;
        for (i, ch) in c.rest().char_indices() {
            match ch {
                '\'' => text = !text,
                _ if text => {}
                '(' => depth += 1,
                ')' if depth == 0 => {
                    step = Some((i + 1, true));
                    break;
                }
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    step = Some((i + 1, false));
                    break;
                }
                _ => {}
            }
        }
        let (n, end) = step?;
        c.at += n;
        if end {
            return Some((table, columns));
        }
    }
}

/// Rows of one INSERT.
fn insert(c: &mut Cursor<'_>, tables: &BTreeMap<String, Vec<String>>, b: &mut Builder) {
    let Some(table) = c.name() else { return };
    let names = c
        .names()
        .or_else(|| tables.get(&table).cloned())
        .unwrap_or_default();
    c.eat("overriding system value");
    if !(c.eat("values") || c.eat("value")) {
        return;
    }
    while c.eat("(") {
        let mut cells: Vec<(Option<String>, String)> = Vec::new();
        let mut i = 0;
        loop {
            if let Some(v) = c.value() {
                let name = names.get(i).cloned();
                let name = name.or_else(|| names.is_empty().then(|| format!("{table} {}", i + 1)));
                cells.push((name, v));
            }
            i += 1;
            if !c.eat(",") {
                break;
            }
        }
        let whole = c.eat(")");
        let cells: Vec<(Option<&str>, &str)> = cells
            .iter()
            .map(|(n, v)| (n.as_deref(), v.as_str()))
            .collect();
        b.row(&cells);
        if !whole {
            // A dump that breaks off.
            b.clue.skipped += 1;
            return;
        }
        if !c.eat(",") {
            return;
        }
    }
}

/// Rows behind a COPY.
fn copy(c: &mut Cursor<'_>, b: &mut Builder) -> bool {
    if c.name().is_none() {
        return false;
    }
    let names = c.names().unwrap_or_default();
    if !c.eat("from stdin") {
        return false;
    }
    let r = c.rest();
    c.at += r.find('\n').map_or(r.len(), |n| n + 1);
    loop {
        let r = c.rest();
        let end = r.find('\n').unwrap_or(r.len());
        let line = r.get(..end).unwrap_or_default().trim_end_matches('\r');
        c.at += (end + 1).min(r.len());
        if line == "\\." || r.is_empty() {
            return true;
        }
        let cells: Vec<String> = line
            .split('\t')
            .map(|v| match v {
                "\\N" => String::new(),
                v => v.replace("\\\\", "\\"),
            })
            .collect();
        let cells: Vec<(Option<&str>, &str)> = cells
            .iter()
            .enumerate()
            .map(|(i, v)| (names.get(i).map(String::as_str), v.as_str()))
            .collect();
        b.row(&cells);
    }
}
