//! Secrets: JSON web tokens, keys of well-known services, opaque tokens, private keys. In: bytes. Out: whether they can be one.
//! Bounds: linear; a token's header is decoded up to 1 KiB.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
/// URL-safe alphabet, padding or not.
pub const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
/// Standard alphabet, padding or not.
pub const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// A signed (or encrypted) JSON web token in compact form: the header decodes to JSON that names an algorithm.
pub fn jwt(v: &[u8]) -> bool {
    if v.len() < 20 || !v.starts_with(b"eyJ") {
        return false;
    }
    let mut parts = v.split(|b| *b == b'.');
    let head = parts.next().unwrap_or(b"");
    let body = parts.next().unwrap_or(b"");
    let n = 2 + parts.count();
    if !(n == 3 || n == 5) || body.len() < 2 && n == 3 || head.len() > 1024 {
        return false;
    }
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=');
    if !v.iter().all(plain) {
        return false;
    }
    URL_SAFE
        .decode(head)
        .is_ok_and(|h| h.starts_with(b"{") && memchr::memmem::find(&h, b"\"alg\"").is_some())
}

/// A key of a cloud by its form: AWS, Google, Alibaba, Tencent.
pub fn cloud_key(v: &[u8]) -> bool {
    let upper = |d: &[u8]| {
        d.iter()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    let token = |d: &[u8]| {
        d.iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let alnum = |d: &[u8]| d.iter().all(u8::is_ascii_alphanumeric);
    if let Some(rest) = v.strip_prefix(b"AKIA").or_else(|| v.strip_prefix(b"ASIA")) {
        return rest.len() == 16 && upper(rest);
    }
    if let Some(rest) = v.strip_prefix(b"AIza") {
        return rest.len() == 35 && token(rest);
    }
    if let Some(rest) = v.strip_prefix(b"LTAI") {
        return (12..=26).contains(&rest.len()) && alnum(rest) && mixed(rest);
    }
    if let Some(rest) = v.strip_prefix(b"AKID") {
        return (13..=40).contains(&rest.len())
            && alnum(rest)
            && (mixed(rest) || rest.len() >= 32 && has_both_cases(rest));
    }
    false
}

/// Prefixes of the keys of services, and how many characters follow at least.
const PREFIXES: &[(&[u8], usize)] = &[
    // payment
    (b"sk_live_", 16),
    (b"sk_test_", 16),
    (b"rk_live_", 16),
    (b"rk_test_", 16),
    (b"pk_live_", 16),
    (b"ak_live_", 16),
    (b"whsec_", 24),
    (b"sq0atp-", 20),
    (b"sq0csp-", 40),
    // source code and its parts
    (b"ghp_", 30),
    (b"gho_", 30),
    (b"ghu_", 30),
    (b"ghs_", 30),
    (b"ghr_", 30),
    (b"github_pat_", 30),
    (b"glpat-", 18),
    (b"gldt-", 18),
    (b"glrt-", 18),
    (b"npm_", 30),
    (b"pypi-AgEI", 40),
    (b"rubygems_", 40),
    (b"dckr_pat_", 24),
    // chat and mail
    (b"xoxb-", 20),
    (b"xoxp-", 20),
    (b"xoxa-", 20),
    (b"xoxr-", 20),
    (b"xoxe.", 40),
    (b"xapp-", 20),
    (b"SG.", 40),
    (b"xkeysib-", 60),
    // models
    (b"sk-", 20),
    (b"hf_", 30),
    (b"gsk_", 40),
    (b"r8_", 30),
    (b"xai-", 60),
    // shops, clouds, operation
    (b"shpat_", 30),
    (b"shpss_", 30),
    (b"shpca_", 30),
    (b"shppa_", 30),
    (b"dop_v1_", 40),
    (b"doo_v1_", 40),
    (b"dor_v1_", 40),
    (b"GOCSPX-", 24),
    (b"ya29.", 40),
    (b"hvs.", 24),
    (b"dapi", 32),
    (b"NRAK-", 27),
    (b"glsa_", 32),
    (b"sntrys_", 40),
    (b"lin_api_", 36),
    (b"figd_", 36),
    (b"ntn_", 40),
    (b"PMAK-", 40),
    (b"CFPAT-", 40),
    (b"fo1_", 40),
    (b"key-", 32),
];

/// A key of a service by its prefix: Stripe, GitHub, GitLab, Slack, SendGrid, OpenAI and the like.
pub fn service_key(v: &[u8]) -> bool {
    // the second character sorts out most tokens, the first of which is one of nearly every prefix
    let second = v.get(1);
    let mut begins = PREFIXES.iter().filter(|(p, _)| p.get(1) == second);
    begins.any(|(p, n)| {
        v.strip_prefix(*p).is_some_and(|rest| {
            rest.len() >= *n
                && rest.len() <= 300
                && rest
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
                && (mixed(rest) || has_both_cases(rest) || rest.len() >= 24)
                && (p.len() > 3 || mixed(rest))
        })
    })
}

/// Whether a value begins like the keys that [`cloud_key`] and [`service_key`] know best: for a first look.
pub fn begins_like_key(v: &[u8]) -> bool {
    matches!(
        v.first_chunk::<4>(),
        Some(
            b"AKIA"
                | b"ASIA"
                | b"LTAI"
                | b"AKID"
                | b"AIza"
                | b"sk_l"
                | b"rk_l"
                | b"ghp_"
                | b"gho_"
                | b"glpa"
                | b"npm_"
        )
    )
}

/// Whether hexadecimal digits, base64 or percent-encoding hold plain text: such a value is no token itself.
pub fn text_inside(v: &[u8]) -> bool {
    let printable = |d: &[u8]| d.len() >= 6 && d.iter().all(|b| matches!(b, b' '..=b'~'));
    if v.len() < 12 {
        return false;
    }
    if v.starts_with(b"%") {
        return v
            .chunks(3)
            .take(8)
            .all(|c| matches!(c, [b'%', a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()));
    }
    let first = v.get(..v.len().min(32)).unwrap_or(v);
    if v.len().is_multiple_of(2) && v.iter().all(u8::is_ascii_hexdigit) {
        // the first digit of a printable character, at each second place
        return first
            .chunks_exact(2)
            .all(|c| matches!(c.first(), Some(b'2'..=b'7')) && c != b"7f");
    }
    let whole = first.get(..first.len() / 4 * 4).unwrap_or(first);
    let url = v.iter().any(|b| matches!(b, b'-' | b'_'));
    let engine = if url { &URL_SAFE } else { &STANDARD };
    let begin = engine.decode(whole);
    begin.is_ok_and(|d| printable(&d) && d.len() >= 9) || begin_of_gzip(v)
}

fn begin_of_gzip(v: &[u8]) -> bool {
    v.starts_with(b"H4sI")
}

/// Whether text is random enough to be a key or token: at least `least` characters of a token's alphabet, eight different ones, and either
/// letters and digits, or long.
pub fn opaque(v: &[u8], least: usize) -> bool {
    if v.len() < least || v.len() > 4096 {
        return false;
    }
    let mut seen = 0u128;
    for b in v {
        if !(b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=' | b':' | b'%' | b'!' | b'|' | b'$'
            ))
        {
            return false;
        }
        seen |= 1u128 << (b & 0x7f);
    }
    let digits = v.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = v.iter().filter(|b| b.is_ascii_alphabetic()).count();
    let path = v.contains(&b'/') && v.split(|b| *b == b'/').count() > 3 && !mixed(v);
    seen.count_ones() >= 8
        && !path
        && !v.starts_with(b"http")
        && (digits >= 2 && letters >= 2
            || v.len() >= 20 && digits >= 1 && shuffled(v)
            || v.len() >= 32 && (digits >= 2 || letters >= 16 && has_both_cases(v)))
}

/// Whether small letters and capitals change places more often than in words that are joined.
fn shuffled(v: &[u8]) -> bool {
    let down = |w: &&[u8]| matches!(w, [a, b] if a.is_ascii_lowercase() && b.is_ascii_uppercase());
    v.windows(2).filter(down).count() * 6 >= v.len() && !v.contains(&b'_')
}

fn has_both_cases(v: &[u8]) -> bool {
    v.iter().any(u8::is_ascii_lowercase) && v.iter().any(u8::is_ascii_uppercase)
}

/// Letters and digits both.
fn mixed(v: &[u8]) -> bool {
    v.iter().any(u8::is_ascii_digit) && v.iter().any(u8::is_ascii_alphabetic)
}

/// A private key in PEM.
pub fn private_key(v: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(v, b"-----BEGIN ") else {
        return false;
    };
    let rest = v.get(at + 11..).unwrap_or(b"");
    let line = rest.get(..rest.len().min(48)).unwrap_or(rest);
    memchr::memmem::find(line, b"PRIVATE KEY").is_some()
}

/// What a query language writes behind a password's name: a variable (`$password`), a type (`String!`).
fn declared(v: &str) -> bool {
    let bare = v.trim_end_matches([')', ',', ';']);
    let name = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // what follows its end may stand there too: `$p){token`
    let variable = v.strip_prefix('$').is_some_and(|n| {
        let (n, _) = n.split_once([')', ',', ';']).unwrap_or((n, ""));
        name(n) && n.bytes().all(|b| !b.is_ascii_digit())
    });
    variable
        || bare.strip_suffix('!').is_some_and(|n| {
            matches!(
                n.trim_matches(['[', ']']),
                "String" | "ID" | "Int" | "Password" | "Secret"
            )
        })
}

/// What somebody would set as a password: short, printable, no label, sentence, address of a page or placeholder.
pub fn password(v: &str) -> bool {
    let n = v.chars().count();
    (3..=200).contains(&n)
        && v.is_ascii()
        && v.bytes().all(|b| (0x20..0x7f).contains(&b))
        && v.bytes().filter(|b| *b == b' ').count() <= 2
        && !v.contains("://")
        && !declared(v)
        && !matches!(
            v.trim_matches(['[', ']', '<', '>', '(', ')'])
                .to_ascii_lowercase()
                .as_str(),
            "true"
                | "false"
                | "null"
                | "none"
                | "undefined"
                | "nil"
                | "yes"
                | "n/a"
                | "password"
                | "passwd"
                | "pwd"
                | "string"
                | "text"
                | "required"
                | "optional"
                | "hidden"
                | "input"
                | "your password"
                | "new password"
                | "enter password"
                | "confirm password"
                | "old password"
                | "redacted"
                | "filtered"
                | "forgot password?"
                | "invalid password"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_query_declares_is_no_password() {
        for v in [
            "$password)",
            "$pwd,",
            "$p){ok",
            "String!)",
            "ID!",
            "[String]!",
        ] {
            assert!(!password(v), "{v}");
        }
        for v in ["$ecret1", "S3cret!", "hunter2!)", "Str1ng!"] {
            assert!(password(v), "{v}");
        }
    }

    #[test]
    fn tokens_and_keys() {
        assert!(jwt(b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"));
        assert!(
            !jwt(b"eyJhbGciOiJIUzI1NiJ9.e30")
                && !jwt(b"eyJub25lIjoxfQ.eyJzdWIiOiIxIn0.abc")
                && !jwt(b"eyJ")
        );
        assert!(
            cloud_key(b"AKIAIOSFODNN7EXAMPLE")
                && !cloud_key(b"AKIAIOSFODNN7EXAMPL")
                && !cloud_key(b"akiaiosfodnn7example")
        );
        assert!(cloud_key(b"AIzaSyA-1234567890abcdefghijklmnopqrstu"));
        assert!(
            service_key(b"sk_live_4eC39HqLyjWDarjtT1zdp7dc")
                && service_key(b"ghp_16C7e42F292c6912E7710c838347Ae178B4a")
                && !service_key(b"sk_live_short")
        );
        assert!(
            text_inside(b"65794a6862476369")
                && text_inside(b"QUtJQVJBSFdMUVhDSkhS")
                && text_inside(b"%41%4b%49%41%52%41%48%57")
        );
        assert!(
            !text_inside(b"9f86d081884c7d659a2feaa0c55ad015")
                && !text_inside(b"hunter2hunter2")
                && !text_inside(b"short")
        );
        assert!(
            opaque(b"9f86d081884c7d659a2feaa0c55ad015", 16)
                && opaque(b"550e8400-e29b-41d4-a716-446655440000", 16)
        );
        assert!(
            !opaque(b"aaaaaaaaaaaaaaaaaaaaaaaa", 16)
                && !opaque(b"hello-world-this-is-a-slug", 16)
                && !opaque(b"short1", 16)
                && !opaque(b"has some blanks 1234", 16)
        );
        assert!(
            private_key(b"-----BEGIN RSA PRIVATE KEY-----\nMII")
                && !private_key(b"-----BEGIN PUBLIC KEY-----")
        );
        assert!(
            password("hunter2")
                && !password("密码")
                && !password("Please enter your password here")
                && !password("true")
        );
    }
}
