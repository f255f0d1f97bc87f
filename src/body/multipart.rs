//! Parts of a multipart body (RFC 2046, RFC 7578), forgiving: bare line feeds, no final line, a preamble, parts that were cut.
//! In: content; the boundary is read from it, so that the same bytes always have the same parts. Out: ranges of each part's head
//! and body. Bounds: one pass; [`PARTS`] parts, a head up to [`HEAD`] bytes.

use std::ops::Range;

/// Parts told apart; what follows belongs to the last.
const PARTS: usize = 10_000;
/// Longest head of a part.
const HEAD: usize = 16 << 10;
/// Longest boundary (RFC 2046 section 5.1.1 allows 70, clients write more).
const BOUNDARY: usize = 250;

/// A part; ranges are in the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Header lines.
    pub head: Range<usize>,
    /// What follows them, without the line end before the next boundary.
    pub body: Range<usize>,
}

impl Part {
    /// Value of a header, folds undone.
    pub fn header(&self, content: &[u8], name: &str) -> Option<String> {
        let head = content.get(self.head.clone())?;
        let mut found: Option<Vec<u8>> = None;
        for line in head.split(|b| *b == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(v) = &mut found {
                if !line.starts_with(b" ") && !line.starts_with(b"\t") {
                    break;
                }
                v.push(b' ');
                v.extend_from_slice(line.trim_ascii());
                continue;
            }
            let Some(at) = memchr::memchr(b':', line) else {
                continue;
            };
            let (n, v) = line.split_at(at);
            if n.trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
                found = Some(v.get(1..).unwrap_or_default().trim_ascii().to_vec());
            }
        }
        found.map(|v| String::from_utf8_lossy(&v).into_owned())
    }
    /// Media type, lower case, without parameters.
    pub fn media(&self, content: &[u8]) -> Option<String> {
        let v = self.header(content, "content-type")?.to_ascii_lowercase();
        let v = v.split(';').next().unwrap_or_default().trim();
        (!v.is_empty()).then(|| v.to_owned())
    }
    /// Name of the form field.
    pub fn name(&self, content: &[u8]) -> Option<String> {
        self.param(content, "content-disposition", "name")
    }
    /// Whether it is a file: it has a file name, also an empty one.
    pub fn file(&self, content: &[u8]) -> bool {
        ["filename", "filename*"]
            .iter()
            .any(|p| self.param(content, "content-disposition", p).is_some())
    }
    /// A parameter of a header, quotes undone.
    fn param(&self, content: &[u8], header: &str, name: &str) -> Option<String> {
        let v = self.header(content, header)?;
        params(&v)
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
    }
    /// Body with base64 undone, where its head says that it is in that; `None` where it is as it stands.
    pub fn decoded(&self, content: &[u8]) -> Option<Vec<u8>> {
        let how = self.header(content, "content-transfer-encoding")?;
        if !how.eq_ignore_ascii_case("base64") {
            return None;
        }
        base64(content.get(self.body.clone())?)
    }
}

/// `name=value` pairs behind a header's first `;`, quoted strings undone.
fn params(v: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = v.split_once(';').map_or("", |(_, r)| r);
    while out.len() < 32 {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let Some((name, after)) = rest.split_once('=') else {
            return out;
        };
        let after = after.trim_start();
        let mut value = String::new();
        if let Some(q) = after.strip_prefix('"') {
            let mut end = q.len();
            let mut escaped = false;
            for (i, c) in q.char_indices() {
                match c {
                    // browsers escape the quote alone: a backslash is a character of a path
                    '\\' if !escaped
                        && q.get(i + 1..).is_some_and(|r| r.starts_with(['"', '\\'])) =>
                    {
                        escaped = true;
                        continue;
                    }
                    '"' if !escaped => {
                        end = i + 1;
                        break;
                    }
                    c => value.push(c),
                }
                escaped = false;
            }
            rest = q.get(end..).unwrap_or("");
        } else {
            let end = after.find(';').unwrap_or(after.len());
            value = after.get(..end).unwrap_or("").trim().to_owned();
            rest = after.get(end..).unwrap_or("");
        }
        out.push((name.trim().to_owned(), value));
    }
    out
}

fn base64(body: &[u8]) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let plain: Vec<u8> = body
        .iter()
        .filter(|b| !b.is_ascii_whitespace() && **b != b'=')
        .copied()
        .collect();
    base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(plain)
        .ok()
}

/// The line that divides the parts: the first that begins with `--` and comes again, else the first that begins so.
pub fn boundary(content: &[u8]) -> Option<&[u8]> {
    let mut first = None;
    let mut at = 0;
    let mut tries = 0;
    while at < content.len() && tries < 16 {
        let rest = content.get(at..).unwrap_or_default();
        let n = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..n).unwrap_or_default().trim_ascii_end();
        at += n + 1;
        if !line.starts_with(b"--") || !(3..=BOUNDARY).contains(&line.len()) {
            if first.is_none() && at > HEAD {
                return None;
            }
            continue;
        }
        tries += 1;
        let line = line
            .strip_suffix(b"--")
            .filter(|l| l.len() > 2)
            .unwrap_or(line);
        let after = content.get(at..).unwrap_or_default();
        if memchr::memmem::find(after, line).is_some() {
            return Some(line);
        }
        first = first.or(Some(line));
    }
    first
}

/// Parts in order.
pub fn parts(content: &[u8]) -> Parts<'_> {
    let boundary = boundary(content).unwrap_or_default();
    let mut p = Parts {
        content,
        finder: memchr::memmem::Finder::new(boundary).into_owned(),
        len: boundary.len(),
        at: content.len(),
        left: PARTS,
    };
    if p.len > 0 {
        p.at = p.delimiter(0).map_or(content.len(), |d| d.end);
    }
    p
}

/// See [`parts`].
pub struct Parts<'a> {
    content: &'a [u8],
    finder: memchr::memmem::Finder<'static>,
    len: usize,
    at: usize,
    left: usize,
}

impl Parts<'_> {
    /// The next boundary at the beginning of a line: from the line end before it to its own end.
    fn delimiter(&self, from: usize) -> Option<Range<usize>> {
        let mut at = from;
        loop {
            let n = self.finder.find(self.content.get(at..)?)?;
            let start = at + n;
            let end = start + self.len;
            let begins = start == 0 || self.content.get(start - 1) == Some(&b'\n');
            // a longer boundary that begins with this one is another (parts inside parts)
            let ends = matches!(
                self.content.get(end),
                None | Some(b'\r' | b'\n' | b' ' | b'\t' | b'-')
            );
            if begins && ends {
                let mut before = start.saturating_sub(1);
                if before > 0 && self.content.get(before - 1) == Some(&b'\r') {
                    before -= 1;
                }
                return Some(before..end);
            }
            at = end;
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = Part;
    fn next(&mut self) -> Option<Part> {
        if self.at >= self.content.len() || self.left == 0 {
            return None;
        }
        self.left -= 1;
        let rest = self.content.get(self.at..)?;
        if rest.starts_with(b"--") {
            self.at = self.content.len();
            return None;
        }
        // behind the boundary the line ends
        let line = memchr::memchr(b'\n', rest).map_or(rest.len(), |n| n + 1);
        let start = self.at + line;
        let next = if self.left == 0 {
            None
        } else {
            self.delimiter(start.saturating_sub(1).max(self.at))
        };
        let end = next
            .as_ref()
            .map_or(self.content.len(), |d| d.start)
            .max(start);
        self.at = next.map_or(self.content.len(), |d| d.end);
        let whole = self.content.get(start..end).unwrap_or_default();
        let head = head_end(whole);
        Some(Part {
            head: start..start + head.start,
            body: start + head.end..end,
        })
    }
}

/// Length of a head with the empty line behind it; the whole where there is none.
pub fn blank(s: &[u8]) -> usize {
    let look = s.get(..HEAD).unwrap_or(s);
    let crlf = memchr::memmem::find(look, b"\r\n\r\n").map(|n| n + 4);
    let lf = memchr::memmem::find(look, b"\n\n").map(|n| n + 2);
    match (crlf, lf) {
        (Some(a), Some(b)) => a.min(b),
        (Some(n), None) | (None, Some(n)) => n,
        (None, None) => s.len(),
    }
}

/// Where a part's head ends and its body begins. A part without an empty line is all body unless it looks like headers.
fn head_end(part: &[u8]) -> Range<usize> {
    let look = part.get(..HEAD).unwrap_or(part);
    let mut at = 0;
    while at < look.len() {
        let rest = look.get(at..).unwrap_or_default();
        let Some(n) = memchr::memchr(b'\n', rest) else {
            break;
        };
        let line = rest.get(..n).unwrap_or_default().trim_ascii_end();
        if line.is_empty() {
            return at..at + n + 1;
        }
        if !line.contains(&b':') && !rest.starts_with(b" ") && !rest.starts_with(b"\t") {
            return 0..0;
        }
        at += n + 1;
    }
    if at > 0 || look.len() < part.len() {
        at..at
    } else if look.contains(&b':') && memchr::memmem::find(look, b"ontent-").is_some() {
        part.len()..part.len()
    } else {
        0..0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str) -> Vec<(Option<String>, String)> {
        let c = content.as_bytes();
        parts(c)
            .map(|p| {
                let body = c[p.body.clone()].to_vec();
                (p.name(c), String::from_utf8(body).unwrap())
            })
            .collect()
    }
    fn want(list: &[(&str, &str)]) -> Vec<(Option<String>, String)> {
        list.iter()
            .map(|(n, b)| ((!n.is_empty()).then(|| n.to_string()), b.to_string()))
            .collect()
    }

    #[test]
    fn parts_as_clients_write_them() {
        let plain = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\ncontent-disposition: form-data; name=b\r\n\r\n\r\n--x--\r\n";
        assert_eq!(read(plain), want(&[("a", "1"), ("b", "")]));
        // bare line feeds, a preamble, no end
        let bare = "preamble\n--x\nContent-Disposition: form-data;\n name=\"a\"\n\nl1\nl2\n--x\nContent-Disposition: form-data; name=\"b\"\n\ncut";
        assert_eq!(read(bare), want(&[("a", "l1\nl2"), ("b", "cut")]));
        // the boundary inside a line, or longer, divides nothing
        let inside = "--x\r\n\r\nsay --x\r\n--xy\r\n--x\r\n\r\nz\r\n--x--";
        assert_eq!(read(inside), want(&[("", "say --x\r\n--xy"), ("", "z")]));
        // quoted names keep semicolons and escapes
        let odd = "--x\r\nContent-Disposition: form-data; filename=\"a;b\\\"c\\d.txt\"; name=\"n;m\"\r\n\r\n1\r\n--x--";
        assert_eq!(read(odd), want(&[("n;m", "1")]));
        assert!(parts(odd.as_bytes()).next().unwrap().file(odd.as_bytes()));
        for junk in [
            "",
            "--",
            "--x",
            "--x--",
            "--x\r\n",
            "--x\r\n--x\r\n--x",
            "\n\n--a\n:\n",
            "--\r\n--\r\n--",
        ] {
            let _ = read(junk);
        }
    }

    #[test]
    fn base64_is_undone() {
        let c = b"--x\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVs\r\nbG8=\r\n--x\r\n\r\naGVsbG8=\r\n--x--";
        let got: Vec<Option<Vec<u8>>> = parts(c).map(|p| p.decoded(c)).collect();
        assert_eq!(got, [Some(b"hello".to_vec()), None]);
    }

    #[test]
    fn many_boundaries_cost_linear_time() {
        let line = "--x\n";
        let t = std::time::Instant::now();
        let n = parts(line.repeat(500_000).as_bytes()).count();
        assert_eq!(n, PARTS);
        let many: String = (0..200_000).map(|i| format!("--{i}\n")).collect();
        let _ = parts(many.as_bytes()).count();
        assert!(t.elapsed().as_secs() < 20);
    }
}
