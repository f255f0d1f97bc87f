//! Lines of text of a writer that is not known: what each piece says is told by its shape. A request is a method with a target,
//! its status the number of three digits beside it, an address is the client, a name with a slash and a version the agent.
//! In: a line. Out: what it says. Bounds: [`TOKENS`] pieces; linear in the line but for times, which are looked for once.
//!
//! Pieces stand between spaces, tabs, bars or commas, in quotes, brackets or the tags of an element; a piece with a name
//! (`status=200`, `<ip>10.0.0.1</ip>`) is what its name says. Of what has no shape of its own (a bare number, a bare word) nothing
//! is taken but where the order of the common format tells it: the user before the time, the bytes behind the status.

use super::best::Best;
use super::draft::{Draft, Slot, address};
use super::names;
use super::pieces::{Form, Piece, in_sentences, pieces};
use super::stamps::{Stamp, stamps};
use super::status::status;
use super::{LogZone, NoCall, time};
use crate::call::text::lossless;
use std::borrow::Cow;

/// Methods that are known without quotes or a version beside them.
pub(super) const METHODS: [&str; 19] = [
    "GET",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "HEAD",
    "OPTIONS",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "PURGE",
];
/// Pieces behind a method among which its target is.
const BETWEEN: usize = 4;
/// Pieces between who asked and a method, in lines among those of other programs.
const NEAR: usize = 2;

/// A request that was found.
pub(super) struct Request<'t> {
    method: &'t str,
    target: Cow<'t, str>,
    version: Option<&'t str>,
    query: Option<&'t str>,
    /// The pieces it is made of: the first, the one with the target, and the one behind the last.
    pub first: usize,
    pub at: usize,
    pub behind: usize,
    /// A version or quotes leave no doubt that it is one.
    pub sure: bool,
}

fn is_target(text: &str) -> bool {
    let scheme = || {
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric()) && !rest.is_empty()
    };
    text.starts_with('/') || text == "*" || scheme()
}

pub(super) fn is_version(text: &str) -> bool {
    text.get(..5)
        .is_some_and(|h| h.eq_ignore_ascii_case("http/"))
        && text.len() <= 8
}

/// `GET /a HTTP/1.1` in one piece.
fn whole(text: &str, form: Form) -> Option<(&str, &str, Option<&str>)> {
    let (method, rest) = text.trim().split_once(' ')?;
    if !METHODS.contains(&method) {
        return None;
    }
    let rest = rest.trim();
    let (target, version) = match rest.rsplit_once(' ') {
        Some((target, version)) if is_version(version) => (target.trim(), Some(version)),
        // Hypercorn leaves the protocol out
        Some((target, number))
            if form == Form::Quoted && matches!(number, "1.0" | "1.1" | "2" | "2.0" | "3") =>
        {
            (target.trim(), None)
        }
        _ => (rest, None),
    };
    let tunnel = method == "CONNECT" && version.is_some();
    // a sentence in a cell may begin with a word that is a method
    let one = version.is_some() || form == Form::Quoted || !target.contains(' ');
    ((is_target(target) || tunnel) && one).then_some((method, target, version))
}

fn request<'t>(pieces: &'t [Piece<'t>]) -> Option<Request<'t>> {
    for (n, piece) in pieces.iter().enumerate() {
        if !piece.key.is_empty() {
            continue;
        }
        if piece.form != Form::Word
            && let Some((method, target, version)) = whole(&piece.text, piece.form)
        {
            return Some(Request {
                method,
                target: target.into(),
                version,
                query: None,
                first: n,
                at: n,
                behind: n + 1,
                sure: version.is_some() || piece.form == Form::Quoted,
            });
        }
        if !METHODS.contains(&piece.text.as_ref()) {
            continue;
        }
        // an option of a command: `curl -X POST http://..`
        let option = n.checked_sub(1).and_then(|b| pieces.get(b));
        if option.is_some_and(|o| o.text == "-X" || o.text == "--request") {
            return None;
        }
        // others may stand between: in columns any, in a line what is no word of a sentence
        let between = pieces.iter().enumerate().skip(n + 1).take(BETWEEN);
        let mut between =
            between.take_while(|(_, p)| piece.form == Form::Cell || is_path(p) || fills(p));
        let target = between.find(|(_, p)| is_path(p));
        let Some((at, target)) = target else { continue };
        let text = |i: usize| {
            let next: Option<&'t Piece<'t>> = pieces.get(i);
            next.filter(|p| p.key.is_empty()).map(|p| p.text.as_ref())
        };
        let mut behind = at + 1;
        // a column of its own has no mark before it
        let column = |q: &str| {
            piece.form == Form::Cell
                && !target.text.contains('?')
                && q.contains('=')
                && !q.contains([' ', '/', '"'])
        };
        let query =
            text(behind).filter(|q| q.starts_with('?') || *q == "-" || q.is_empty() || column(q));
        let query =
            query.filter(|_| piece.form == Form::Cell || query.is_some_and(|q| q.len() > 1));
        behind += usize::from(query.is_some());
        let version = text(behind).filter(|v| is_version(v));
        behind += usize::from(version.is_some());
        return Some(Request {
            method: piece.text.as_ref(),
            target: target.text.as_ref().into(),
            version,
            query: query.filter(|q| q.len() > 1),
            first: n,
            at,
            behind,
            sure: version.is_some()
                // ASP.NET: `HTTP/1.1 GET http://host/a`
                || n.checked_sub(1).is_some_and(|b| text(b).is_some_and(is_version)),
        });
    }
    None
}

/// A target in a piece of its own; with spaces where quotes or columns hold it together.
fn is_path(piece: &Piece<'_>) -> bool {
    let text = piece.text.as_ref();
    let held = piece.form != Form::Word && text.starts_with('/') && !text.starts_with("/ ");
    piece.key.is_empty() && is_target(text) && (held || !text.contains(' '))
}

/// What may stand between a method and its target: numbers, a host, an address.
pub(super) fn fills(piece: &Piece<'_>) -> bool {
    let text = piece.text.as_ref();
    let number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    piece.key.is_empty() && (number || text == "-" || is_host(text) || address(text).0.is_some())
}

/// `curl/8.1`, `Mozilla/5.0 (X11; Linux x86_64)`.
pub fn is_agent(text: &str) -> bool {
    let Some((name, rest)) = text.split_once('/') else {
        return false;
    };
    let name_ok = name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_. ".contains(&b));
    name_ok && rest.starts_with(|c: char| c.is_ascii_digit()) && !is_version(text)
}

/// `api.example`, with a port or without; no address.
pub fn is_host(text: &str) -> bool {
    let (name, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    let labels: Vec<&str> = name.split('.').collect();
    let label = |l: &&str| {
        !l.is_empty()
            && l.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    port.bytes().all(|b| b.is_ascii_digit())
        && labels.len() > 1
        && labels.iter().all(label)
        && labels
            .last()
            .is_some_and(|l| l.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// An id by its form: a UUID, or sixteen hexadecimal digits and more.
pub fn is_id(text: &str) -> bool {
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let uuid = text.len() == 36 && text.matches('-').count() == 4;
    let plain = (16..=64).contains(&text.len()) && !text.contains('-');
    hex && (uuid || plain) && text.bytes().any(|b| !b.is_ascii_digit())
}

/// A time span with its unit, which may be a piece of its own.
fn took(pieces: &[Piece<'_>], n: usize) -> Option<String> {
    let piece = pieces
        .get(n)
        .filter(|p| p.key.is_empty() && p.form != Form::Quoted)?;
    let text = piece.text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    if number.is_empty() || number == "." {
        return None;
    }
    let next = || pieces.get(n + 1).filter(|p| p.key.is_empty());
    let unit = match unit {
        "" => next().map_or("", |p| p.text.as_ref()),
        unit => unit,
    };
    let unit = match unit {
        "ms" | "msec" | "msecs" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "seconds" => "s",
        "us" | "µs" | "μs" | "micros" | "microseconds" => "us",
        "ns" | "nanoseconds" => "ns",
        // `1m2.5s`
        _ if text.ends_with('s') && time::span(text, &time::How::Plain).is_some() => {
            return Some(text.to_owned());
        }
        _ => return None,
    };
    Some(format!("{number}{unit}"))
}

/// Bytes with their unit (`97B`, `97 bytes`).
fn bytes(pieces: &[Piece<'_>], n: usize) -> Option<String> {
    let text = pieces.get(n).filter(|p| p.key.is_empty())?.text.as_ref();
    let number = match text.strip_suffix(['B', 'b']) {
        Some(number) => number,
        None => {
            let next = pieces.get(n + 1)?.text.as_ref();
            matches!(next, "bytes" | "B").then_some(text)?
        }
    };
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.to_owned())
}

/// The time that belongs to the request: one with a zone before others, the nearest before it before one behind it.
fn moment<'t>(
    found: &'t [Stamp<'t>],
    begin: usize,
    end: usize,
    quoted: impl Fn(usize) -> bool,
) -> Option<&'t Stamp<'t>> {
    let outside = |s: &&Stamp<'_>| (s.end <= begin || s.at >= end) && !quoted(s.at);
    let of = |zoned: bool| {
        let fit = || {
            found
                .iter()
                .filter(outside)
                .filter(move |s| s.zoned == zoned)
        };
        let last = fit().rfind(|s| s.end <= begin);
        last.or_else(|| fit().next())
    };
    of(true).or_else(|| of(false))
}

/// What a line says. `sure` wants a request that cannot be anything else.
///
/// # Errors
/// Where it holds no request with a status.
pub fn read<'a>(line: &'a [u8], sure: bool, draft: &mut Draft<'a>) -> Result<(), NoCall> {
    if line.trim_ascii().is_empty() {
        return Err(NoCall::Blank);
    }
    let text = lossless(line);
    let text = text.as_ref();
    let mut pieces = pieces(text);
    if pieces.first().is_some_and(|p| p.form == Form::Cell)
        && !text.starts_with('<')
        && request(&pieces).is_none()
    {
        pieces = in_sentences(text);
    }
    // a line that a text quotes
    if pieces
        .iter()
        .any(|p| p.form == Form::Word && p.text.starts_with('`'))
    {
        return Err(NoCall::unfit("a line of its own", 0));
    }
    let mut best = Best::default();
    let mut name = String::new();
    for piece in pieces.iter().filter(|p| !p.key.is_empty()) {
        name.clear();
        names::fold(piece.key, &mut name);
        best.take(&name, piece.at, || Some(Cow::Owned(piece.text.to_string())));
    }
    let Some(request) = request(&pieces) else {
        // an element with a name for everything
        let element = pieces
            .first()
            .is_some_and(|p| !p.key.is_empty() && text.starts_with('<'));
        best.say(draft);
        return match element && draft.says(Slot::Method) && draft.says(Slot::Status) {
            true => Ok(()),
            false => Err(NoCall::unfit("a method and a target", 0)),
        };
    };
    let place = |n: usize| pieces.get(n).map_or(text.len(), |p| p.at);
    let status = status(&pieces, &request);
    if status.is_none() && !best.has(Slot::Status) {
        return Err(NoCall::unfit(
            "a status (three digits)",
            place(request.behind),
        ));
    }
    let mut put = |slot: Slot, said: String, at: usize| {
        draft.put(names::meaning(slot), Cow::Owned(said), at);
    };
    let at = place(request.first);
    put(Slot::Method, request.method.to_owned(), at);
    put(Slot::Uri, request.target.to_string(), at);
    if let Some(query) = request.query {
        put(Slot::Query, query.to_owned(), at);
    }
    if let Some(version) = request.version {
        put(Slot::Version, version.to_owned(), at);
    }
    let bare = |n: usize| {
        let piece = pieces.get(n);
        piece.filter(|p| p.key.is_empty() && !(request.first..request.behind).contains(&n))
    };
    if let Some(n) = status {
        put(
            Slot::Status,
            pieces
                .get(n)
                .map_or_else(String::new, |p| p.text.to_string()),
            place(n),
        );
        // the order of the common format
        let ordered = n >= request.behind
            && (request.sure || pieces.get(n).is_some_and(|p| p.form == Form::Cell));
        // or seconds as nginx writes them
        let nginx = |p: &Piece<'_>| {
            let fraction = p.text.split_once('.').map(|(_, f)| f);
            p.text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
                && fraction.is_some_and(|f| f.len() == 3)
        };
        let ordered = ordered
            || took(&pieces, n + 2).is_some()
            || n == request.behind && bare(n + 2).is_some_and(nginx);
        let next = bare(n + 1).filter(|_| ordered && took(&pieces, n + 1).is_none());
        let next = next.filter(|p| is_number(&p.text));
        // the common format's way to say that there was no body
        let none = bare(n + 1).filter(|p| {
            p.text == "-"
                && n == request.behind
                && request.version.is_some()
                && p.form == Form::Word
        });
        // bytes behind how long it took: `200 23ms 512`
        let later = || {
            let spanned = ordered && request.version.is_some() && took(&pieces, n + 1).is_some();
            bare(n + 2).filter(|p| spanned && p.form == Form::Word && is_number(&p.text))
        };
        let next = next.or_else(later);
        if let Some(none) = none {
            put(Slot::Sent, "0".to_owned(), none.at);
        }
        if let Some(next) = next {
            put(Slot::Sent, next.text.to_string(), next.at);
        }
    }
    let all = 0..pieces.len();
    if let Some((n, sent)) = all
        .clone()
        .skip(request.behind)
        .find_map(|n| Some((n, bytes(&pieces, n)?)))
    {
        put(Slot::Sent, sent, place(n));
    }

    // where other pieces stand between, the host may be one
    let mut between = request.first + 1..request.at;
    if let Some(host) = between.find_map(|n| pieces.get(n).filter(|p| is_host(&p.text))) {
        put(Slot::Host, host.text.to_string(), host.at);
    }

    // the time, and whether a logger wrote it in front of the line
    let found = stamps(text);
    let begin = at;
    let end = pieces
        .get(request.behind.saturating_sub(1))
        .map_or(begin, |p| p.end);
    let quoted = |at: usize| {
        let in_quotes = |p: &Piece<'_>| p.form == Form::Quoted && (p.at..p.end).contains(&at);
        pieces.iter().any(in_quotes)
    };
    let stamp = moment(&found, begin, end, quoted);
    let spans = all.clone().rev().filter(|n| bare(*n).is_some());
    let span = spans.into_iter().find_map(|n| Some((n, took(&pieces, n)?)));
    let mut before_time = None;
    if let Some(stamp) = stamp {
        let ahead = stamp.at < 24 && stamp.end <= begin && !stamp.text.contains("/");
        let logger = ahead && span.is_some();
        put(
            if logger { Slot::End } else { Slot::Time },
            stamp.text.to_owned(),
            stamp.at,
        );
        before_time = pieces.iter().position(|p| p.end > stamp.at);
    } else if let Some(first) = pieces.first().filter(|p| is_epoch(&p.text)) {
        put(Slot::Time, first.text.to_string(), first.at);
    }
    if let Some((n, span)) = span {
        put(Slot::Duration, span, place(n));
    }

    let is_address =
        |n: &usize| bare(*n).is_some_and(|p| address(&p.text).0.is_some() && !p.text.contains(' '));
    let client = (0..request.first).find(is_address);
    let client = client.or_else(|| all.clone().skip(request.behind).find(is_address));
    if client.is_none() {
        let from = |p: &&Piece<'_>| p.key == "from" && address(&p.text).0.is_some();
        if let Some(piece) = pieces.iter().find(from) {
            put(Slot::Src, piece.text.to_string(), piece.at);
        }
    }
    // without a version who asked stands right before, and when
    let told = |n: &usize| *n < request.first && request.first - n <= NEAR;
    if sure && !(request.sure || (client.is_some_and(|n| told(&n)) && stamp.is_some())) {
        return Err(NoCall::unfit("a request with its version, or in quotes", 0));
    }
    if let Some(n) = client {
        let text = pieces.get(n).map(|p| p.text.to_string());
        put(Slot::Src, text.unwrap_or_default(), place(n));
        // `ADDRESS identity user [time]`, without the identity, or without the time
        let until = before_time
            .filter(|t| *t > n && *t <= request.first)
            .unwrap_or(request.first);
        let user = match until.checked_sub(n + 1) {
            Some(1 | 2) => bare(until.saturating_sub(1)),
            _ => None,
        };
        // a column may be anything
        let user = user.filter(|p| p.form == Form::Word || until != request.first);
        let user = user
            .filter(|p| p.form != Form::Bracket && !is_address(&(until - 1)) && is_name(&p.text))
            .filter(|p| names::fits(Slot::User, &p.text));
        if let Some(user) = user {
            put(Slot::User, user.text.to_string(), user.at);
        }
    }
    // a host with its port right before who asks, or at the very beginning with nobody and the time behind it
    if let Some(n) = client {
        let ported =
            |p: &&Piece<'_>| p.form == Form::Word && p.text.contains(':') && is_host(&p.text);
        let host = n.checked_sub(1).and_then(bare).filter(ported);
        let first = bare(0).filter(|p| {
            p.form == Form::Word
                && is_host(&p.text)
                && n >= request.behind
                && before_time == Some(2)
                && bare(1).is_some_and(|d| d.text == "-")
        });
        if let Some(host) = host.or(first) {
            put(Slot::Host, host.text.to_string(), host.at);
        }
        // `[time] user thread ADDRESS`: a thread of Tomcat's has who asks before it
        let user = before_time
            .filter(|t| t + 3 == n && n < request.first)
            .and_then(|t| bare(t + 1));
        let user = user.filter(|p| p.form == Form::Word && is_name(&p.text));
        if let Some(user) = user.filter(|p| names::fits(Slot::User, &p.text))
            && bare(n - 1).is_some_and(|p| is_thread(&p.text))
        {
            put(Slot::User, user.text.to_string(), user.at);
        }
    }
    // a host right before the request
    if let Some(host) = request.first.checked_sub(1).and_then(bare)
        && matches!(host.form, Form::Word | Form::Cell)
        && is_host(&host.text)
        && Some(request.first - 1) != client
        && before_time.is_some_and(|t| t < request.first - 1)
    {
        put(Slot::Host, host.text.to_string(), host.at);
    }
    for n in all {
        let Some(piece) = bare(n) else { continue };
        let may = piece.form != Form::Word && piece.form != Form::Bracket;
        if may && is_agent(&piece.text) {
            put(Slot::Agent, piece.text.to_string(), piece.at);
        } else if may && n >= request.behind && piece.text.contains("://") && is_target(&piece.text)
        {
            put(Slot::Referer, piece.text.to_string(), piece.at);
        } else if is_id(&piece.text) {
            put(Slot::Trace, piece.text.to_string(), piece.at);
        }
    }
    best.say(draft);
    Ok(())
}

/// Seconds since 1970, or milliseconds, of this time (2001 to 2033).
fn is_epoch(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && matches!(
            (whole.len(), fraction.len()),
            (10, 1..=9) | (13, 0) | (10, 0)
        )
        && whole.starts_with('1')
        && time::any(text, &LogZone(None)).is_some()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A thread of Tomcat's or Jetty's: `http-nio-8090-exec-5`, `qtp123-45`.
fn is_thread(text: &str) -> bool {
    let (name, number) = text.rsplit_once('-').unwrap_or_default();
    is_number(number) && (name.contains("exec") || name.starts_with("qtp"))
}

/// What can be a login where one is expected.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .any(|b| b.is_ascii_alphabetic() || !b.is_ascii())
        && !text.ends_with(':')
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
