//! tar: v7, ustar, GNU and pax (POSIX.1-2017, `pax`, "ustar Interchange Format"). In: bytes in their order. Out: files with
//! name, place and length, and what was left out. Bounds: names and extended headers of [`EXTENDED`] bytes; every step
//! consumes a block of 512 bytes, so the time is linear whatever the bytes are.
//!
//! Behind a damaged header the next block whose sum is right goes on, as does what stands behind the marks of the end.

use super::bytes::Skip;
use super::{CUT, DAMAGED, NO_FILE, UNSUPPORTED};
use std::io;

/// Bytes of an extended header or long name that are read.
const EXTENDED: u64 = 1 << 20;
const BLOCK: usize = 512;

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A file; its bytes stand at `at`.
    File { name: Vec<u8>, at: u64, len: u64 },
    /// Something that is not read: code, and the name.
    Left(&'static str, Vec<u8>),
}

/// Goes through an archive.
pub(super) struct Tar<R> {
    read: R,
    /// Bytes consumed.
    at: u64,
    /// Bytes of the file under way and what fills its last block.
    left: (u64, u64),
    name: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
    /// Blocks are skipped until one is a header again.
    lost: bool,
    /// A mark of the end was seen, and nothing but zeros since.
    ended: bool,
    done: bool,
}

/// Whether a block is a header: its sum is right. Old programs summed signed bytes.
pub(super) fn is_header(block: &[u8]) -> bool {
    let Some(block) = block.get(..BLOCK) else {
        return false;
    };
    let Some(said) = block.get(148..156).and_then(number) else {
        return false;
    };
    let (mut sum, mut signed) = (0u64, 0i64);
    for (i, b) in block.iter().enumerate() {
        let b = if (148..156).contains(&i) { b' ' } else { *b };
        sum += u64::from(b);
        signed += i64::from(b.cast_signed());
    }
    block.first() != Some(&0) && (sum == said || u64::try_from(signed) == Ok(said))
}

/// An octal number with spaces or zeros around, or one of base 256; `None` where it is neither, negative, or too large.
fn number(field: &[u8]) -> Option<u64> {
    match field.split_first()? {
        (0x80, rest) => rest
            .iter()
            .try_fold(0u64, |n, b| n.checked_mul(256).map(|n| n | u64::from(*b))),
        (b, _) if *b >= 0x80 => None,
        _ => {
            let text: &[u8] = field.split(|b| *b == 0).next()?;
            let text = text.trim_ascii();
            text.iter().try_fold(0u64, |n, b| match b {
                b'0'..=b'7' => n.checked_mul(8)?.checked_add(u64::from(b - b'0')),
                _ => None,
            })
        }
    }
    .filter(|n| *n <= i64::MAX.cast_unsigned())
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

impl<R: Skip> Tar<R> {
    /// At the beginning of an archive.
    pub(super) fn new(read: R) -> Tar<R> {
        Tar {
            read,
            at: 0,
            left: (0, 0),
            name: None,
            size: None,
            sparse: false,
            lost: false,
            ended: false,
            done: false,
        }
    }

    /// The next file, or what is left out; `None` at the end.
    ///
    /// # Errors
    /// Where reading fails, also in a stream that is damaged: nothing follows.
    pub(super) fn next(&mut self) -> io::Result<Option<Event>> {
        while !self.done {
            let (content, padding) = std::mem::take(&mut self.left);
            let skip = content.saturating_add(padding);
            let gone = self.read.skip(skip)?;
            self.at = self.at.saturating_add(gone);
            if gone < content {
                self.done = true;
                return Ok(Some(Event::Left(CUT, Vec::new())));
            }
            let mut block = [0; BLOCK];
            let n = self.fill(&mut block)?;
            self.at += n as u64;
            if n < BLOCK {
                self.done = true;
                // behind the mark of the end anything may stand, also what fills no block
                let cut = !self.ended;
                return Ok(cut.then_some(Event::Left(CUT, Vec::new())));
            }
            if block.iter().all(|b| *b == 0) {
                self.ended = true;
                continue;
            }
            let ended = std::mem::take(&mut self.ended);
            if !is_header(&block) {
                self.ended = ended; // what stands behind the end is no member that was lost
                if !std::mem::replace(&mut self.lost, true) {
                    self.forget();
                    return Ok(Some(Event::Left(DAMAGED, Vec::new())));
                }
                continue;
            }
            self.lost = false;
            if let Some(event) = self.header(&block)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn forget(&mut self) {
        (self.name, self.size, self.sparse) = (None, None, false);
    }

    /// Bytes of the file that [`Tar::next`] gave.
    pub(super) fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.0).unwrap_or(usize::MAX);
        let most = most.min(out.len());
        let n = self.read.read(out.get_mut(..most).unwrap_or_default())?;
        self.left.0 -= n as u64;
        self.at += n as u64;
        Ok(n)
    }

    fn fill(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut n = 0;
        while let Some(free) = out.get_mut(n..).filter(|f| !f.is_empty()) {
            match self.read.read(free) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(n)
    }

    fn header(&mut self, block: &[u8; BLOCK]) -> io::Result<Option<Event>> {
        let kind = block[156];
        let padding = |len: u64| (BLOCK as u64 - len % BLOCK as u64) % BLOCK as u64;
        let said = number(&block[124..136]);
        if matches!(kind, b'L' | b'K' | b'x' | b'X' | b'g') {
            let Some(len) = said.filter(|len| *len <= EXTENDED) else {
                // A length that is none has no end to go to; one that is too long has.
                self.left = said.map_or((0, 0), |len| (len, padding(len)));
                self.forget();
                return Ok(Some(Event::Left(DAMAGED, Vec::new())));
            };
            self.left = (len, padding(len));
            let mut extended = Vec::new();
            let mut part = [0; 4096];
            loop {
                let n = self.read(&mut part)?;
                if n == 0 {
                    break;
                }
                extended.extend_from_slice(part.get(..n).unwrap_or_default());
            }
            match kind {
                b'L' => self.name = Some(text(&extended).to_vec()),
                b'x' | b'X' => self.extended(&extended),
                _ => {} // names of links; what holds for all files names none
            }
            return Ok(None);
        }
        let name = self.name.take().unwrap_or_else(|| {
            let name = text(&block[..100]);
            let prefix = text(&block[345..500]);
            if block[257..263] == *b"ustar\0" && !prefix.is_empty() {
                [prefix, b"/", name].concat()
            } else {
                name.to_vec()
            }
        });
        let size = self.size.take().or(said);
        let sparse = std::mem::take(&mut self.sparse);
        // old GNU sparse files: the map goes on in blocks before the content
        let mut more = kind == b'S' && block[482] != 0;
        while more {
            let mut map = [0; BLOCK];
            let n = self.fill(&mut map)?;
            self.at += n as u64;
            more = n == BLOCK && map[504] != 0;
        }
        let folder = name.last() == Some(&b'/');
        // Links and what is no file have no bytes, whatever their header says.
        match kind {
            b'5' => return Ok(None),
            b'1'..=b'6' => return Ok(Some(Event::Left(NO_FILE, name))),
            _ => {}
        }
        let Some(len) = size else {
            return Ok(Some(Event::Left(DAMAGED, name)));
        };
        self.left = (len, padding(len));
        Ok(match kind {
            b'0' | 0 | b'7' if sparse => Some(Event::Left(UNSUPPORTED, name)),
            b'0' | 0 if folder => None,
            b'0' | 0 | b'7' => Some(Event::File {
                name,
                at: self.at,
                len,
            }),
            b'V' => None, // the name of the volume
            _ => Some(Event::Left(UNSUPPORTED, name)),
        })
    }

    /// Records `LENGTH KEY=VALUE\n` of a pax header.
    fn extended(&mut self, mut bytes: &[u8]) {
        while let Some(space) = bytes.iter().position(|b| *b == b' ') {
            let len = bytes.get(..space).and_then(|n| std::str::from_utf8(n).ok());
            let len = len.and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
            let Some(record) = bytes.get(space + 1..len) else {
                return;
            };
            bytes = bytes.get(len..).unwrap_or_default();
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            let Some(equals) = record.iter().position(|b| *b == b'=') else {
                continue;
            };
            let (key, value) = record.split_at(equals);
            let value = value.get(1..).unwrap_or_default();
            match key {
                b"path" => self.name = Some(text(value).to_vec()),
                b"size" => {
                    let n = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok());
                    self.size = n.filter(|n| *n <= i64::MAX.cast_unsigned());
                }
                _ => self.sparse |= key.starts_with(b"GNU.sparse."),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::bytes::Bytes;
    use super::*;

    /// A header and the file's bytes.
    pub(in super::super) fn entry(name: &[u8], kind: u8, size: &[u8], data: &[u8]) -> Vec<u8> {
        let mut h = vec![0u8; 512];
        h[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
        h[124..124 + size.len()].copy_from_slice(size);
        h[156] = kind;
        h[257..263].copy_from_slice(b"ustar\0");
        h[148..156].fill(b' ');
        let sum: u64 = h.iter().map(|b| u64::from(*b)).sum();
        h[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        h.extend_from_slice(data);
        h.resize(h.len().next_multiple_of(512), 0);
        h
    }

    fn octal(n: usize) -> Vec<u8> {
        format!("{n:011o}\0").into_bytes()
    }

    fn all(bytes: &[u8]) -> Vec<(String, String)> {
        let mut tar = Tar::new(Bytes::memory(bytes.to_vec()).reader());
        let mut out = Vec::new();
        while let Some(event) = tar.next().unwrap() {
            out.push(match event {
                Event::File { name, .. } => {
                    let mut data = [0; 9];
                    let n = tar.read(&mut data).unwrap();
                    (
                        String::from_utf8(name).unwrap(),
                        String::from_utf8(data[..n].to_vec()).unwrap(),
                    )
                }
                Event::Left(code, name) => (code.to_owned(), String::from_utf8(name).unwrap()),
            });
        }
        out
    }

    fn own(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let own = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        list.iter().map(own).collect()
    }

    #[test]
    fn names_come_from_the_field_the_long_name_or_the_pax_header() {
        let end = vec![0; 1024];
        let long = entry(b"x", b'L', &octal(4), b"long");
        let pax = entry(b"x", b'x', &octal(22), b"12 path=pax\n10 size=3\n");
        let a = entry(b"a", b'0', &octal(1), b"A");
        let b = entry(b"b", b'0', &octal(1), b"BCD");
        let tar = [&a[..], &long, &b, &a, &pax, &b, &end].concat();
        let want = own(&[("a", "A"), ("long", "B"), ("a", "A"), ("pax", "BCD")]);
        assert_eq!(all(&tar), want);
    }

    #[test]
    fn the_map_of_an_old_sparse_file_is_no_content() {
        let end = vec![0; 1024];
        let mut sparse = entry(b"s", b'S', &octal(600), b"");
        sparse[482] = 1;
        sparse[148..156].fill(b' ');
        let sum: u64 = sparse[..512].iter().map(|b| u64::from(*b)).sum();
        sparse[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let (mut map, mut last) = (vec![0; 512], vec![0; 512]);
        (map[504], last[0]) = (1, b'0');
        // what it holds looks like a member
        let inner = [entry(b"inner", b'0', &octal(1), b"I"), vec![0; 512]].concat();
        let a = entry(b"a", b'0', &octal(1), b"A");
        let tar = [&sparse[..], &map, &last, &inner[..1024], &a, &end].concat();
        let want = own(&[(UNSUPPORTED, "s"), ("a", "A")]);
        assert_eq!(all(&tar), want);
    }

    #[test]
    fn sizes_that_are_none_and_sums_that_are_wrong_cost_one_member() {
        let end = vec![0; 1024];
        let a = entry(b"a", b'0', &octal(1), b"A");
        let negative = entry(b"n", b'0', &[0xff; 12], b"");
        let huge = entry(
            b"h",
            b'0',
            b"\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            b"",
        );
        let mut wrong = entry(b"w", b'0', &octal(1), b"W");
        wrong[0] = b'v';
        let tar = [&a[..], &negative, &a, &huge, &a, &wrong, &a, &end].concat();
        let want = own(&[
            ("a", "A"),
            (DAMAGED, "n"),
            ("a", "A"),
            (DAMAGED, "h"),
            ("a", "A"),
            (DAMAGED, ""),
            ("a", "A"),
        ]);
        assert_eq!(all(&tar), want);
        let large = entry(b"l", b'0', b"\x80\0\0\0\0\0\0\0\0\0\0\x01", b"L");
        assert_eq!(all(&[&large[..], &end].concat()), own(&[("l", "L")]));
    }

    #[test]
    fn links_have_no_bytes_and_the_end_is_told() {
        let a = entry(b"a", b'0', &octal(1), b"A");
        let link = entry(b"s", b'2', &octal(512), b"");
        let folder = entry(b"d/", b'5', &octal(0), b"");
        let tar = [&folder[..], &link, &a].concat();
        // no mark of the end: the rest may be missing
        assert_eq!(all(&tar), own(&[(NO_FILE, "s"), ("a", "A"), (CUT, "")]));
        assert_eq!(all(&tar[..tar.len() - 512]).last().unwrap().0, CUT);
        // bytes behind the end fill no block
        let behind = [&a[..], &[0; 1024], b"\n"].concat();
        assert_eq!(all(&behind), own(&[("a", "A")]));
        // two archives, one behind the other
        let two = [&a[..], &[0; 1024], &a, &[0; 1024]].concat();
        assert_eq!(all(&two), own(&[("a", "A"), ("a", "A")]));
    }
}
