//! Masks: reading masked values, and masking values for display.
//! In: a value. Out: its visible ends and length ([`read`]), or the value with its middle hidden ([`show`], [`redact`]).
//! Bounds: one pass.

/// What is left to see of a masked value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// Visible characters before the first hidden one, separators of numbers left out.
    pub prefix: String,
    /// Visible characters after the last hidden one.
    pub suffix: String,
    /// Length in characters, hidden ones included, separators of numbers left out.
    pub len: usize,
    /// Hidden characters.
    pub hidden: usize,
    /// Visible characters between hidden ones.
    pub middle: usize,
}

/// Characters that hide others wherever they stand.
pub(crate) fn cover(c: char) -> bool {
    matches!(
        c,
        '*' | '＊'
            | '•'
            | '●'
            | '∗'
            | '■'
            | '█'
            | '○'
            | '⋆'
            | '★'
            | '☆'
            | '✱'
            | '﹡'
            | '▪'
            | '◼'
            | '×'
            | '＃'
            | '▇'
            | '⁎'
    )
}

/// Reads a masked value: `138****1234`, `6222 **** **** 1234`, `张*`, `j***@ex***.org`, `110101xxxxxxxx1234`, `****`. `#`, `·`, `x` and `.`
/// hide only in runs of three and more, `x`, `_`, `?`, `-`, `~` only among digits. Of a Chinese name 某 and X hide what stands
/// behind the surname (`张某`, `李XX`). `None` where nothing is hidden or more is written than a value would be.
pub fn read(value: &str) -> Option<Masked> {
    let kept = chars(value)?;
    let first = kept.iter().position(|(_, h)| *h)?;
    let last = kept.iter().rposition(|(_, h)| *h)?;
    let text = |r: &[(char, bool)]| r.iter().map(|(c, _)| *c).collect::<String>();
    let within = kept.get(first..=last)?;
    let hidden = within.iter().filter(|(_, h)| *h).count();
    Some(Masked {
        prefix: text(kept.get(..first)?),
        suffix: text(kept.get(last + 1..)?),
        len: kept.len(),
        hidden,
        middle: within.len() - hidden,
    })
}

/// The characters of a value as [`read`] reads it, each with whether it hides one; separators of numbers are left out. `None` where
/// more is written than a value would be.
pub fn chars(value: &str) -> Option<Vec<(char, bool)>> {
    let v = value.trim();
    let chars: Vec<char> = v.chars().take(200).collect();
    if chars.len() > 160 {
        return None;
    }
    let number = chars.iter().all(|c| {
        c.is_ascii_digit()
            || cover(*c)
            || matches!(
                c,
                ' ' | '-' | '+' | '#' | '·' | 'x' | 'X' | '…' | '.' | '_' | '?' | '~' | '(' | ')'
            )
    });
    // a code of capitals and digits, of which a plate begins with an ideograph
    let code = !number
        && chars.iter().any(char::is_ascii_digit)
        && chars.iter().enumerate().all(|(i, c)| {
            c.is_ascii_uppercase()
                || c.is_ascii_digit()
                || matches!(c, 'x' | ' ' | '-' | '(' | ')')
                || i == 0 && super::valid::person::han(*c)
        });
    let surname = (2..=4).contains(&chars.len())
        && chars.first().is_some_and(|c| super::valid::person::han(*c));
    let mut hides = vec![false; chars.len()];
    let mut i = 0;
    while let Some(&c) = chars.get(i) {
        let run = chars
            .get(i..)
            .map_or(1, |r| r.iter().take_while(|d| **d == c).count())
            .max(1);
        // how many of it there are over what parts the groups of a number: `7XX-X199`
        let over = || {
            let part = |d: &&char| **d == c || matches!(d, ' ' | '-' | '.');
            let all = chars.get(i.saturating_sub(3)..).unwrap_or_default();
            all.iter()
                .skip_while(|d| **d != c)
                .take_while(part)
                .filter(|d| **d == c)
                .count()
        };
        let ends = i + run == chars.len();
        let hide = cover(c)
            || c == '…'
            || matches!(c, '#' | '·' | '.') && run >= 3
            || matches!(c, '#' | 'x' | 'X') && number && over() >= 3
            || matches!(c, '_' | '?' | '-' | '~') && run >= 3 && number
            || c == 'x' && run >= 3 && code
            || c == 'X' && code && (run >= 4 || run == 3 && i > 0 && !ends)
            || matches!(c, '某' | 'X' | 'x') && i > 0 && surname;
        if hide {
            for h in hides.iter_mut().skip(i).take(run) {
                *h = true;
            }
        }
        i += run;
    }
    let kept = chars.into_iter().zip(hides);
    Some(
        kept.filter(|(c, h)| *h || !number || !matches!(c, ' ' | '-' | '+' | '.' | '(' | ')'))
            .collect(),
    )
}

/// The value masked for display, by the usual habit of its class: enough stays to tell two values apart, not enough to use it.
pub fn show(class_name: &str, value: &str) -> String {
    let n = value.chars().count();
    let (head, tail) = match class_name {
        "password" | "private-key" => return "*".repeat(8),
        "cloud-key" | "api-key" | "session-token" | "jwt" => {
            return if n > 12 {
                format!("{}********", value.chars().take(4).collect::<String>())
            } else {
                "*".repeat(8)
            };
        }
        "email" => {
            let (local, domain) = value.split_once('@').unwrap_or((value, ""));
            let first: String = local.chars().take(1).collect();
            return if domain.is_empty() {
                format!("{first}***")
            } else {
                format!("{first}***@{domain}")
            };
        }
        "name" => (1, usize::from(n > 2 && !value.is_ascii())),
        "address" => (if value.is_ascii() { 4 } else { 6 }, 0),
        "birth-date" => (4, 0),
        "gps" => (3, 0),
        "cn-id" => (6, 4),
        "bank-card" | "iban" => (4, 4),
        "cn-mobile" => {
            let digits = value.chars().take_while(|c| !c.is_ascii_digit()).count();
            (digits + 3, 4)
        }
        "phone" | "cn-uscc" => (3, 2),
        "us-ssn" => (0, 4),
        "cn-plate" => (2, 2),
        "cn-passport" => (1, 2),
        "card-cvv" => return "***".to_owned(),
        "crypto-address" => (4, 4),
        name if super::kind::Kind::by_name(name).is_some_and(super::kind::Kind::national) => (2, 2),
        _ => (1, 1),
    };
    // Where little would stay hidden, more is.
    let least = if class_name == "name" { 1 } else { 2 };
    let (head, tail) = if head + tail + least > n {
        (n.min(3) / 3 + usize::from(n == 2), 0)
    } else {
        (head, tail)
    };
    value
        .chars()
        .enumerate()
        .map(|(i, c)| {
            if i < head || i + tail >= n || matches!(c, ' ' | '-') {
                c
            } else {
                '*'
            }
        })
        .collect()
}

/// `text` with the given byte spans masked by class; `class` turns a number into a name. Spans outside the text or across a character
/// are widened to whole characters; of overlapping ones the first wins and the rest of the second is hidden too.
pub fn redact(text: &str, spans: &[(usize, usize, u8)], class: &dyn Fn(u8) -> String) -> String {
    let mut spans: Vec<_> = spans.to_vec();
    spans.sort_unstable();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (from, to, c) in spans {
        let mut from = from.clamp(at, text.len());
        while !text.is_char_boundary(from) {
            from -= 1;
        }
        let mut to = to.min(text.len());
        while !text.is_char_boundary(to) {
            to += 1;
        }
        if to <= from {
            continue;
        }
        out.push_str(text.get(at..from).unwrap_or(""));
        out.push_str(&show(&class(c), text.get(from..to).unwrap_or("")));
        at = to;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read() {
        for (text, prefix, suffix, len, hidden) in [
            ("138****1234", "138", "1234", 11, 4),
            ("13****78", "13", "78", 8, 4),
            ("6222 **** **** 1234", "6222", "1234", 16, 8),
            ("6222-****-****-1234", "6222", "1234", 16, 8),
            ("张*", "张", "", 2, 1),
            ("*三", "", "三", 2, 1),
            ("欧阳**", "欧阳", "", 4, 2),
            ("j***@ex***.org", "j", ".org", 14, 6),
            ("******", "", "", 6, 6),
            ("110101********1234", "110101", "1234", 18, 8),
            ("110101xxxxxxxx1234", "110101", "1234", 18, 8),
            ("138••••1234", "138", "1234", 11, 4),
            ("138＊＊＊＊1234", "138", "1234", 11, 4),
            ("138####1234", "138", "1234", 11, 4),
            ("138····1234", "138", "1234", 11, 4),
            ("138____1234", "138", "1234", 11, 4),
            ("138----1234", "138", "1234", 11, 4),
            ("138⋆⋆⋆⋆1234", "138", "1234", 11, 4),
            ("李某某", "李", "", 3, 2),
            ("张X", "张", "", 2, 1),
            ("+86 138****1234", "86138", "1234", 13, 4),
        ] {
            let m = read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                (m.prefix.as_str(), m.suffix.as_str(), m.len, m.hidden),
                (prefix, suffix, len, hidden),
                "{text}"
            );
        }
        for text in [
            "13812345678",
            "plain",
            "",
            "阿卜杜拉·买买提",
            "#1",
            "xxl",
            "a.b..c",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn shown_values_hide_what_matters() {
        for (class, value, want) in [
            ("cn-mobile", "13812345678", "138****5678"),
            ("cn-mobile", "+86 13812345678", "+86 *******5678"),
            ("cn-id", "11010519491231002X", "110105********002X"),
            ("bank-card", "6222 0212 3456 7890", "6222 **** **** 7890"),
            ("name", "张三", "张*"),
            ("name", "李小明", "李*明"),
            ("email", "jane@example.org", "j***@example.org"),
            ("password", "hunter2", "********"),
            ("us-ssn", "536-22-9999", "***-**-9999"),
        ] {
            assert_eq!(show(class, value), want, "{class}");
        }
        for class in ["cn-id", "name", "x", "cn-plate", "phone", "email"] {
            for value in ["", "a", "ab", "中", "中文"] {
                let shown = show(class, value);
                assert!(value.is_empty() || shown != value, "{class} {value}");
            }
        }
    }

    #[test]
    fn spans_are_masked_in_place() {
        let class = |_: u8| "cn-mobile".to_string();
        assert_eq!(
            redact(
                "a 13812345678 b 13912345678",
                &[(2, 13, 0), (16, 27, 0)],
                &class
            ),
            "a 138****5678 b 139****5678"
        );
        assert_eq!(
            redact("中文", &[(1, 2, 0), (5, 99, 0)], &class)
                .chars()
                .count(),
            2
        );
        assert_eq!(redact("abcdef", &[(0, 4, 0), (2, 9, 0)], &class).len(), 6);
    }
}
