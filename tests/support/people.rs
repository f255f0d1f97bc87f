//! Made-up people whose numbers are valid by the published rules, written without the program's own validators.

use super::random::Random;

#[derive(Debug, Clone)]
pub struct Person {
    pub name: String,
    pub cn_id: String,
    pub mobile: String,
    pub card: String,
    pub email: String,
}

const SURNAMES: [&str; 12] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙",
];
const GIVEN: [&str; 16] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "洋", "勇", "艳", "杰", "涛", "明", "超", "霞",
];
const REGIONS: [&str; 8] = [
    "110101", "310104", "440106", "510107", "330106", "320102", "420106", "610113",
];

/// GB 11643: weights, modulo 11.
pub fn cn_id(r: &mut Random) -> String {
    let mut s = format!(
        "{}{:04}{:02}{:02}{:03}",
        r.pick(&REGIONS),
        1950 + r.below(55),
        1 + r.below(12),
        1 + r.below(28),
        r.below(1000)
    );
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = s
        .bytes()
        .zip(weights)
        .map(|(b, w)| u32::from(b - b'0') * w)
        .sum();
    s.push("10X98765432".as_bytes()[(sum % 11) as usize] as char);
    s
}

/// ISO/IEC 7812 with a UnionPay or Visa prefix.
pub fn card(r: &mut Random) -> String {
    let mut s = if r.chance(70) {
        format!("622202{}", r.digits(12))
    } else {
        format!("453913{}", r.digits(9))
    };
    let sum: u32 = s
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b - b'0');
            if i % 2 == 0 {
                if d > 4 { d * 2 - 9 } else { d * 2 }
            } else {
                d
            }
        })
        .sum();
    s.push(char::from(b'0' + ((10 - sum % 10) % 10) as u8));
    s
}

pub fn mobile(r: &mut Random) -> String {
    format!(
        "1{}{}",
        r.pick(&["38", "39", "50", "58", "77", "86", "99"]),
        r.digits(8)
    )
}

pub fn person(r: &mut Random) -> Person {
    let name = format!("{}{}{}", r.pick(&SURNAMES), r.pick(&GIVEN), r.pick(&GIVEN));
    Person {
        name,
        cn_id: cn_id(r),
        mobile: mobile(r),
        card: card(r),
        email: format!("u{}.{}@mail.example", r.hex(5), r.digits(4)),
    }
}
