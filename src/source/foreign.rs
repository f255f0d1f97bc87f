//! Captures in formats of other tools, and databases, which are not read. In: a file's first bytes. Out: what it is and what to do. Bounds: none
//! needed.

/// How files of a format begin, and what it is called.
const FORMATS: &[(&[u8], &str)] = &[
    (b"XCP\0", "NetXRay and Sniffer for Windows"),
    (b"VL\0\0", "NetXRay 1.0"),
    (b"TRSNIFF data    \x1a", "Sniffer for DOS"),
    (b"\x00\x00\x02\x00\x12\x05\x00\x10", "Tektronix K12 (rf5)"),
    (
        b"+---------+---------------+----------+",
        "Tektronix K12 (text)",
    ),
    (b"\x01\x10\x4c\x00", "Novell LANalyzer"),
    (b"\x7fver", "EtherPeek and OmniPeek"),
    (b"\x05VNF", "Visual Networks"),
    (b"ObserverPktBuffe", "Viavi Observer"),
    (b"\xaa\xaa\xaa\xaa\x20\x00\x00\x00", "InfoVista 5View"),
    (b"TR\x00\x64\x00", "HP-UX nettl"),
    (b"btsnoop\0", "Bluetooth btsnoop"),
];

/// How a database of SQLite begins: a case is one.
const DATABASE: &[u8] = b"SQLite format 3\0";

/// Why a file that begins so is refused; `None` where it is in none of these formats.
pub(super) fn refused(begin: &[u8]) -> Option<String> {
    if begin.starts_with(DATABASE) {
        return Some(
            "an SQLite database, and no evidence: a case is opened with `--case FILE`".to_owned(),
        );
    }
    let (_, name) = FORMATS.iter().find(|(magic, _)| begin.starts_with(magic))?;
    Some(format!(
        "a capture in the format of {name}, which is not read: convert it with `editcap -F pcapng FILE FILE.pcapng`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::log::Formats;

    #[test]
    fn formats_that_are_read_are_no_foreign_ones() {
        assert!(refused(b"XCP\x00002").is_some_and(|w| w.contains("Sniffer for Windows")));
        assert!(refused(b"SQLite format 3\0\x10\0").is_some_and(|w| w.contains("--case")));
        for (magic, name) in FORMATS {
            let kind = crate::source::kind_of(magic, &Formats::default());
            assert_eq!(kind, None, "{name}");
        }
        for text in ["XCP is a word", "RTS", "127.0.0.1 - - [", "{\"a\":1}"] {
            assert_eq!(refused(text.as_bytes()), None);
        }
    }
}
