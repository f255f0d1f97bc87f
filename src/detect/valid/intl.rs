//! International numbers: IBAN (ISO 13616), US social security number, E.164 telephone, e-mail. In: bytes. Out: whether they can be one.
//! Bounds: constant, or linear in a short value.

/// Length of an IBAN by country, from the registry.
fn iban_len(cc: &[u8]) -> Option<usize> {
    const TABLE: &[(&str, usize)] = &[
        ("AD", 24),
        ("AE", 23),
        ("AL", 28),
        ("AT", 20),
        ("AZ", 28),
        ("BA", 20),
        ("BE", 16),
        ("BG", 22),
        ("BH", 22),
        ("BI", 27),
        ("BR", 29),
        ("BY", 28),
        ("CH", 21),
        ("CR", 22),
        ("CY", 28),
        ("CZ", 24),
        ("DE", 22),
        ("DJ", 27),
        ("DK", 18),
        ("DO", 28),
        ("EE", 20),
        ("EG", 29),
        ("ES", 24),
        ("FI", 18),
        ("FK", 18),
        ("FO", 18),
        ("FR", 27),
        ("GB", 22),
        ("GE", 22),
        ("GI", 23),
        ("GL", 18),
        ("GR", 27),
        ("GT", 28),
        ("HN", 28),
        ("HR", 21),
        ("HU", 28),
        ("IE", 22),
        ("IL", 23),
        ("IQ", 23),
        ("IS", 26),
        ("IT", 27),
        ("JO", 30),
        ("KW", 30),
        ("KZ", 20),
        ("LB", 28),
        ("LC", 32),
        ("LI", 21),
        ("LT", 20),
        ("LU", 20),
        ("LV", 21),
        ("LY", 25),
        ("MC", 27),
        ("MD", 24),
        ("ME", 22),
        ("MK", 19),
        ("MN", 20),
        ("MR", 27),
        ("MT", 31),
        ("MU", 30),
        ("NI", 28),
        ("NL", 18),
        ("NO", 15),
        ("OM", 23),
        ("PK", 24),
        ("PL", 28),
        ("PS", 29),
        ("PT", 25),
        ("QA", 29),
        ("RO", 24),
        ("RS", 22),
        ("RU", 33),
        ("SA", 24),
        ("SC", 31),
        ("SD", 18),
        ("SE", 24),
        ("SI", 19),
        ("SK", 24),
        ("SM", 27),
        ("SO", 23),
        ("ST", 25),
        ("SV", 28),
        ("TL", 23),
        ("TN", 24),
        ("TR", 26),
        ("UA", 29),
        ("VA", 22),
        ("VG", 24),
        ("XK", 20),
        ("YE", 30),
    ];
    TABLE
        .iter()
        .find(|(c, _)| c.as_bytes() == cc)
        .map(|(_, n)| *n)
}

/// IBAN without blanks, upper case.
pub fn iban(d: &[u8]) -> bool {
    let (Some(cc), Some(check)) = (d.get(..2), d.get(2..4)) else {
        return false;
    };
    if iban_len(cc) != Some(d.len()) || !check.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let rest = d.get(4..).unwrap_or(b"");
    mod97(rest.iter().chain(cc).chain(check).copied()) == Some(1)
}

/// ISO 7064 mod 97 of letters (A = 10) and digits; `None` for other bytes.
pub fn mod97(chars: impl Iterator<Item = u8>) -> Option<u32> {
    let mut n = 0u32;
    for b in chars {
        n = match b {
            b'0'..=b'9' => (n * 10 + u32::from(b - b'0')) % 97,
            b'A'..=b'Z' => (n * 100 + u32::from(b - b'A') + 10) % 97,
            _ => return None,
        };
    }
    Some(n)
}

/// Social security number of nine digits: area not 000, 666, 9xx; group not 00; serial not 0000; not one of the numbers printed in advertisements.
pub fn ssn(d: &[u8]) -> bool {
    if d.len() != 9 || !d.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let part = |r: std::ops::Range<usize>| d.get(r).unwrap_or(b"");
    let area = part(0..3);
    area != b"000"
        && area != b"666"
        && d.first() != Some(&b'9')
        && part(3..5) != b"00"
        && part(5..9) != b"0000"
        && !matches!(d, b"078051120" | b"219099999" | b"123456789" | b"111111111")
}

/// Whether digits after a `+` begin with a country calling code and have a length that E.164 allows.
pub fn e164(d: &[u8]) -> bool {
    if !(8..=15).contains(&d.len()) || !d.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let two = d.get(..2).and_then(super::date::two).unwrap_or(0);
    match d.first() {
        // North America: eleven digits, area and exchange begin with 2 to 9
        Some(b'1') => {
            d.len() == 11
                && matches!(d.get(1), Some(b'2'..=b'9'))
                && matches!(d.get(4), Some(b'2'..=b'9'))
        }
        Some(b'7') => d.len() == 11,
        Some(b'0') | None => false,
        _ => !matches!(two, 28 | 83 | 89) && d.len() >= 9,
    }
}

/// Whether text is an e-mail address: one `@`, a plain local part, a domain with labels and an alphabetic top level that is no file suffix.
pub fn email(v: &[u8]) -> bool {
    if v.len() > 254 {
        return false;
    }
    let Some(at) = memchr::memchr(b'@', v) else {
        return false;
    };
    let (local, domain) = (v.get(..at).unwrap_or(b""), v.get(at + 1..).unwrap_or(b""));
    let local_ok = !local.is_empty()
        && local.len() <= 64
        && local.first() != Some(&b'.')
        && local.last() != Some(&b'.')
        && local.iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'.' | b'_' | b'-' | b'+' | b'\'' | b'=' | b'&' | b'~' | b'!'
                )
                || *b >= 0x80
        });
    if !local_ok || local == b"git" {
        return false;
    }
    let mut labels = 0;
    let mut top: &[u8] = b"";
    for label in domain.split(|b| *b == b'.') {
        let ok = !label.is_empty()
            && label.len() <= 63
            && label.first() != Some(&b'-')
            && label.last() != Some(&b'-')
            && label
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'-' || *b >= 0x80);
        if !ok {
            return false;
        }
        labels += 1;
        top = label;
    }
    const SUFFIXES: [&[u8]; 16] = [
        b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"css", b"json", b"html", b"htm",
        b"xml", b"txt", b"ico", b"woff", b"map",
    ];
    let suffix = SUFFIXES.iter().any(|s| s.eq_ignore_ascii_case(top));
    labels >= 2
        && top.len() >= 2
        && !suffix
        && top.iter().all(|b| b.is_ascii_alphabetic() || *b >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ibans_of_the_registry_pass_and_a_changed_digit_fails() {
        for ok in [
            "GB82WEST12345698765432",
            "DE89370400440532013000",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "SA0380000000608010167519",
            "CH9300762011623852957",
        ] {
            assert!(iban(ok.as_bytes()), "{ok}");
            let mut bad = ok.as_bytes().to_vec();
            let n = bad.len() - 2;
            bad[n] = if bad[n] == b'1' { b'2' } else { b'1' };
            assert!(!iban(&bad), "{ok}");
        }
        assert!(!iban(b"GB82WEST1234569876543") && !iban(b"ZZ82WEST12345698765432") && !iban(b""));
    }

    #[test]
    fn numbers_and_addresses() {
        assert!(
            ssn(b"536229999")
                && !ssn(b"666229999")
                && !ssn(b"000229999")
                && !ssn(b"536009999")
                && !ssn(b"536220000")
                && !ssn(b"936229999")
        );
        assert!(
            e164(b"14155550100")
                && e164(b"8613812345678")
                && e164(b"442079460958")
                && !e164(b"0123456789")
                && !e164(b"1155550100")
                && !e164(b"1234567")
        );
        for ok in [
            "a@b.co",
            "first.last+tag@sub.example.org",
            "li_si@163.com",
            "o'neil@x-y.io",
        ] {
            assert!(email(ok.as_bytes()), "{ok}");
        }
        for bad in [
            "a@b",
            "@b.co",
            "a@b.c",
            "icon@2x.png",
            "react@18.2.0",
            "a b@c.de",
            "a@-b.co",
            "a@b..co",
            "a@@b.co",
            "git@github.com",
            ".a@b.co",
        ] {
            assert!(!email(bad.as_bytes()), "{bad}");
        }
    }
}
