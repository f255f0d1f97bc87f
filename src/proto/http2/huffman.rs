//! The Huffman code of HPACK (RFC 7541 section 5.2 and appendix B). In: a coded string. Out: its bytes. Bounds: the shortest
//! code has 5 bits, so a string grows to 8/5 of its length at most.
//!
//! The code is canonical: the lengths alone give every code word, shorter words first, equal lengths in order of symbols.

/// Bits of the code word of every byte, and of the end of string.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5,
    5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6,
    6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22,
    23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22,
    21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20,
    22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19,
    21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22,
    22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Longest code word.
const LONGEST: usize = 30;

/// Code words of one length.
#[derive(Debug, Clone, Copy)]
struct Level {
    bits: u32,
    /// First word beyond this length, as the leading bits of 32.
    limit: u64,
    /// First code word.
    first: u32,
    /// Place of its symbol in the order.
    start: u32,
}

// runs while compiling, on the table above alone
#[allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]
const fn build() -> ([Level; LONGEST], [u16; 257]) {
    let mut levels = [Level {
        bits: 0,
        limit: 0,
        first: 0,
        start: 0,
    }; LONGEST];
    let mut order = [0u16; 257];
    let (mut code, mut n, mut bits) = (0u32, 0usize, 1usize);
    while bits <= LONGEST {
        code <<= 1;
        let (first, start) = (code, n);
        let mut s = 0;
        while s < 257 {
            if LENGTHS[s] as usize == bits {
                order[n] = s as u16;
                n += 1;
                code += 1;
            }
            s += 1;
        }
        levels[bits - 1] = Level {
            bits: bits as u32,
            limit: (code as u64) << (32 - bits),
            first,
            start: start as u32,
        };
        bits += 1;
    }
    (levels, order)
}

static CODE: ([Level; LONGEST], [u16; 257]) = build();

/// Appends the decoded string; `false` where the bytes are no valid coding (what was appended is then to be thrown away).
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> bool {
    let mut input = coded.iter();
    let (mut window, mut have) = (0u64, 0u32);
    loop {
        while have <= 32 {
            let Some(b) = input.next() else { break };
            window |= u64::from(*b) << (56 - have);
            have += 8;
        }
        if have == 0 {
            return true;
        }
        let top = window >> 32;
        // no word is shorter than five bits
        let level = CODE.0.iter().skip(4).find(|l| top < l.limit);
        let symbol = level.filter(|l| l.bits <= have).and_then(|l| {
            let word = u32::try_from(top >> (32 - l.bits)).ok()?;
            let at = l.start.checked_add(word.checked_sub(l.first)?)?;
            CODE.1.get(at as usize).copied()
        });
        match (symbol.map(u8::try_from), level) {
            // the end of string, the only symbol above 255
            (Some(Err(_)), _) => return false,
            (Some(Ok(s)), Some(l)) => {
                out.push(s);
                window <<= l.bits;
                have -= l.bits;
            }
            // what is left is padding: fewer than eight bits, all ones
            _ => return have < 8 && window >> (64 - have) == (1 << have) - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(coded: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        decode(coded, &mut out).then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn strings_of_the_standard() {
        // RFC 7541 appendix C.4 and C.6
        let www = [
            0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff,
        ];
        assert_eq!(text(&www).unwrap(), "www.example.com");
        assert_eq!(
            text(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(),
            "no-cache"
        );
        assert_eq!(text(&[0x64, 0x02]).unwrap(), "302");
        assert_eq!(text(&[]).unwrap(), "");
    }

    #[test]
    fn padding_is_ones_and_short_and_the_end_is_no_symbol() {
        assert_eq!(text(&[0x18]), None); // padding of zeros
        assert_eq!(text(&[0xff]), None); // eight bits of padding
        assert_eq!(text(&[0xff, 0xff, 0xff, 0xff]), None); // the end of string
    }

    #[test]
    fn every_byte_survives() {
        for s in 0..=255u8 {
            let l = CODE.0[LENGTHS[usize::from(s)] as usize - 1];
            let at = (0u32..)
                .zip(CODE.1)
                .find(|x| x.1 == u16::from(s))
                .unwrap()
                .0;
            let word = u64::from(l.first + at - l.start);
            let bits = word << (64 - l.bits) | (u64::MAX >> l.bits);
            let coded = &bits.to_be_bytes()[..(l.bits as usize).div_ceil(8)];
            let mut out = Vec::new();
            assert!(decode(coded, &mut out), "{s}");
            assert_eq!(out, [s]);
        }
    }
}
