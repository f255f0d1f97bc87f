//! Chinese numbers: resident ID (GB 11643), unified social credit code (GB 32100), mobile, passport, licence plate (GA 36).
//! In: bytes without separators. Out: whether they can be one. Bounds: constant.

use super::date;

/// Provinces and their like by the first two digits of a region code (GB/T 2260), 71, 81, 82, 83: Taiwan, Hong Kong, Macau residents.
pub fn province(d: &[u8]) -> bool {
    matches!(
        date::two(d),
        Some(11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
    )
}

/// Whether six digits can be the region code of a person: a province, a prefecture (01 to 70, or 90 for counties directly under the
/// province), a county (01 to 99). Codes that were withdrawn stay valid on the cards, so the ranges are those of all editions. 00 is
/// a county too: cities without counties (Dongguan 441900, Jiayuguan 620200) and households kept by a city or a province have it.
pub fn region(d: &[u8]) -> bool {
    let county = d.get(4..6).and_then(date::two);
    d.len() == 6
        && d.get(..2).is_some_and(province)
        && county.is_some()
        && match date::two(d.get(2..4).unwrap_or(b"")) {
            Some(0) => county == Some(0) || matches!(d.first(), Some(b'7' | b'8')),
            Some(n) => n <= 70 || n == 90,
            None => false,
        }
}

const ID_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// Check character of a resident ID's first 17 digits (ISO 7064 mod 11-2).
pub fn id_check(d: &[u8]) -> Option<u8> {
    if d.len() < 17 {
        return None;
    }
    let mut sum = 0;
    for (b, w) in d.iter().zip(ID_WEIGHTS) {
        if !b.is_ascii_digit() {
            return None;
        }
        sum += u32::from(b - b'0') * w;
    }
    b"10X98765432".get((sum % 11) as usize).copied()
}

/// Resident ID of 18 characters: region, birth date, check character.
pub fn id18(d: &[u8]) -> bool {
    d.len() == 18
        && d.get(..6).is_some_and(region)
        && d.get(6..14).is_some_and(date::birth)
        && d.last().map(u8::to_ascii_uppercase) == id_check(d)
}

/// The 15-digit form of before 1999: no check digit, year in two digits. Without that digit a county is asked for.
pub fn id15(d: &[u8]) -> bool {
    if d.len() != 15
        || !d.iter().all(u8::is_ascii_digit)
        || !d.get(..6).is_some_and(region)
        || d.get(4..6) == Some(b"00")
    {
        return false;
    }
    match (
        d.get(6..8).and_then(date::two),
        d.get(8..10).and_then(date::two),
        d.get(10..12).and_then(date::two),
    ) {
        (Some(y), Some(m), Some(day)) => date::exists(1900 + y, m, day),
        _ => false,
    }
}

/// Mobile number without country code.
pub fn mobile(d: &[u8]) -> bool {
    matches!(d, [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit))
}

const USCC: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

fn uscc_value(b: u8) -> Option<u32> {
    let at = USCC.iter().position(|c| *c == b)?;
    u32::try_from(at).ok()
}

/// Whether the organisation's code inside a credit code of digits (its places 9 to 17) has its own check digit (GB 11714).
pub fn organisation(d: &[u8]) -> bool {
    let code = d.get(8..16).unwrap_or_default();
    let sum: u32 = code
        .iter()
        .zip([3, 7, 9, 10, 5, 8, 4, 2])
        .map(|(b, w)| u32::from(b.wrapping_sub(b'0')) * w)
        .sum();
    // 10 is written as an X, which is no digit
    let check = (11 - sum % 11) % 11;
    d.get(16)
        .is_some_and(|b| u32::from(b.wrapping_sub(b'0')) == check)
}

/// Unified social credit code: authority and category, region of the registry, base-31 check character. Upper case only.
pub fn uscc(d: &[u8]) -> bool {
    if d.len() != 18 {
        return false;
    }
    let class = matches!(
        (d.first(), d.get(1)),
        (Some(b'1'), Some(b'1' | b'2' | b'3' | b'9'))
            | (Some(b'2'), Some(b'1' | b'9'))
            | (Some(b'3'), Some(b'1'..=b'5' | b'9'))
            | (Some(b'4'), Some(b'1' | b'9'))
            | (Some(b'5'), Some(b'1'..=b'5' | b'9'))
            | (Some(b'6' | b'7'), Some(b'1' | b'2' | b'9'))
            | (Some(b'8'), Some(b'1' | b'9'))
            | (Some(b'9'), Some(b'1'..=b'3'))
            | (Some(b'A' | b'N'), Some(b'1'..=b'3' | b'9'))
            | (Some(b'Y'), Some(b'1'))
    );
    let place = d.get(2..8).unwrap_or(b"");
    let digits = place.iter().all(u8::is_ascii_digit);
    let known = place == b"100000" || place.get(..2).is_some_and(province);
    if !class || !digits || !known {
        return false;
    }
    let (mut sum, mut weight) = (0u32, 1u32);
    for b in d.iter().take(17) {
        let Some(v) = uscc_value(*b) else {
            return false;
        };
        sum += v * weight;
        weight = weight * 3 % 31;
    }
    d.last().and_then(|b| uscc_value(*b)) == Some((31 - sum % 31) % 31)
}

/// Ordinary (E, G), service (P), diplomatic (D) and public affairs (S) passports, Hong Kong and Macau ones (K, H, M): a letter and eight digits, or
/// the newer `E` letter and seven digits.
pub fn passport(d: &[u8]) -> bool {
    match d {
        [
            b'E' | b'G' | b'D' | b'S' | b'P' | b'K' | b'H' | b'M',
            rest @ ..,
        ] if rest.len() == 8 && rest.iter().all(u8::is_ascii_digit) => true,
        [b'E', second, rest @ ..] => {
            second.is_ascii_uppercase()
                && !matches!(second, b'I' | b'O')
                && rest.len() == 7
                && rest.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

/// Province characters of plates.
pub const PLATE_PLACES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";

/// Licence plate: province character, letter, five characters (the last may be 挂学警港澳), or six for new energy with D or F (A to K)
/// first, or last. A dot, blank or dash after the letter is allowed. Of its last five at most two are letters, but where a key says
/// that it is a plate (`named`): those chosen by their owners break the rule.
pub fn plate(text: &str, named: bool) -> bool {
    let mut chars = text.chars();
    let (Some(place), Some(city)) = (chars.next(), chars.next()) else {
        return false;
    };
    if !PLATE_PLACES.contains(place) || !city.is_ascii_uppercase() || matches!(city, 'I' | 'O') {
        return false;
    }
    let rest = chars.as_str().trim_start_matches(['·', '.', ' ', '-', '•']);
    let n = rest.chars().count();
    let letter = |c: char| c.is_ascii_uppercase() && c != 'I' && c != 'O';
    let plain = |c: char| c.is_ascii_digit() || letter(c);
    let body: Vec<char> = rest.chars().take(7).collect();
    match (n, body.as_slice()) {
        (5, [a, b, c, d, e]) => {
            [a, b, c, d].into_iter().all(|c| plain(*c))
                && (plain(*e) || matches!(e, '挂' | '学' | '警' | '港' | '澳'))
                && [a, b, c, d, e].into_iter().filter(|c| letter(**c)).count()
                    <= if named { 5 } else { 2 }
        }
        (6, [a, b, c, d, e, f]) => {
            let digits = |list: &[&char]| list.iter().all(|c| c.is_ascii_digit());
            let energy = |c: &char| matches!(c, 'A'..='H' | 'J' | 'K');
            (energy(a) && plain(*b) && digits(&[c, d, e, f]))
                || (energy(f) && digits(&[a, b, c, d, e]))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_ids() {
        // published examples of GB 11643 and of public guides
        for ok in [
            "11010519491231002X",
            "440524188001010014",
            "11010119900307109x",
        ] {
            let in_range = !ok.contains("1880");
            let valid =
                id_check(ok.as_bytes()) == ok.bytes().last().map(|b| b.to_ascii_uppercase());
            assert_eq!(id18(ok.as_bytes()), in_range && valid, "{ok}");
        }
        assert!(id18(b"11010519491231002X") && id18(b"11010519491231002x"));
        // cities without counties, households of a city and of a province
        for ok in [
            "441900199003071238",
            "620200198511120016",
            "510000197205159317",
        ] {
            assert!(id18(ok.as_bytes()), "{ok}");
        }
        for bad in [
            "110105194912310021",
            "11010519490231002X",
            "99010519491231002X",
            "1101051949123100",
            "11010519491231002XX",
            "1101051949123100AX",
        ] {
            assert!(!id18(bad.as_bytes()), "{bad}");
        }
        assert!(
            id15(b"110105491231002")
                && !id15(b"110105491331002")
                && !id15(b"441900491231002")
                && !id15(b"990105491231002")
                && !id15(b"11010549123100X")
        );
    }

    #[test]
    fn credit_codes() {
        for ok in [
            "91350100M000100Y43",
            "91440300708461136T",
            "911100001000013428",
        ] {
            // the second and third are published by their owners
            assert_eq!(uscc(ok.as_bytes()), reference(ok), "{ok}");
        }
        assert!(uscc(b"91350100M000100Y43"));
        for bad in [
            "91350100M000100Y44",
            "91350100I000100Y43",
            "01350100M000100Y43",
            "91990100M000100Y43",
            "91350100M000100Y4",
        ] {
            assert!(!uscc(bad.as_bytes()), "{bad}");
        }
    }

    /// The check of GB 32100 written another way: weights as a literal table.
    fn reference(code: &str) -> bool {
        let w = [
            1u32, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28,
        ];
        let set = "0123456789ABCDEFGHJKLMNPQRTUWXY";
        let sum: u32 = code
            .chars()
            .zip(w)
            .map(|(c, w)| u32::try_from(set.find(c).unwrap()).unwrap() * w)
            .sum();
        set.chars().nth(((31 - sum % 31) % 31) as usize) == code.chars().last()
    }

    #[test]
    fn mobiles_passports_plates() {
        assert!(
            mobile(b"13812345678")
                && !mobile(b"12812345678")
                && !mobile(b"1381234567")
                && !mobile(b"138123456789")
        );
        assert!(
            passport(b"E12345678")
                && passport(b"EA1234567")
                && passport(b"G12345678")
                && !passport(b"A12345678")
                && !passport(b"E1234567")
        );
        for ok in [
            "京A12345",
            "粤B·12345",
            "沪AD12345",
            "京A1234学",
            "粤BF12345",
            "粤B12345D",
            "苏E05EV8",
            "川A·F12345",
        ] {
            assert!(plate(ok, false), "{ok}");
        }
        for bad in [
            "京I12345",
            "京A1234",
            "中A12345",
            "京AABCDE",
            "京a12345",
            "京A1234567",
            "粤BZ12345",
            "京",
        ] {
            assert!(!plate(bad, false), "{bad}");
        }
        assert!(plate("京AABCDE", true) && !plate("京I12345", true) && !plate("中A12345", true));
    }
}
