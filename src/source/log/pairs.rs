//! Lines of `key=value` pairs, quotes around values with spaces (logfmt, lograge, Heroku's router, Fortinet's), spaces, tabs (LEEF,
//! Splunk's) or commas (F5's) between, and ArcSight's CEF. In: a line. Out: its pairs.
//! Bounds: [`PAIRS`] pairs; linear in the line.

use super::best::Best;
use super::draft::{Draft, Meaning, Slot, address};
use super::names;
use super::pattern::unescape;
use super::pieces::unbracketed;
use super::stamps::stamps;
use super::time;
use super::{LogZone, NoCall};
use std::borrow::Cow;

/// Pairs of a line that are looked at.
const PAIRS: usize = 256;
/// Bytes of a value in single quotes or brackets.
const ENCLOSED: usize = 8192;

/// What stands between pairs, by what is before most keys: a tab or a comma where these are no fewer than spaces.
fn between(line: &[u8]) -> u8 {
    let word = |b: &u8| b.is_ascii_alphanumeric() || b"_.-".contains(b) || *b >= 0x80;
    let (mut spaces, mut tabs, mut commas) = (0usize, 0usize, 0usize);
    let mut from = 0;
    for at in memchr::memchr_iter(b'=', line) {
        let piece = line.get(from..at).unwrap_or_default();
        let key = piece.iter().rev().take_while(|b| word(b)).count();
        let before = piece.len().checked_sub(key + 1).and_then(|n| piece.get(n));
        match before {
            _ if key == 0 => {}
            Some(b' ') => spaces += 1,
            Some(b'\t') => tabs += 1,
            Some(b',') => commas += 1,
            _ => {}
        }
        from = at;
    }
    match () {
        () if tabs >= 2 && tabs >= spaces => b'\t',
        () if commas >= 2 && commas > spaces => b',',
        () => b' ',
    }
}

/// Whether a line is of ArcSight's format, whose values have spaces and no quotes.
fn is_cef(line: &[u8]) -> bool {
    let head = line.get(..line.len().min(160)).unwrap_or_default();
    memchr::memmem::find(head, b"CEF:").is_some()
}

/// Bytes of a value without quotes that goes on up to the next key.
fn up_to_key(value: &[u8]) -> usize {
    let word = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
    for at in memchr::memchr_iter(b'=', value) {
        let before = value.get(..at).unwrap_or_default();
        let key = before.iter().rev().take_while(|b| word(b)).count();
        let space = before.len().checked_sub(key + 1);
        if key > 0
            && let Some(n) = space.filter(|n| before.get(*n) == Some(&b' '))
        {
            return n;
        }
    }
    value.len()
}

/// Pairs in order, with the place of each value.
fn pairs(line: &[u8]) -> impl Iterator<Item = (usize, &[u8], Cow<'_, str>)> {
    let (mut at, between, cef) = (0, between(line), is_cef(line));
    std::iter::from_fn(move || {
        loop {
            let rest = line.get(at..)?;
            let skip = rest.iter().take_while(|b| **b == between).count();
            let rest = rest.get(skip..).filter(|r| !r.is_empty())?;
            let start = at + skip;
            let end = memchr::memchr2(b'=', between, rest).unwrap_or(rest.len());
            let key = rest.get(..end).unwrap_or_default();
            if rest.get(end) != Some(&b'=') || key.is_empty() {
                at = start + end + 1;
                continue; // a word on its own
            }
            // what stands before the first of them
            let key = match between {
                b' ' => key,
                _ => key.rsplit(|b| b" |".contains(b)).next().unwrap_or(key),
            };
            // behind the head of ArcSight's
            let key = match cef {
                true => key.rsplit(|b| *b == b'|').next().unwrap_or(key),
                // the first field of a span of tracing's: `request{method=GET`
                false => key.rsplit(|b| *b == b'{').next().unwrap_or(key),
            };
            let place = start + end + 1;
            let value = line.get(place..).unwrap_or_default();
            if let Some(inner) = value.strip_prefix(b"\"") {
                let mut close = 0;
                while let Some(n) =
                    memchr::memchr2(b'"', b'\\', inner.get(close..).unwrap_or_default())
                {
                    close += n;
                    if inner.get(close) == Some(&b'"') {
                        break;
                    }
                    close += 2;
                }
                let close = close.min(inner.len());
                at = place + close + 2;
                let value = unescape(inner.get(..close).unwrap_or_default());
                return Some((place, key, unhidden(value, cef)));
            }
            if let Some(len) = enclosed(value, between) {
                at = place + len;
                let inner = value.get(1..len - 1).unwrap_or_default();
                return Some((place, key, unescape(inner)));
            }
            let len = match cef {
                true => up_to_key(value),
                false => memchr::memchr(between, value).unwrap_or(value.len()),
            };
            at = place + len;
            let value = match unescape(value.get(..len).unwrap_or_default()) {
                Cow::Borrowed(text) => Cow::Borrowed(unbracketed(text)),
                text => text,
            };
            return Some((place, key, unhidden(value, cef)));
        }
    })
}

/// ArcSight's escapes what would end a key.
fn unhidden(value: Cow<'_, str>, cef: bool) -> Cow<'_, str> {
    match cef && value.contains("\\=") {
        true => Cow::Owned(value.replace("\\=", "=")),
        false => value,
    }
}

/// Bytes of a value in single quotes or brackets, which has what stands between pairs in it.
fn enclosed(value: &[u8], between: u8) -> Option<usize> {
    let close = match value.first()? {
        b'\'' => b'\'',
        b'[' => b']',
        _ => return None,
    };
    let within = value.get(..value.len().min(ENCLOSED))?;
    let mut ends = memchr::memchr_iter(close, within).skip(usize::from(close == b'\''));
    let end = ends.find(|n| value.get(n + 1).is_none_or(|b| *b == between))?;
    Some(end + 1)
}

/// The time that a line begins with, before its pairs: one word or two.
fn begins(line: &[u8]) -> Option<&str> {
    let head = line.get(..line.len().min(64)).unwrap_or_default();
    let head = head.utf8_chunks().next().map_or("", |c| c.valid());
    // Ruby's logger: `I, [2026-03-01T02:00:00.123456 #42]  INFO -- : `
    if let Some((severity, rest)) = head.split_once(", [")
        && severity.len() == 1
        && let Some((text, _)) = rest.split_once(" #")
    {
        return time::any(text, &LogZone(None)).map(|_| text);
    }
    let ends = head.match_indices([' ', '\t']).map(|(at, _)| at);
    let ends: Vec<usize> = ends.take(2).collect();
    let texts = ends.iter().rev().filter_map(|end| head.get(..*end));
    let found = texts
        .map(|t| t.trim_matches(['[', ']']))
        .find(|t| !t.contains('=') && t.len() >= 10 && time::any(t, &LogZone(None)).is_some());
    // behind the day of the week, or a mark of the writer's; syslog's is unwrapped before
    found.or_else(|| {
        // a priority before a time that syslog does not have
        let head = match head.strip_prefix('<') {
            Some(rest) => rest.split_once('>')?.1.trim_start(),
            None => head,
        };
        let priority = line.starts_with(b"<");
        let first = stamps(head).into_iter().next();
        let first = first.filter(|s| !priority || s.text.contains('/'));
        let first =
            first.filter(|s| s.at <= 8 && !head.get(..s.at).is_some_and(|b| b.contains('=')));
        first.map(|s| s.text)
    })
}

/// What other pairs say that a pair is called: `cn1=200 cn1Label=response_code`.
fn labels(line: &[u8]) -> Vec<(&[u8], Cow<'_, str>)> {
    const LABEL: &[u8] = b"Label";
    if memchr::memmem::find(line, b"Label=").is_none() {
        return Vec::new();
    }
    let all = pairs(line).take(PAIRS);
    all.filter_map(|(_, key, name)| Some((key.strip_suffix(LABEL)?, name)))
        .collect()
}

/// A span whose unit is a word of its own: `latency=23 ms`.
fn spaced(line: &[u8], at: usize, name: &str, value: &str) -> Option<String> {
    super::spans::span(name)?;
    let number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let rest = line.get(at.checked_add(value.len())?..)?;
    let word = rest.strip_prefix(b" ")?.split(|b| *b == b' ').next()?;
    let unit = std::str::from_utf8(word).ok()?;
    let unit = matches!(unit, "ms" | "us" | "µs" | "μs" | "ns" | "s").then_some(unit)?;
    number.then(|| format!("{value}{unit}"))
}

/// Headers of a whole request in a value, its ends of lines written out.
fn head(value: &str) -> Vec<(&'static str, String)> {
    const NAMES: [(&str, &str); 3] = [
        ("host", "httphost"),
        ("user-agent", "useragent"),
        ("referer", "referer"),
    ];
    let value = value.replace("\\r\\n", "\n");
    let lines = value.split('\n').skip(1).map(|l| l.trim_end_matches('\r'));
    let heads = lines.take_while(|l| !l.is_empty());
    let known = heads.filter_map(|l| {
        let (name, text) = l.split_once(':')?;
        let (_, known) = NAMES.iter().find(|(n, _)| name.eq_ignore_ascii_case(n))?;
        Some((*known, text.trim().to_owned()))
    });
    known.take(NAMES.len()).collect()
}

/// Whether a line says that a request came, where another will say how it ended (tracing's spans).
fn only_begins(line: &[u8]) -> bool {
    const SAY: [&[u8]; 4] = [
        b"started processing request",
        b"request started",
        b"request_started",
        b"Request starting",
    ];
    SAY.iter().any(|s| memchr::memmem::find(line, s).is_some())
}

/// What a line says, by a mapping or by the usual names. `sure` wants all that makes a request by those.
pub fn read<'a>(
    line: &'a [u8],
    fields: &'a [(String, Meaning)],
    sure: bool,
    draft: &mut Draft<'a>,
) -> Result<(), NoCall> {
    if line.trim_ascii().is_empty() {
        return Err(NoCall::Blank);
    }
    let (mut best, mut n, mut name) = (Best::default(), 0, String::new());
    let labels = labels(line);
    for (at, key, value) in pairs(line).take(PAIRS) {
        n += 1;
        if !fields.is_empty() {
            if let Some((_, m)) = fields.iter().find(|(k, _)| k.as_bytes() == key) {
                draft.put(m, value, at);
            }
            continue;
        }
        name.clear();
        let label = labels.iter().find(|(of, _)| *of == key);
        let called = label.map_or_else(|| crate::call::text::lossless(key), |(_, l)| l.clone());
        names::fold(&called, &mut name);
        // Fortinet's writes heads into one value: `Method=GET|User-Agent=curl/8`
        if name == "rawdata" {
            for (key, value) in value.split('|').filter_map(|p| p.split_once('=')) {
                name.clear();
                names::fold(key, &mut name);
                best.take(&name, at, || Some(Cow::Owned(value.to_owned())));
            }
            continue;
        }
        // of mails, of pages, of a range: who asked is an address
        if name == "from" {
            if address(&value).0.is_some() {
                best.take("remoteaddr", at, || Some(value));
            }
            continue;
        }
        if let Some(text) = spaced(line, at, &name, &value) {
            best.take(&name, at, || Some(Cow::Owned(text)));
            continue;
        }
        if name == "request" {
            for (known, text) in head(&value) {
                best.take(known, at, || Some(Cow::Owned(text)));
            }
        }
        best.take(&name, at, || Some(value));
    }
    if n < 3 {
        return Err(NoCall::unfit("key=value pairs", 0));
    }
    if fields.is_empty() {
        // the writer's own time, where no pair tells any
        if let Some(text) = begins(line) {
            best.take("time", 0, || Some(text.into()));
        }
        let all = best.is_request() && best.has(Slot::Status) && best.has(Slot::Src);
        if sure && !all {
            return Err(NoCall::unfit("a request, its status and who asked", 0));
        }
        best.host(true);
        // the line of its answer tells it again, with all that this one lacks
        if !best.has(Slot::Status) && !best.has(Slot::Duration) && only_begins(line) {
            return Err(NoCall::NoRequest);
        }
        // programs of all kinds write pairs, with a `path` among them
        if !best.is_call() {
            return Err(NoCall::NoRequest);
        }
        best.say(draft);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let mut draft = Draft::new(false);
        if let Err(e) = read(line.as_bytes(), &[], false, &mut draft) {
            return format!("{e:?}");
        }
        let Ok(c) = draft.finish(&LogZone(None), None) else {
            return "no call".to_owned();
        };
        let text = |t: Option<String>| t.unwrap_or_else(|| "-".to_owned());
        let (method, uri) = (text(c.method), text(c.uri));
        let status = c.status.map_or(0, i64::from);
        format!(
            "{method} {uri} {status} {} {}",
            text(c.user),
            c.ts / 1_000_000_000
        )
    }

    #[test]
    fn values_in_brackets_and_single_quotes_are_whole() {
        for (line, want) in [
            (
                r#"ts=[01/Mar/2026:02:00:00 +0000] ip=10.0.0.1 verb=GET path=/a qs=b=1&c=2 code=200"#,
                "GET /a?b=1&c=2 200 - 1772330400",
            ),
            (
                "2026-03-01T02:00:00Z [info     ] request_finished  code=404 ip=10.0.0.1 request='GET /a?b=1' user_id=None",
                "GET /a?b=1 404 - 1772330400",
            ),
            // no end: a letter like any other
            (
                "time=2026-03-01T02:00:00Z method=GET path=/a status=200 note='a b=[c",
                "GET /a 200 - 1772330400",
            ),
        ] {
            assert_eq!(told(line), want, "{line}");
        }
    }

    #[test]
    fn labels_name_what_stands_elsewhere_and_escapes_end() {
        let line = r"Mar  1 02:00:00 b CEF:0|F5|ASM|15|2|x|5|cs1=/p cs1Label=policy_name src=10.0.0.1 requestMethod=GET cn1=403 cn1Label=response_code rt=Mar 01 2026 02:00:00 request=/a?x\=1 suser=amy";
        assert_eq!(told(line), "GET /a?x=1 403 amy 1772330400");
        // the host stands before the target, in quotes
        let line = r#"CEF:0|Palo Alto Networks|PAN-OS|10|url|THREAT|1|rt=Mar 01 2026 02:00:00 GMT src=10.0.0.1 suser=amy request="api.example/a?x\=1" requestMethod=get"#;
        assert_eq!(told(line), "GET /a?x=1 0 amy 1772330400");
    }

    #[test]
    fn a_time_stands_behind_the_day_of_the_week() {
        let line = "Sun Mar  1 02:00:00 2026\treason=Allowed\trequestmethod=GET\tstatus=200\tuser=amy\turl=/a?b=1";
        assert_eq!(told(line), "GET /a?b=1 200 amy 1772330400");
    }
}
