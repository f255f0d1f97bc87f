//! Lines of columns under a header: W3C extended (IIS, CloudFront) and delimited values (CSV). In: lines, the header among them.
//! Out: what a line says. Bounds: [`COLUMNS`] columns; linear in the line.

use super::draft::{Draft, Meaning, Slot};
use super::time::How;
use super::{NoCall, names, spans};
use crate::call::text::lossless;
use std::borrow::Cow;

/// Columns that are looked at.
const COLUMNS: usize = 512;

/// How columns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `#Fields:` names them; spaces or tabs between.
    W3c,
    /// The first line names them; this byte between, `"` around what holds it.
    Delimited(u8),
}

/// What the header of a file said.
#[derive(Debug, Clone, Default)]
pub struct Header {
    columns: Option<Vec<Option<Meaning>>>,
    /// Where the mapping names each.
    ranks: Vec<usize>,
    /// The header that was read, to know it again where files were joined.
    line: Vec<u8>,
    tabs: bool,
    iis: bool,
    /// Whether it tells spans in milliseconds; the standard has seconds.
    millis: bool,
}

/// Names of columns by a mapping; without one the usual names.
#[derive(Debug, Default)]
pub struct Columns {
    pub form: Option<Form>,
    /// Column names, and what they say.
    pub fields: Vec<(String, Meaning)>,
    /// Names of the columns where the file has no header.
    pub names: Vec<String>,
    /// A file of this format has these columns.
    pub has: Vec<String>,
    /// Columns of `names` and what they hold in lines that are calls.
    pub only: Vec<(usize, String)>,
}

/// What a column of the W3C format says.
fn w3c(name: &str, iis: bool, millis: bool) -> Option<Meaning> {
    let lower = name.to_ascii_lowercase();
    let slot = match lower.as_str() {
        "date" => return how(Slot::Date, How::Utc),
        "time" => return how(Slot::Clock, How::Utc),
        "c-ip" => Slot::Src,
        "c-port" => Slot::Sport,
        "s-ip" => Slot::Dst,
        "s-port" => Slot::Dport,
        "cs-method" => Slot::Method,
        "cs-uri" => Slot::Uri,
        "cs-uri-stem" | "cs-uri-path" => Slot::Path,
        "cs-uri-query" => Slot::Query,
        "cs-username" | "x-h(remoteuser)" => Slot::User,
        "cs-version" | "cs-protocol-version" => Slot::Version,
        "cs-host" | "cs(host)" | "x-host-header" => Slot::Host,
        "sc-status" => Slot::Status,
        "sc-bytes" | "cs-bytes" => return None, // heads are counted with them
        "sc-content-len" | "bytes" => Slot::Sent,
        "cs(user-agent)" if iis => return how(Slot::Agent, How::Plus),
        "cs(user-agent)" => return how(Slot::Agent, How::Url),
        "cs(referer)" => Slot::Referer,
        "x-edge-request-id" => Slot::Trace,
        "x-forwarded-for" => Slot::Forwarded,
        "time-taken" if millis => return how(Slot::Duration, How::Unit(1_000_000)),
        "time-taken" => Slot::Duration,
        name => {
            let header = name.strip_prefix("cs(")?.strip_suffix(')')?;
            return Slot::of_header(header).map(Meaning::plain);
        }
    };
    how(slot, How::Plain)
}

fn how(slot: Slot, how: How) -> Option<Meaning> {
    Some(Meaning { slot, how })
}

/// What a column of this folded name says.
fn of_name(folded: &str) -> Option<Meaning> {
    if let Some((slot, _)) = names::slot(folded) {
        return Some(Meaning::plain(slot));
    }
    let how = match spans::span(folded)? {
        Some(unit) => How::Unit(unit),
        None => return None,
    };
    Some(Meaning {
        slot: Slot::Duration,
        how,
    })
}

impl Columns {
    fn meaning(&self, name: &str, header: &Header) -> Option<Meaning> {
        if let Some((_, m)) = self
            .fields
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
        {
            return Some(m.clone());
        }
        if !self.fields.is_empty() {
            return None;
        }
        if self.form == Some(Form::W3c) {
            return w3c(name, header.iis, header.millis);
        }
        let mut folded = String::new();
        names::fold(name, &mut folded);
        of_name(&folded)
    }

    /// Takes the names of columns. False where they are not those of this format.
    fn head<'n>(&self, list: impl Iterator<Item = Cow<'n, str>>, header: &mut Header) -> bool {
        let list: Vec<Cow<'_, str>> = list.take(COLUMNS).collect();
        // a column may have one of several names
        let has = |want: &String| {
            let named = |w: &str| list.iter().any(|n| n.trim().eq_ignore_ascii_case(w));
            want.split('|').any(named)
        };
        if !self.has.iter().all(has) {
            return false;
        }
        let mut columns: Vec<Option<Meaning>> = list
            .iter()
            .map(|n| self.meaning(n.trim(), header))
            .collect();
        // CloudFront tells the header of the viewer beside its own name
        if list.iter().any(|n| n.trim() == "x-host-header")
            && let Some(own) = list.iter().position(|n| n.trim() == "cs(Host)")
            && let Some(column) = columns.get_mut(own)
        {
            *column = None;
        }
        let slots: Vec<Slot> = columns.iter().flatten().map(|m| m.slot).collect();
        let any = |want: &[Slot]| slots.iter().any(|s| want.contains(s));
        let ok = any(&[Slot::Time, Slot::Start, Slot::End, Slot::Date])
            && any(&[Slot::Uri, Slot::Path, Slot::Request, Slot::Host, Slot::Dst]);
        // by the usual names alone, a table with a time and a `url` may be anything
        let known = !self.fields.is_empty() || self.form == Some(Form::W3c);
        let request = any(&[Slot::Uri, Slot::Path, Slot::Request])
            && any(&[Slot::Method, Slot::Request, Slot::Status]);
        let ok = ok && (known || request);
        let rank = |n: &Cow<'_, str>| {
            let mut fields = self.fields.iter();
            let at = fields.position(|(f, _)| f.eq_ignore_ascii_case(n.trim()));
            at.unwrap_or(usize::MAX)
        };
        header.ranks = list.iter().map(rank).collect();
        header.columns = ok.then_some(columns);
        ok
    }

    /// What a line says.
    ///
    /// # Errors
    /// Where it is a header, or does not fit the one before it.
    pub fn read<'a>(
        &self,
        line: &'a [u8],
        header: &'a mut Header,
        draft: &mut Draft<'a>,
    ) -> Result<(), NoCall> {
        let form = self.form.unwrap_or(Form::W3c);
        if line.trim_ascii().is_empty() {
            return Err(NoCall::Blank);
        }
        if form == Form::W3c && line.starts_with(b"#") {
            if line.starts_with(b"#Software:") {
                let of = |name: &[u8]| memchr::memmem::find(line, name).is_some();
                header.iis = of(b"Internet Information");
                header.millis = header.iis || of(b"SGOS");
            } else if let Some(names) = line.strip_prefix(b"#Fields:") {
                header.tabs = names.contains(&b'\t');
                let text = lossless(names).into_owned();
                let list = text.split([' ', '\t']).filter(|n| !n.is_empty());
                header.columns = None;
                self.head(list.map(Cow::Borrowed), header);
            }
            return Err(NoCall::Blank);
        }
        let delimiter = match form {
            Form::Delimited(d) => d,
            // the header may have spaces where the lines have tabs, as CloudFront writes them
            Form::W3c if header.tabs || line.contains(&b'\t') => b'\t',
            Form::W3c => b' ',
        };
        if header.columns.is_none() && form != Form::W3c {
            let found = if self.names.is_empty() {
                let names = cells(line, delimiter).map(|(_, c)| c);
                if self.head(names, header) {
                    header.line = line.to_vec();
                    return Err(NoCall::Blank);
                }
                false
            } else {
                self.head(self.names.iter().map(|n| Cow::Borrowed(n.as_str())), header)
            };
            if !found {
                return Err(NoCall::unfit("a header that names the columns", 0));
            }
        }
        if !header.line.is_empty() && line == header.line {
            return Err(NoCall::Blank);
        }
        let Some(columns) = &header.columns else {
            return Err(NoCall::unfit("a #Fields: line before it", 0));
        };
        let mut n = 0;
        let split: &mut dyn Iterator<Item = (usize, Cow<'a, str>)> = match form {
            // the standard has quotes around texts, IIS has not
            Form::W3c if !header.iis && line.contains(&b'"') => &mut cells(line, delimiter),
            Form::W3c => &mut words(line, delimiter),
            Form::Delimited(_) => &mut cells(line, delimiter),
        };
        let mut later = Vec::new();
        for (at, cell) in split.take(COLUMNS) {
            n += 1;
            if self
                .only
                .iter()
                .any(|(i, want)| *i + 1 == n && *want != cell)
            {
                return Err(NoCall::NoRequest);
            }
            let Some(Some(meaning)) = columns.get(n - 1) else {
                continue;
            };
            if self.fields.is_empty() {
                // tables of all kinds have a column of methods
                if form != Form::W3c
                    && meaning.slot == Slot::Method
                    && !names::says_nothing(&cell)
                    && !names::fits(Slot::Method, &cell)
                {
                    return Err(NoCall::NoRequest);
                }
                draft.put(meaning, cell, at);
            } else {
                later.push((header.ranks.get(n - 1).copied(), at, meaning, cell));
            }
        }
        // of several columns for one thing the mapping's first
        later.sort_by_key(|(rank, at, _, _)| (*rank, *at));
        for (_, at, meaning, cell) in later {
            draft.put(meaning, cell, at);
        }
        if n < columns.len() {
            return Err(NoCall::unfit_count(columns.len(), n, line.len()));
        }
        Ok(())
    }
}

/// Columns as they stand between a byte.
fn words(line: &[u8], delimiter: u8) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut at = 0;
    line.split(move |b| *b == delimiter).map(move |w| {
        let place = at;
        at += w.len() + 1;
        (place, lossless(w))
    })
}

/// Cells with quotes around what holds the delimiter; a doubled quote stands for one.
pub(super) fn cells(line: &[u8], delimiter: u8) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
    let mut at = Some(0);
    std::iter::from_fn(move || {
        let start = at?;
        let rest = line.get(start..)?;
        let Some(inner) = rest.strip_prefix(b"\"") else {
            let end = memchr::memchr(delimiter, rest);
            at = end.map(|e| start + e + 1);
            let cell = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            return Some((start, lossless(cell)));
        };
        let (mut out, mut doubled, mut from) = (Vec::new(), false, 0);
        let end = loop {
            let Some(q) = memchr::memchr(b'"', inner.get(from..).unwrap_or_default()) else {
                out.extend_from_slice(inner.get(from..).unwrap_or_default());
                break inner.len();
            };
            let q = from + q;
            out.extend_from_slice(inner.get(from..q).unwrap_or_default());
            if inner.get(q + 1) != Some(&b'"') {
                break q + 1;
            }
            out.push(b'"');
            doubled = true;
            from = q + 2;
        };
        let behind = inner.get(end..).unwrap_or_default();
        let skip = memchr::memchr(delimiter, behind);
        at = skip.map(|s| start + 1 + end + s + 1);
        let cell = if doubled {
            Cow::Owned(lossless(&out).into_owned())
        } else {
            let len = out.len();
            lossless(inner.get(..len).unwrap_or_default())
        };
        Some((start, cell))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_split_with_their_quotes() {
        let line = br#"a,"b ""c"", d",,"e"#;
        let got: Vec<String> = cells(line, b',').map(|(_, c)| c.into_owned()).collect();
        assert_eq!(got, ["a", "b \"c\", d", "", "e"]);
        assert_eq!(cells(b"", b',').count(), 1);
    }
}
