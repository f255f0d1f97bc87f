//! Whether a value is clear, masked or a token: forty styles of masks, by class, made by code that shares nothing with the reader.

use crate::detect::scanner;
use crate::support::mint::CLASSES;
use crate::support::random::Random;
use leaktrace::detect::{DIGEST, Rules};
use sha2::Digest as _;

/// The characters of `v` from `head` on and up to `tail` from the end replaced, as many as they were or a fixed number.
fn hide(v: &str, head: usize, tail: usize, with: &str, fixed: Option<usize>) -> String {
    let chars: Vec<char> = v.chars().collect();
    let n = chars.len();
    let (head, tail) = (head.min(n), tail.min(n.saturating_sub(head)));
    let first: String = chars[..head].iter().collect();
    let last: String = chars[n - tail..].iter().collect();
    format!(
        "{first}{}{last}",
        with.repeat(fixed.unwrap_or(n - head - tail))
    )
}

/// Styles for numbers: mask, visible before and behind, a fixed length or the true one.
const NUMBERS: [(&str, usize, usize, Option<usize>); 28] = [
    ("*", 3, 4, None),
    ("*", 3, 4, Some(4)),
    ("*", 3, 4, Some(6)),
    ("*", 0, 4, None),
    ("*", 3, 0, None),
    ("*", 2, 2, None),
    ("*", 1, 1, None),
    ("*", 6, 4, None),
    ("x", 3, 4, None),
    ("X", 3, 4, None),
    ("•", 3, 4, None),
    ("●", 3, 4, None),
    ("＊", 3, 4, None),
    ("#", 3, 4, None),
    ("·", 3, 4, Some(4)),
    ("…", 3, 4, Some(1)),
    (".", 3, 4, Some(3)),
    ("∗", 3, 4, None),
    ("■", 3, 4, None),
    ("█", 3, 4, None),
    ("○", 3, 4, None),
    ("⋆", 3, 4, None),
    ("★", 3, 4, None),
    ("_", 3, 4, None),
    ("?", 3, 4, Some(4)),
    ("-", 3, 4, Some(4)),
    (" **** ", 3, 4, Some(1)),
    ("-****-", 3, 4, Some(1)),
];

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum State {
    Clear,
    Masked,
    Token,
    Nothing,
}

/// State of the value under a key, as the scanner says it.
fn state(key: &str, value: &str, class: &str) -> State {
    let body = serde_json::json!({ key: value }).to_string();
    let facts = scanner().scan_body(body.as_bytes(), "json", None);
    let rules = Rules::builtin();
    let of = |c: u8| rules.classes().get(usize::from(c)).map(|c| c.name.clone());
    match facts.findings.first() {
        Some(f) if f.class == DIGEST => State::Token,
        Some(f) if of(f.class).as_deref() == Some(class) && f.masked => State::Masked,
        Some(f) if of(f.class).as_deref() == Some(class) => State::Clear,
        _ => State::Nothing,
    }
}

#[test]
fn states_of_forty_styles() {
    let mut r = Random::new(40);
    let (mut all, mut wrong) = (0u32, Vec::new());
    let mut ask = |style: &str, class: &str, key: &str, value: String, want: State| {
        all += 1;
        let got = state(key, &value, class);
        if got != want {
            wrong.push(format!(
                "{class} {key} {style} {value:?}: {got:?}, not {want:?}"
            ));
        }
    };
    for round in 0..4 {
        for class in ["cn-mobile", "cn-id", "bank-card", "phone"] {
            let c = CLASSES.iter().find(|c| c.id == class).unwrap();
            let key = match class {
                "phone" => ["tel", "landline", "fax", "座机"][round],
                _ => c.keys[round % c.keys.len()],
            };
            let value = (c.make)(&mut r).replace(['-', ' '], "");
            ask("clear", class, key, (c.make)(&mut r), State::Clear);
            for (mask, head, tail, fixed) in NUMBERS {
                // the end alone of a telephone number may be a mobile's
                if class == "phone" && head == 0 {
                    continue;
                }
                ask(
                    mask,
                    class,
                    key,
                    hide(&value, head, tail, mask, fixed),
                    State::Masked,
                );
            }
            // the ends hidden, the birth date or the middle block shown
            let inner: String = value
                .chars()
                .enumerate()
                .map(|(i, c)| {
                    if (6..value.len() - 3).contains(&i) {
                        c
                    } else {
                        '*'
                    }
                })
                .collect();
            if class != "phone" {
                ask("inner part", class, key, inner, State::Masked);
            }
            let hash: String = sha2::Sha256::digest(&value)
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect();
            ask("sha256", class, key, hash, State::Token);
        }
        for (style, value) in [
            ("last", "张*"),
            ("last two", "张**"),
            ("first", "*三"),
            ("middle", "张*三"),
            ("double surname", "欧阳**"),
            ("某", "张某"),
            ("某某", "李某某"),
            ("X", "王XX"),
            ("fullwidth", "王＊"),
            ("dot", "王●●"),
        ] {
            ask(
                style,
                "name",
                ["realName", "姓名", "xm", "contactName"][round],
                value.into(),
                State::Masked,
            );
        }
        for (style, value) in [
            ("three", "j***@example.org"),
            ("first and last", "j***h@example.org"),
            ("none of the local part", "***@163.com"),
            ("domain too", "jo****@ex*****.com"),
            ("bullets", "li•••@corp.example.cn"),
            ("fullwidth", "li＊＊＊@corp.example.cn"),
        ] {
            ask(
                style,
                "email",
                ["email", "mail", "邮箱", "contactEmail"][round],
                value.into(),
                State::Masked,
            );
        }
        for (style, value) in [
            ("detail", "北京市朝阳区********"),
            ("all but the city", "广东省深圳市******"),
        ] {
            ask(
                style,
                "address",
                ["address", "住址", "dz", "homeAddr"][round],
                value.into(),
                State::Masked,
            );
        }
        for (class, key, value) in [
            ("cn-passport", "passportNo", "E****5678"),
            ("cn-plate", "plateNo", "京A***45"),
            ("birth-date", "birthday", "19**-**-**"),
            ("iban", "iban", "DE89**************3000"),
            ("br-cpf", "cpf", "***.444.777-**"),
            ("us-ssn", "ssn", "***-**-1234"),
            ("gb-nino", "nino", "AB******C"),
        ] {
            ask("usual", class, key, value.into(), State::Masked);
        }
    }
    let share = 1.0 - wrong.len() as f64 / f64::from(all);
    println!("{all} values, state right {share:.4}");
    for w in &wrong {
        println!("  {w}");
    }
    assert!(share >= 0.99, "{share}");
}
