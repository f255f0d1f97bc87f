//! Bank cards: Luhn's check digit and the issuers' prefixes with their lengths. In: digits. Out: whether they can be a card. Bounds: constant.

/// Whether the last digit is Luhn's check digit of the others.
pub fn luhn(d: &[u8]) -> bool {
    let mut sum = 0u32;
    for (i, b) in d.iter().rev().enumerate() {
        if !b.is_ascii_digit() {
            return false;
        }
        let n = u32::from(b - b'0');
        sum += match (i % 2, n) {
            (1, 5..) => n * 2 - 9,
            (1, _) => n * 2,
            _ => n,
        };
    }
    d.len() > 1 && sum.is_multiple_of(10)
}

/// Whether an issuer gives out numbers with this prefix in this length.
pub fn issuer(d: &[u8]) -> bool {
    let mut p = 0u32;
    for b in d.iter().take(4) {
        if !b.is_ascii_digit() {
            return false;
        }
        p = p * 10 + u32::from(b - b'0');
    }
    match (p, d.len()) {
        // UnionPay, also the older debit cards of Chinese banks
        (6200..=6299 | 8100..=8171, 16..=19) => true,
        (9558 | 9559, 16 | 19) => true,
        (
            6010 | 6013 | 6016 | 6018 | 6031 | 6058 | 6061 | 6091 | 6858 | 6859 | 9400 | 9843
            | 9845 | 9860,
            16..=19,
        ) => true,
        // Visa
        (4000..=4999, 13 | 16 | 19) => true,
        // Mastercard
        (5100..=5599 | 2221..=2720, 16) => true,
        // American Express, Diners, JCB, Discover
        (3400..=3499 | 3700..=3799, 15) => true,
        (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14 | 16) => true,
        (3528..=3589, 16 | 19) => true,
        (6011 | 6440..=6599, 16 | 19) => true,
        // Maestro
        (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19) => true,
        // Mir
        (2200..=2204, 16..=19) => true,
        _ => false,
    }
}

/// Whether a number can be a card under a key that says so, whoever gave it out: issuers come and go, and local schemes have
/// prefixes of their own.
pub fn card_named(d: &[u8]) -> bool {
    (13..=19).contains(&d.len())
        && luhn(d)
        && matches!(d.first(), Some(b'1'..=b'9'))
        && d.iter().any(|b| Some(b) != d.first())
        && d.get(6..d.len() - 1)
            .is_some_and(|account| account.iter().any(|b| *b != b'0'))
}

/// Whether a number can be a bank card: issuer, length, check digit, and an account that is not all zeros.
pub fn card(d: &[u8]) -> bool {
    (13..=19).contains(&d.len())
        && issuer(d)
        && luhn(d)
        && d.get(6..d.len() - 1)
            .is_some_and(|account| account.iter().any(|b| *b != b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_test_numbers_pass_and_their_neighbours_do_not() {
        for ok in [
            "4111111111111111",
            "5555555555554444",
            "2223003122003222",
            "378282246310005",
            "6011111111111117",
            "3530111333300000",
            "30569309025904",
            "6200000000000005",
            "6212345678901232",
        ] {
            let d = ok.as_bytes();
            assert_eq!(card(d), ok != "6200000000000005", "{ok}");
            let mut bad = d.to_vec();
            let last = bad.last_mut().unwrap();
            *last = b'0' + (*last - b'0' + 1) % 10;
            assert!(!card(&bad), "{ok}");
        }
        assert!(card(b"4111111111111111") && card(b"378282246310005"));
        // Luhn passes, no issuer
        assert!(luhn(b"1234567812345670") && !card(b"1234567812345670"));
        assert!(!card(b"4111111111111") || luhn(b"4111111111111"));
        assert!(!card(b"411111111111111"));
    }
}
