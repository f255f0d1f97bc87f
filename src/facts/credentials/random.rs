//! What looks like nothing that anybody would write: tokens, session ids, numbers of attempts. In: text. Out: yes or no.
//! Bounds: one pass or two over it.

/// Whether text looks like random letters and digits: enough kinds of characters, and none of the separators of words.
pub fn random(v: &str) -> bool {
    let mut seen = [false; 128];
    let (mut digits, mut letters, mut other) = (0usize, 0usize, 0usize);
    for b in v.bytes() {
        match b {
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' => letters += 1,
            b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b':' | b'%' | b'~' | b'|' | b'!' => {
                other += 1
            }
            _ => return false,
        }
        if let Some(s) = seen.get_mut(usize::from(b)) {
            *s = true;
        }
    }
    let kinds = seen.iter().filter(|s| **s).count();
    if other * 4 > v.len() || kinds < 9 {
        return false;
    }
    digits >= 2 && letters >= 2 || v.len() >= 20 && mixed(v)
}

/// Whether letters change between large and small as they do by chance, and not as they do in `wordsLikeThese`.
fn mixed(v: &str) -> bool {
    let letters = || v.bytes().filter(u8::is_ascii_alphabetic);
    let changes = letters()
        .zip(letters().skip(1))
        .filter(|(a, b)| a.is_ascii_uppercase() != b.is_ascii_uppercase())
        .count();
    let vowels = letters().filter(|b| b"aeiouAEIOU".contains(b)).count();
    changes * 100 >= v.len() * 28 && vowels * 3 <= v.len()
}

/// Whether a value is the number of an attempt to log in: under the name of one it may be made of letters alone.
pub fn attempt_number(plain_key: &str, value: &str) -> bool {
    const KEYS: &[&str] = &[
        "state",
        "statetoken",
        "flow",
        "flowid",
        "flowtoken",
        "txn",
        "txnid",
        "transaction",
        "transactionid",
        "transactionstate",
        "challenge",
        "loginchallenge",
        "sessioncode",
        "execution",
        "executionid",
        "interaction",
        "interactionid",
        "attempt",
        "attemptid",
        "loginsession",
        "authsession",
        "context",
        "ctx",
    ];
    KEYS.contains(&plain_key)
        && value.len() <= 512
        && (value.len() >= 16 && (unbroken(value) || mixed(value) && no_words(value))
            || value.len() >= 8 && random(value))
}

/// Whether text is one run of letters and digits.
fn unbroken(v: &str) -> bool {
    v.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether text has nothing but letters, digits and what base64 for addresses has besides.
fn no_words(v: &str) -> bool {
    v.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
