//! Addresses of crypto currencies: Base58Check (Bitcoin, Litecoin, Dogecoin, Tron ...), Bech32 and Bech32m (BIP 173, BIP 350), Ethereum's.
//! In: a value. Out: whether its check fits. Bounds: 90 characters.

use super::national::Fit;
use sha2::{Digest as _, Sha256};

/// How a value fits.
pub fn fit(v: &[u8]) -> Fit {
    if let Some(hex) = v.strip_prefix(b"0x") {
        // 40 digits of a hash; its check is in the case of the letters and not always there
        return match hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit) {
            true => Fit::Passes(80),
            false => Fit::Not,
        };
    }
    let lower = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if matches!(
        v,
        [b'b', b'c', b'1', ..] | [b't', b'b', b'1', ..] | [b'l', b't', b'c', b'1', ..]
    ) && v.iter().all(lower)
    {
        return match bech32(v) {
            true => Fit::Passes(99),
            false => Fit::Refused,
        };
    }
    // version bytes of what is in use: 1, 3 Bitcoin; L, M Litecoin; D, A, 9 Dogecoin; T Tron; X Dash; t Zcash
    if !(26..=35).contains(&v.len())
        || !matches!(
            v.first(),
            Some(b'1' | b'3' | b'L' | b'M' | b'D' | b'A' | b'9' | b'T' | b'X' | b't')
        )
    {
        return Fit::Not;
    }
    match base58(v) {
        None => Fit::Not,
        Some(true) => Fit::Passes(99),
        Some(false) => Fit::Refused,
    }
}

const NONE: u8 = 0xff;

/// Values of Base58's characters.
#[allow(clippy::indexing_slicing)] // at compile time
const BASE58: [u8; 256] = {
    let set = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    let mut table = [NONE; 256];
    let mut n = 0u8;
    while (n as usize) < set.len() {
        table[set[n as usize] as usize] = n;
        n += 1;
    }
    table
};

/// Whether the last four of 25 bytes are the hash of the others; `None` where it is not Base58 of as many.
fn base58(v: &[u8]) -> Option<bool> {
    let digit = |c: &u8| BASE58.get(usize::from(*c)).copied().unwrap_or(NONE);
    // before any sum: hexadecimal tokens are far more frequent, and nearly all of them have a zero
    if v.iter().any(|c| digit(c) == NONE) {
        return None;
    }
    let mut bytes = [0u8; 25];
    for c in v {
        let mut carry = u32::from(digit(c));
        for b in bytes.iter_mut().rev() {
            carry += u32::from(*b) * 58;
            *b = carry.to_le_bytes()[0];
            carry >>= 8;
        }
        if carry != 0 {
            return None;
        }
    }
    let (payload, check) = bytes.split_at_checked(21)?;
    let hash = Sha256::digest(Sha256::digest(payload));
    Some(hash.get(..4) == Some(check))
}

fn bech32(v: &[u8]) -> bool {
    const SET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let Some(one) = v
        .iter()
        .position(|b| *b == b'1')
        .filter(|_| (14..=90).contains(&v.len()))
    else {
        return false;
    };
    let mut check = 1u32;
    let mut feed = |n: u32| {
        let top = check >> 25;
        check = (check & 0x01ff_ffff) << 5 ^ n;
        for (i, g) in [
            0x3b6a_57b2,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .into_iter()
        .enumerate()
        {
            if top >> i & 1 == 1 {
                check ^= g;
            }
        }
    };
    let (head, data) = v.split_at_checked(one).unwrap_or_default();
    head.iter().for_each(|b| feed(u32::from(b >> 5)));
    feed(0);
    head.iter().for_each(|b| feed(u32::from(b & 31)));
    for b in data.iter().skip(1) {
        match SET
            .iter()
            .position(|s| s == b)
            .and_then(|n| u32::try_from(n).ok())
        {
            Some(n) => feed(n),
            None => return false,
        }
    }
    matches!(check, 1 | 0x2bc8_30a3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_addresses() {
        for ok in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
            "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        ] {
            assert_eq!(fit(ok.as_bytes()), Fit::Passes(99), "{ok}");
            let mut bad = ok.as_bytes().to_vec();
            bad[12] = if bad[12] == b'q' { b'p' } else { b'q' };
            assert_ne!(fit(&bad), Fit::Passes(99), "{ok}");
        }
        assert_eq!(
            fit(b"0x52908400098527886E0F7030069857D2E4169EE7"),
            Fit::Passes(80)
        );
        assert_eq!(fit(b"0x5290"), Fit::Not);
    }
}
