//! Values of data classes, made by the published rules without the program's own validators, and values of things that only look alike.
//! In: a seeded source of numbers. Out: values with the keys that systems give them.

use super::random::Random;

type Maker = fn(&mut Random) -> String;

/// A class of values.
pub struct Class {
    pub id: &'static str,
    /// Keys it stands under: English, pinyin, abbreviations, Chinese.
    pub keys: &'static [&'static str],
    /// How many values of a column tell it without a key; 0: none does.
    pub alone: usize,
    pub make: Maker,
}

/// Something that is of no class.
pub struct Decoy {
    pub what: &'static str,
    pub keys: &'static [&'static str],
    pub make: Maker,
}

fn pick<'a>(r: &mut Random, of: &[&'a str]) -> &'a str {
    of[r.below(of.len() as u64) as usize]
}
fn of(r: &mut Random, set: &str, n: usize) -> String {
    let set: Vec<char> = set.chars().collect();
    (0..n).map(|_| *r.pick(&set)).collect()
}
fn digit(n: u64) -> char {
    char::from(b'0' + (n % 10) as u8)
}
fn values(s: &str) -> Vec<u64> {
    s.chars()
        .map(|c| u64::from(c.to_digit(36).unwrap()))
        .collect()
}
/// Sum of digits times weights.
fn weighted(s: &str, weights: &[u64]) -> u64 {
    values(s).iter().zip(weights).map(|(d, w)| d * w).sum()
}
fn day(r: &mut Random, from: u64, years: u64) -> (u64, u64, u64) {
    (from + r.below(years), 1 + r.below(12), 1 + r.below(28))
}
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const BASE62: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub const AREAS: [&str; 16] = [
    "110101", "310115", "440305", "330106", "510104", "420106", "320102", "370202", "610113",
    "350203", "500103", "120101", "211002", "452501", "632801", "230102",
];

/// Luhn's digit found by trying.
pub fn luhn(head: &str) -> String {
    (0..10)
        .map(|c| format!("{head}{c}"))
        .find(|all| {
            let sum: u32 = all
                .chars()
                .rev()
                .enumerate()
                .map(|(i, c)| {
                    let d = c.to_digit(10).unwrap() << (i & 1);
                    d / 10 + d % 10
                })
                .sum();
            sum.is_multiple_of(10)
        })
        .unwrap()
}

pub fn cn_id(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 65);
    let head = format!("{}{y:04}{m:02}{d:02}{}", pick(r, &AREAS), r.digits(3));
    let sum: u64 = values(&head)
        .iter()
        .enumerate()
        .map(|(i, v)| v << (17 - i))
        .sum();
    let check = (12 - sum % 11) % 11;
    let end = if check == 10 {
        pick(r, &["X", "X", "x"]).to_owned()
    } else {
        check.to_string()
    };
    format!("{head}{end}")
}

fn mobile(r: &mut Random) -> String {
    let head = pick(
        r,
        &[
            "138", "139", "150", "158", "177", "186", "199", "147", "166", "191", "135", "188",
        ],
    );
    format!("{head}{}", r.digits(8))
}

fn bank_card(r: &mut Random) -> String {
    let bin = pick(
        r,
        &[
            "622202", "621700", "622848", "623058", "620522", "625912", "453913", "520108",
            "356833", "622588",
        ],
    );
    let len = match &bin[..2] {
        "45" | "52" | "35" => 16,
        "62" if bin != "625912" && bin != "622588" => 19,
        _ => 16,
    };
    let head = format!("{bin}{}", r.digits(len - 7));
    luhn(&head)
}

pub fn uscc(r: &mut Random) -> String {
    let set = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let head = format!(
        "{}{}{}",
        pick(r, &["91", "91", "92", "52", "12"]),
        pick(r, &AREAS),
        of(r, set, 9)
    );
    let mut sum = 0;
    for (i, c) in head.chars().enumerate() {
        sum += set.find(c).unwrap() as u64 * 3u64.pow(i as u32) % 31;
    }
    format!(
        "{head}{}",
        set.chars().nth(((31 - sum % 31) % 31) as usize).unwrap()
    )
}

fn iban(r: &mut Random) -> String {
    let (cc, bban) = match r.below(5) {
        0 => ("DE", r.digits(18)),
        1 => (
            "FR",
            format!(
                "{}{}{}",
                r.digits(10),
                of(r, "0123456789ABCDEF", 11),
                r.digits(2)
            ),
        ),
        2 => (
            "GB",
            format!("{}{}", pick(r, &["WEST", "BARC", "NWBK"]), r.digits(14)),
        ),
        3 => ("ES", r.digits(20)),
        _ => (
            "NL",
            format!("{}{}", pick(r, &["ABNA", "RABO", "INGB"]), r.digits(10)),
        ),
    };
    let number: String = values(&format!("{bban}{cc}00"))
        .iter()
        .map(u64::to_string)
        .collect();
    let rest = number
        .bytes()
        .fold(0u64, |n, b| (n * 10 + u64::from(b - b'0')) % 97);
    let all = format!("{cc}{:02}{bban}", 98 - rest);
    if r.chance(15) {
        let groups: Vec<&str> = all
            .as_bytes()
            .chunks(4)
            .map(|c| std::str::from_utf8(c).unwrap())
            .collect();
        return groups.join(" ");
    }
    all
}

const SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林",
    "何", "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹",
    "袁", "邓", "许", "傅", "沈", "曾", "彭", "欧阳",
];
pub fn name(r: &mut Random) -> String {
    let n = 1 + usize::from(r.chance(70));
    format!(
        "{}{}",
        pick(r, &SURNAMES),
        of(
            r,
            "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红建国志文浩然子涵梓欣怡雨轩",
            n
        )
    )
}
fn latin_name(r: &mut Random) -> String {
    let first = pick(
        r,
        &[
            "John",
            "Mary",
            "Wei",
            "Hans",
            "José",
            "Anna-Maria",
            "Olivier",
            "Priya",
            "Kenji",
            "Fatima",
            "Grace",
        ],
    );
    let last = pick(
        r,
        &[
            "Smith",
            "García",
            "Müller",
            "Zhang",
            "O'Neil",
            "Tanaka",
            "Okafor",
            "van der Berg",
            "Rossi",
            "Kumar",
        ],
    );
    format!("{first} {last}")
}
fn address(r: &mut Random) -> String {
    let place = pick(
        r,
        &[
            "北京市朝阳区",
            "上海市浦东新区",
            "广东省深圳市南山区",
            "浙江省杭州市西湖区",
            "四川省成都市武侯区",
            "江苏省南京市鼓楼区",
            "湖北省武汉市洪山区",
            "陕西省西安市雁塔区",
        ],
    );
    let road = pick(
        r,
        &[
            "建国", "人民", "中山", "文三", "天府", "解放", "珞喻", "科技",
        ],
    );
    match r.below(3) {
        0 => format!(
            "{place}{road}路{}号{}室",
            1 + r.below(300),
            101 + r.below(900)
        ),
        1 => format!(
            "{place}{road}大道{}号{}小区{}栋{}单元{}",
            1 + r.below(300),
            pick(r, &["阳光", "锦绣", "翠苑"]),
            1 + r.below(30),
            1 + r.below(4),
            101 + r.below(900)
        ),
        _ => format!(
            "{place}{road}街道{}路{}弄{}号",
            pick(r, &["古美", "长宁", "学院"]),
            1 + r.below(900),
            1 + r.below(99)
        ),
    }
}
fn birth(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 65);
    match r.below(4) {
        0 => format!("{y:04}{m:02}{d:02}"),
        1 => format!("{y}/{m}/{d}"),
        _ => format!("{y:04}-{m:02}-{d:02}"),
    }
}
fn email(r: &mut Random) -> String {
    let user = pick(
        r,
        &[
            "li.wei",
            "zhang_san",
            "j.smith",
            "wang",
            "maria.g",
            "chen88",
            "huang-l",
        ],
    );
    format!(
        "{user}{}@{}",
        r.below(999),
        pick(
            r,
            &[
                "example.com",
                "163.com",
                "qq.com",
                "mail.example.org",
                "corp.example.cn",
                "gmail.com"
            ]
        )
    )
}
fn ssn(r: &mut Random) -> String {
    format!(
        "{:03}-{:02}-{:04}",
        1 + r.below(600),
        1 + r.below(99),
        1 + r.below(9999)
    )
}
fn plate(r: &mut Random) -> String {
    let place = pick(r, &["京", "沪", "粤", "浙", "苏", "川", "鲁", "鄂"]);
    let city = of(r, "ABCDEFGH", 1);
    if r.chance(30) {
        format!("{place}{city}{}{}", of(r, "DF", 1), r.digits(5))
    } else {
        format!(
            "{place}{city}{}{}",
            of(r, "ABCDEFGHJKLMNPQRSTUVWXYZ", 1),
            r.digits(4)
        )
    }
}
fn landline(r: &mut Random) -> String {
    let (area, n) = *r.pick(&[
        ("010", 8),
        ("021", 8),
        ("0571", 8),
        ("0755", 8),
        ("0731", 8),
        ("0370", 7),
    ]);
    format!("{area}-{}{}", 2 + r.below(7), r.digits(n - 1))
}
fn e164(r: &mut Random) -> String {
    match r.below(5) {
        0 => format!(
            "+1{}{}{}{}",
            2 + r.below(8),
            r.digits(2),
            2 + r.below(8),
            r.digits(6)
        ),
        1 => format!("+44 7{} {}", r.digits(3), r.digits(6)),
        2 => format!("+49 151 {}", r.digits(8)),
        3 => format!("+91 9{} {}", r.digits(4), r.digits(5)),
        _ => format!("+33{}{}", 6 + r.below(2), r.digits(8)),
    }
}
fn position(r: &mut Random) -> String {
    format!("{}.{}", 20 + r.below(90), of(r, "123456789", 6))
}
fn password(r: &mut Random) -> String {
    let word = pick(
        r,
        &[
            "Sunshine", "qwerty", "Spring", "admin", "P@ss", "zhang", "dragon",
        ],
    );
    format!("{word}{}{}", of(r, "!@#$_", 1), r.digits(4))
}
fn jwt(r: &mut Random) -> String {
    use base64::Engine as _;
    let b64 = |s: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(s);
    format!(
        "{}.{}.{}",
        b64("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"),
        b64(&format!(
            "{{\"sub\":\"{}\",\"iat\":17{}}}",
            r.below(99999),
            r.digits(8)
        )),
        of(r, BASE62, 43)
    )
}
fn pem(r: &mut Random) -> String {
    let lines: Vec<String> = (0..4).map(|_| of(r, BASE62, 64)).collect();
    format!(
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        lines.join("\n")
    )
}
fn cloud_key(r: &mut Random) -> String {
    match r.below(4) {
        0 => format!("AKIA{}", of(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
        1 => format!("AIza{}", of(r, BASE62, 35)),
        2 => format!("LTAI5t{}", of(r, BASE62, 18)),
        _ => format!("AKID{}", of(r, BASE62, 32)),
    }
}
fn service_key(r: &mut Random) -> String {
    match r.below(6) {
        0 => format!("sk_live_{}", of(r, BASE62, 24)),
        1 => format!("ghp_{}", of(r, BASE62, 36)),
        2 => format!("glpat-{}", of(r, BASE62, 20)),
        3 => format!(
            "xoxb-{}-{}-{}",
            r.digits(12),
            r.digits(12),
            of(r, BASE62, 24)
        ),
        4 => format!("SG.{}.{}", of(r, BASE62, 22), of(r, BASE62, 43)),
        _ => format!("npm_{}", of(r, BASE62, 36)),
    }
}

fn nino(r: &mut Random) -> String {
    let s = format!(
        "{}{}{}{}",
        of(r, "ACEHJLMPRSTWXY", 1),
        of(r, "ABCEHJKLMPRSTWXYZ", 1),
        r.digits(6),
        of(r, "ABCD", 1)
    );
    if r.chance(30) {
        return format!(
            "{} {} {} {} {}",
            &s[..2],
            &s[2..4],
            &s[4..6],
            &s[6..8],
            &s[8..]
        );
    }
    s
}
fn nhs(r: &mut Random) -> String {
    loop {
        let head = format!("{}{}", 4 + r.below(4), r.digits(8));
        let check = 11 - weighted(&head, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        if check != 10 {
            let s = format!("{head}{}", check % 11);
            return if r.chance(50) {
                format!("{} {} {}", &s[..3], &s[3..6], &s[6..])
            } else {
                s
            };
        }
    }
}
/// Verhoeff's check by the dihedral group's own arithmetic instead of its table.
fn aadhaar(r: &mut Random) -> String {
    let mul = |a: u64, b: u64| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let mut perm = vec![
        (0..10).collect::<Vec<u64>>(),
        vec![1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    ];
    for i in 2..8 {
        let next = (0..10).map(|j| perm[i - 1][perm[1][j] as usize]).collect();
        perm.push(next);
    }
    let head = format!("{}{}", 2 + r.below(8), r.digits(10));
    let s = (0..10)
        .map(|c| format!("{head}{c}"))
        .find(|all| {
            all.chars().rev().enumerate().fold(0, |c, (i, d)| {
                mul(c, perm[i % 8][d.to_digit(10).unwrap() as usize])
            }) == 0
        })
        .unwrap();
    if r.chance(50) {
        format!("{} {} {}", &s[..4], &s[4..8], &s[8..])
    } else {
        s
    }
}
fn pan_india(r: &mut Random) -> String {
    format!(
        "{}P{}{}{}",
        of(r, UPPER, 3),
        of(r, UPPER, 1),
        r.digits(4),
        of(r, UPPER, 1)
    )
}
fn cpf(r: &mut Random) -> String {
    let mut s = r.digits(9);
    for _ in 0..2 {
        let n = s.len() as u64;
        let sum: u64 = values(&s)
            .iter()
            .enumerate()
            .map(|(i, d)| d * (n + 1 - i as u64))
            .sum();
        s.push(digit(if sum % 11 < 2 { 0 } else { 11 - sum % 11 }));
    }
    if r.chance(60) {
        format!("{}.{}.{}-{}", &s[..3], &s[3..6], &s[6..9], &s[9..])
    } else {
        s
    }
}
fn cnpj(r: &mut Random) -> String {
    let mut s = format!("{}0001", r.digits(8));
    for _ in 0..2 {
        let sum: u64 = values(&s)
            .iter()
            .rev()
            .enumerate()
            .map(|(i, d)| d * (2 + i as u64 % 8))
            .sum();
        s.push(digit(if sum % 11 < 2 { 0 } else { 11 - sum % 11 }));
    }
    if r.chance(60) {
        format!(
            "{}.{}.{}/{}-{}",
            &s[..2],
            &s[2..5],
            &s[5..8],
            &s[8..12],
            &s[12..]
        )
    } else {
        s
    }
}
fn sin(r: &mut Random) -> String {
    let s = luhn(&format!("{}{}", 1 + r.below(7), r.digits(7)));
    if r.chance(60) {
        format!("{} {} {}", &s[..3], &s[3..6], &s[6..])
    } else {
        s
    }
}
fn tfn(r: &mut Random) -> String {
    loop {
        let s = format!("{}{}", 1 + r.below(9), r.digits(8));
        if weighted(&s, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11) {
            return if r.chance(50) {
                format!("{} {} {}", &s[..3], &s[3..6], &s[6..])
            } else {
                s
            };
        }
    }
}
fn nir(r: &mut Random) -> String {
    let head = format!(
        "{}{:02}{:02}{:02}{:03}{:03}",
        1 + r.below(2),
        r.below(100),
        1 + r.below(12),
        1 + r.below(95),
        1 + r.below(900),
        1 + r.below(900)
    );
    let s = format!("{head}{:02}", 97 - head.parse::<u64>().unwrap() % 97);
    if r.chance(40) {
        return format!(
            "{} {} {} {} {} {} {}",
            &s[..1],
            &s[1..3],
            &s[3..5],
            &s[5..7],
            &s[7..10],
            &s[10..13],
            &s[13..]
        );
    }
    s
}
fn steuer_id(r: &mut Random) -> String {
    // ten digits of which one stands twice and one is missing, then ISO 7064 mod 11,10
    let mut d: Vec<u64> = (0..10).collect();
    r.shuffle(&mut d);
    d[9] = d[1 + r.below(7) as usize];
    if d[0] == 0 {
        d.swap(0, 1);
    }
    let mut p = 10;
    for n in &d {
        let s = match (n + p) % 10 {
            0 => 10,
            s => s,
        };
        p = s * 2 % 11;
    }
    let check = (11 - p) % 10;
    d.iter().map(|n| digit(*n)).chain([digit(check)]).collect()
}
fn dni(r: &mut Random) -> String {
    let letters = "TRWAGMYFPDXBNJZSQVHLCKE";
    let n = r.below(100_000_000);
    let (text, n) = if r.chance(25) {
        let lead = r.below(3);
        let rest = n % 10_000_000;
        (
            format!("{}{rest:07}", ["X", "Y", "Z"][lead as usize]),
            lead * 10_000_000 + rest,
        )
    } else {
        (format!("{n:08}"), n)
    };
    format!("{text}{}", &letters[(n % 23) as usize..][..1])
}
fn codice_fiscale(r: &mut Random) -> String {
    let consonants = "BCDFGLMNPRSTVZ";
    let head = format!(
        "{}{:02}{}{:02}{}{:03}",
        of(r, consonants, 6),
        r.below(100),
        of(r, "ABCDEHLMPRST", 1),
        1 + r.below(28) + 40 * r.below(2),
        of(r, "ABCDEFGHI", 1),
        1 + r.below(900)
    );
    let odd = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let sum: u64 = head
        .bytes()
        .enumerate()
        .map(|(i, b)| {
            let n = u64::from(if b.is_ascii_digit() {
                b - b'0'
            } else {
                b - b'A'
            });
            if i % 2 == 0 { odd[n as usize] } else { n }
        })
        .sum();
    format!("{head}{}", char::from(b'A' + (sum % 26) as u8))
}
fn bsn(r: &mut Random) -> String {
    loop {
        let head = format!("{}{}", 1 + r.below(8), r.digits(7));
        let sum = weighted(&head, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
        if sum < 10 {
            return format!("{head}{sum}");
        }
    }
}
fn pesel(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 60);
    let month = if y >= 2000 { m + 20 } else { m };
    let head = format!("{:02}{month:02}{d:02}{}", y % 100, r.digits(4));
    let sum = weighted(&head, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    format!("{head}{}", digit(10 - sum % 10))
}
fn personnummer(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 60);
    let tail = luhn(&format!("{:02}{m:02}{d:02}{}", y % 100, r.digits(3)));
    if r.chance(50) {
        format!("{}-{}", &tail[..6], &tail[6..])
    } else {
        format!("{}{}-{}", y / 100, &tail[..6], &tail[6..])
    }
}
fn rrn(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 60);
    let sex = if y >= 2000 {
        3 + r.below(2)
    } else {
        1 + r.below(2)
    };
    let head = format!("{:02}{m:02}{d:02}{sex}{}", y % 100, r.digits(5));
    let sum = weighted(&head, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]);
    format!(
        "{}-{}{}",
        &head[..6],
        &head[6..],
        digit((11 - sum % 11) % 10)
    )
}
fn my_number(r: &mut Random) -> String {
    let head = r.digits(11);
    let sum: u64 = values(&head)
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| d * if i < 6 { i as u64 + 2 } else { i as u64 - 4 })
        .sum();
    format!(
        "{head}{}",
        digit(if sum % 11 <= 1 { 0 } else { 11 - sum % 11 })
    )
}
fn nric(r: &mut Random) -> String {
    let lead = *r.pick(&['S', 'T', 'F', 'G']);
    let d = r.digits(7);
    let sum = weighted(&d, &[2, 7, 6, 5, 4, 3, 2]) + if matches!(lead, 'T' | 'G') { 4 } else { 0 };
    let set = if matches!(lead, 'S' | 'T') {
        "JZIHGFEDCBA"
    } else {
        "XWUTRQPNMLK"
    };
    format!("{lead}{d}{}", &set[(sum % 11) as usize..][..1])
}
fn hkid(r: &mut Random) -> String {
    let lead = of(r, "ABCDEGHKPRVYZ", 1);
    let d = r.digits(6);
    // a blank before one letter counts 36
    let sum = 36 * 9 + values(&lead)[0] * 8 + weighted(&d, &[7, 6, 5, 4, 3, 2]);
    let check = match (11 - sum % 11) % 11 {
        10 => "A".to_owned(),
        n => n.to_string(),
    };
    format!("{lead}{d}({check})")
}
fn twid(r: &mut Random) -> String {
    let lead = of(r, "ABCDEFGHJKLMNPQRSTUVXYWZIO", 1);
    let n = 10 + "ABCDEFGHJKLMNPQRSTUVXYWZIO".find(&lead).unwrap() as u64;
    let d = format!("{}{}", 1 + r.below(2), r.digits(7));
    let sum = n / 10 + n % 10 * 9 + weighted(&d, &[8, 7, 6, 5, 4, 3, 2, 1]);
    format!("{lead}{d}{}", digit(10 - sum % 10))
}
fn curp(r: &mut Random) -> String {
    let (y, m, d) = day(r, 1945, 54);
    let head = format!(
        "{}{}{}{:02}{m:02}{d:02}{}{}{}{}",
        of(r, "BCDFGHLMPRSTV", 1),
        of(r, "AEIOU", 1),
        of(r, "BCDFGHLMPRSTV", 2),
        y % 100,
        of(r, "HM", 1),
        pick(r, &["DF", "JC", "NL", "MC", "PL"]),
        of(r, "BCDFGHLMNPRSTV", 3),
        r.below(10)
    );
    let set: Vec<char> = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ".chars().collect();
    let sum: u64 = head
        .chars()
        .enumerate()
        .map(|(i, c)| set.iter().position(|s| *s == c).unwrap() as u64 * (18 - i as u64))
        .sum();
    format!("{head}{}", digit((10 - sum % 10) % 10))
}
fn mbi(r: &mut Random) -> String {
    let l = "ACDEFGHJKMNPQRTUVWXY";
    let a = "ACDEFGHJKMNPQRTUVWXY0123456789";
    format!(
        "{}{}{}{}{}{}{}{}{}",
        1 + r.below(9),
        of(r, l, 1),
        of(r, a, 1),
        r.below(10),
        of(r, l, 1),
        of(r, a, 1),
        r.below(10),
        of(r, l, 2),
        r.digits(2)
    )
}
fn routing(r: &mut Random) -> String {
    loop {
        let s = format!("{:02}{}", 1 + r.below(12), r.digits(7));
        if weighted(&s, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10) {
            return s;
        }
    }
}
fn swift(r: &mut Random) -> String {
    let bank = pick(r, &["DEUT", "BKCH", "ICBK", "CHAS", "BARC", "HSBC"]);
    let place = pick(r, &["DE", "CN", "US", "GB", "FR", "HK"]);
    let end = if r.chance(50) {
        of(r, "0123456789ABC", 3)
    } else {
        String::new()
    };
    format!(
        "{bank}{place}{}{end}",
        pick(r, &["FF", "BJ", "33", "22", "HH"])
    )
}
fn base58check(payload: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut all = payload.to_vec();
    all.extend_from_slice(&Sha256::digest(Sha256::digest(payload))[..4]);
    let mut digits = vec![0u32];
    for b in &all {
        let mut carry = u32::from(*b);
        for d in &mut digits {
            carry += *d << 8;
            *d = carry % 58;
            carry /= 58;
        }
        while carry > 0 {
            digits.push(carry % 58);
            carry /= 58;
        }
    }
    let zeros = all.iter().take_while(|b| **b == 0).count();
    let set = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    "1".repeat(zeros)
        + &digits
            .iter()
            .rev()
            .map(|d| char::from(set[*d as usize]))
            .collect::<String>()
}
fn bech32(r: &mut Random) -> String {
    let set: Vec<char> = "qpzry9x8gf2tvdw0s3jn54khce6mua7l".chars().collect();
    let mut data = vec![0u32];
    data.extend((0..32).map(|_| r.below(32) as u32));
    let mut check = 1u32;
    let feed = |v: u32, check: &mut u32| {
        let top = *check >> 25;
        *check = (*check & 0x01ff_ffff) << 5 ^ v;
        for (i, g) in [
            0x3b6a_57b2u32,
            0x2650_8e6d,
            0x1ea1_19fa,
            0x3d42_33dd,
            0x2a14_62b3,
        ]
        .iter()
        .enumerate()
        {
            if top >> i & 1 == 1 {
                *check ^= g;
            }
        }
    };
    for v in [3, 3, 0, 2, 3] {
        feed(v, &mut check); // "bc": high bits, zero, low bits
    }
    for v in data.iter().copied().chain([0; 6]) {
        feed(v, &mut check);
    }
    check ^= 1;
    data.extend((0..6).map(|i| check >> (5 * (5 - i)) & 31));
    format!(
        "bc1{}",
        data.iter().map(|d| set[*d as usize]).collect::<String>()
    )
}
fn coin(r: &mut Random) -> String {
    let mut payload: Vec<u8> = (0..21).map(|_| r.below(256) as u8).collect();
    match r.below(4) {
        0 => payload[0] = 0,
        1 => payload[0] = 0x41,
        2 => return bech32(r),
        _ => return format!("0x{}", r.hex(40)),
    }
    base58check(&payload)
}
fn mrz(r: &mut Random) -> String {
    let check = |s: &str| {
        let sum: u64 = s
            .chars()
            .zip([7, 3, 1].into_iter().cycle())
            .map(|(c, w)| {
                w * if c == '<' {
                    0
                } else {
                    u64::from(c.to_digit(36).unwrap())
                }
            })
            .sum();
        digit(sum)
    };
    let line = format!(
        "P<UTO{}<<{}",
        pick(r, &["ERIKSSON", "MUELLER", "OKAFOR"]),
        pick(r, &["ANNA<MARIA", "HANS", "GRACE"])
    );
    let number = format!("{}{}", of(r, UPPER, 1), r.digits(8));
    let (y, m, d) = day(r, 1950, 50);
    let (birth, expiry) = (
        format!("{:02}{m:02}{d:02}", y % 100),
        format!("{:02}{m:02}{d:02}", 26 + r.below(8)),
    );
    let (c1, c2, c3) = (check(&number), check(&birth), check(&expiry));
    let personal = "<<<<<<<<<<<<<<";
    let (sex, c4) = (pick(r, &["F", "M"]), '0');
    let last = check(&format!(
        "{number}{c1}{birth}{c2}{expiry}{c3}{personal}{c4}"
    ));
    format!("{line:<<44}\n{number}{c1}UTO{birth}{c2}{sex}{expiry}{c3}{personal}{c4}{last}")
}
fn permit(r: &mut Random) -> String {
    match r.below(4) {
        0 => format!("{}{}", pick(r, &["H", "M"]), r.digits(8)),
        1 => format!("{}{}", pick(r, &["H", "M"]), r.digits(10)),
        2 => format!("C{}{}", of(r, "ABCDEFGH", 1), r.digits(7)),
        _ => format!("C{}", r.digits(8)),
    }
}
fn foreign_passport(r: &mut Random) -> String {
    match r.below(4) {
        0 => r.digits(9),
        1 => format!("{}{}", of(r, "CFGHJKLMNPRTVWXYZ", 2), r.digits(7)),
        2 => format!("{}{}", of(r, "ABCXYZ", 1), r.digits(7)),
        _ => format!("{}{}{}", r.digits(2), of(r, UPPER, 2), r.digits(5)),
    }
}

pub const CLASSES: &[Class] = &[
    Class {
        id: "cn-id",
        keys: &[
            "idCard",
            "id_card_no",
            "certNo",
            "identityNumber",
            "sfzh",
            "sfzhm",
            "zjhm",
            "身份证号",
            "证件号码",
            "公民身份号码",
        ],
        alone: 1,
        make: cn_id,
    },
    Class {
        id: "cn-mobile",
        keys: &[
            "mobile",
            "phone",
            "phoneNumber",
            "contact_phone",
            "mobile_no",
            "sjh",
            "sjhm",
            "lxdh",
            "手机号",
            "联系电话",
        ],
        alone: 3,
        make: mobile,
    },
    Class {
        id: "bank-card",
        keys: &[
            "cardNo",
            "bankCard",
            "bank_card_no",
            "accountNo",
            "yhkh",
            "yinhangkahao",
            "kahao",
            "银行卡号",
            "收款账号",
        ],
        alone: 3,
        make: bank_card,
    },
    Class {
        id: "cn-uscc",
        keys: &[
            "creditCode",
            "uscc",
            "social_credit_code",
            "tyshxydm",
            "taxNo",
            "统一社会信用代码",
            "纳税人识别号",
        ],
        alone: 1,
        make: uscc,
    },
    Class {
        id: "iban",
        keys: &["iban", "bankAccount", "iban_no", "payeeIban"],
        alone: 1,
        make: iban,
    },
    Class {
        id: "email",
        keys: &[
            "email",
            "mail",
            "contactEmail",
            "e_mail",
            "yx",
            "dzyx",
            "邮箱",
            "电子邮箱",
        ],
        alone: 1,
        make: email,
    },
    Class {
        id: "name",
        keys: &[
            "realName",
            "custName",
            "full_name",
            "contactName",
            "patientName",
            "xm",
            "khxm",
            "lxr",
            "姓名",
            "联系人",
            "客户姓名",
        ],
        alone: 0,
        make: name,
    },
    Class {
        id: "name",
        keys: &[
            "fullName",
            "cardholder",
            "customer_name",
            "passengerName",
            "contactName",
        ],
        alone: 0,
        make: latin_name,
    },
    Class {
        id: "address",
        keys: &[
            "address",
            "homeAddr",
            "detail_address",
            "shippingAddress",
            "dz",
            "jtdz",
            "住址",
            "收货地址",
            "家庭地址",
        ],
        alone: 1,
        make: address,
    },
    Class {
        id: "birth-date",
        keys: &[
            "birthday",
            "dob",
            "birth_date",
            "dateOfBirth",
            "csrq",
            "出生日期",
            "生日",
        ],
        alone: 0,
        make: birth,
    },
    Class {
        id: "us-ssn",
        keys: &["ssn", "socialSecurityNumber", "social_security_no"],
        alone: 3,
        make: ssn,
    },
    Class {
        id: "cn-passport",
        keys: &[
            "passportNo",
            "passport",
            "passport_number",
            "hzh",
            "huzhao",
            "护照号",
            "护照号码",
        ],
        alone: 0,
        make: |r| {
            format!("{}{}", pick(r, &["E", "G", "E", "EA", "EB"]), r.digits(8))[..9].to_owned()
        },
    },
    Class {
        id: "cn-plate",
        keys: &[
            "plateNo",
            "car_no",
            "licensePlate",
            "cph",
            "chepai",
            "车牌号",
            "车牌号码",
        ],
        alone: 1,
        make: plate,
    },
    Class {
        id: "password",
        keys: &[
            "password",
            "passwd",
            "login_pwd",
            "userPassword",
            "mima",
            "密码",
            "登录密码",
        ],
        alone: 0,
        make: password,
    },
    Class {
        id: "session-token",
        keys: &[
            "accessToken",
            "sessionId",
            "refresh_token",
            "token",
            "JSESSIONID",
        ],
        alone: 0,
        make: |r| r.hex(32),
    },
    Class {
        id: "jwt",
        keys: &["token", "idToken", "access_token", "jwt", "authorization"],
        alone: 1,
        make: jwt,
    },
    Class {
        id: "private-key",
        keys: &["privateKey", "private_key", "pem", "key", "私钥"],
        alone: 1,
        make: pem,
    },
    Class {
        id: "cloud-key",
        keys: &["accessKeyId", "access_key_id", "secretId", "ak"],
        alone: 1,
        make: cloud_key,
    },
    Class {
        id: "api-key",
        keys: &["apiKey", "api_key", "appSecret", "clientSecret"],
        alone: 0,
        make: |r| of(r, BASE62, 32),
    },
    Class {
        id: "api-key",
        keys: &["apiKey", "integration", "config", "credential"],
        alone: 1,
        make: service_key,
    },
    Class {
        id: "gps",
        keys: &[
            "latitude",
            "lng",
            "longitude",
            "lat",
            "jd",
            "wd",
            "经度",
            "纬度",
        ],
        alone: 0,
        make: position,
    },
    Class {
        id: "phone",
        keys: &[
            "tel",
            "fax",
            "landline",
            "office_phone",
            "zuoji",
            "座机",
            "传真",
            "固定电话",
        ],
        alone: 3,
        make: landline,
    },
    Class {
        id: "phone",
        keys: &["phone", "phoneNumber", "contact_number", "whatsapp", "tel"],
        alone: 1,
        make: e164,
    },
    Class {
        id: "gb-nino",
        keys: &[
            "nino",
            "niNumber",
            "national_insurance_number",
            "nationalInsuranceNo",
        ],
        alone: 0,
        make: nino,
    },
    Class {
        id: "gb-nhs",
        keys: &["nhsNumber", "nhs_no", "nhsNo"],
        alone: 0,
        make: nhs,
    },
    Class {
        id: "in-aadhaar",
        keys: &[
            "aadhaar",
            "aadhaarNumber",
            "aadhaar_no",
            "aadharNo",
            "uidai",
        ],
        alone: 0,
        make: aadhaar,
    },
    Class {
        id: "in-pan",
        keys: &["panNumber", "pan_no", "panCard", "pan_card_no"],
        alone: 0,
        make: pan_india,
    },
    Class {
        id: "br-cpf",
        keys: &["cpf", "cpfNumber", "nr_cpf", "documentoCpf"],
        alone: 0,
        make: cpf,
    },
    Class {
        id: "br-cnpj",
        keys: &["cnpj", "cnpjNumber", "nr_cnpj"],
        alone: 0,
        make: cnpj,
    },
    Class {
        id: "ca-sin",
        keys: &["sin", "sinNumber", "social_insurance_number"],
        alone: 0,
        make: sin,
    },
    Class {
        id: "au-tfn",
        keys: &["tfn", "taxFileNumber", "tax_file_no"],
        alone: 0,
        make: tfn,
    },
    Class {
        id: "fr-nir",
        keys: &[
            "nir",
            "numeroSecu",
            "num_secu",
            "insee",
            "numeroSecuriteSociale",
        ],
        alone: 3,
        make: nir,
    },
    Class {
        id: "de-tax-id",
        keys: &[
            "steuerId",
            "steuer_id",
            "idnr",
            "steuerIdNr",
            "steueridentifikationsnummer",
        ],
        alone: 0,
        make: steuer_id,
    },
    Class {
        id: "es-dni",
        keys: &["dni", "nif", "dniNie", "nie", "documento_dni"],
        alone: 0,
        make: dni,
    },
    Class {
        id: "it-cf",
        keys: &["codiceFiscale", "codice_fiscale", "codFiscale"],
        alone: 1,
        make: codice_fiscale,
    },
    Class {
        id: "nl-bsn",
        keys: &["bsn", "burgerservicenummer", "bsnNumber"],
        alone: 0,
        make: bsn,
    },
    Class {
        id: "pl-pesel",
        keys: &["pesel", "numerPesel", "pesel_no"],
        alone: 0,
        make: pesel,
    },
    Class {
        id: "se-pnr",
        keys: &["personnummer", "personNr", "person_nummer"],
        alone: 0,
        make: personnummer,
    },
    Class {
        id: "kr-rrn",
        keys: &["rrn", "juminNo", "jumin_number", "주민등록번호"],
        alone: 3,
        make: rrn,
    },
    Class {
        id: "jp-mynumber",
        keys: &[
            "myNumber",
            "my_number",
            "kojinBango",
            "マイナンバー",
            "個人番号",
        ],
        alone: 0,
        make: my_number,
    },
    Class {
        id: "sg-nric",
        keys: &["nric", "nricNo", "nric_fin", "fin"],
        alone: 0,
        make: nric,
    },
    Class {
        id: "hk-id",
        keys: &["hkid", "hkidNo", "hk_id_card", "香港身份证号"],
        alone: 3,
        make: hkid,
    },
    Class {
        id: "tw-id",
        keys: &["twId", "tw_id_no", "身分證字號", "taiwanId"],
        alone: 0,
        make: twid,
    },
    Class {
        id: "mx-curp",
        keys: &["curp", "claveCurp", "curp_no"],
        alone: 1,
        make: curp,
    },
    Class {
        id: "us-mbi",
        keys: &[
            "mbi",
            "medicareNumber",
            "medicare_beneficiary_id",
            "medicareId",
        ],
        alone: 0,
        make: mbi,
    },
    Class {
        id: "us-routing",
        keys: &["routingNumber", "routing_no", "abaNumber", "abaRouting"],
        alone: 0,
        make: routing,
    },
    Class {
        id: "swift-bic",
        keys: &["swiftCode", "bic", "swift_code", "bicCode"],
        alone: 0,
        make: swift,
    },
    Class {
        id: "crypto-address",
        keys: &[
            "walletAddress",
            "btc_address",
            "wallet",
            "cryptoAddress",
            "withdrawAddress",
        ],
        alone: 1,
        make: coin,
    },
    Class {
        id: "mrz",
        keys: &["mrz", "machineReadableZone", "mrz_lines"],
        alone: 1,
        make: mrz,
    },
    Class {
        id: "passport",
        keys: &[
            "passportNo",
            "passport",
            "passport_number",
            "passportNumber",
            "护照号",
        ],
        alone: 0,
        make: foreign_passport,
    },
    Class {
        id: "cn-permit",
        keys: &[
            "permitNo",
            "hkMacaoPermit",
            "gatxz",
            "港澳通行证",
            "港澳居民来往内地通行证号",
            "回乡证号",
        ],
        alone: 0,
        make: permit,
    },
    Class {
        id: "cn-medical",
        keys: &[
            "ybkh",
            "medicalInsuranceNo",
            "social_security_card",
            "sbkh",
            "医保卡号",
            "社保卡号",
            "医保号",
        ],
        alone: 0,
        make: |r| format!("{}{}", of(r, UPPER, 1), r.digits(8)),
    },
    Class {
        id: "medical-record",
        keys: &[
            "mrn",
            "medicalRecordNo",
            "medical_record_number",
            "blh",
            "zyh",
            "病历号",
            "住院号",
            "就诊卡号",
            "门诊号",
        ],
        alone: 0,
        make: |r| format!("{}{}", pick(r, &["MR", "ZY", "M", ""]), r.digits(8)),
    },
    Class {
        id: "card-cvv",
        keys: &["cvv", "cvv2", "cvc", "card_cvv", "securityCode"],
        alone: 0,
        make: |r| r.digits(3),
    },
];

fn stamp(r: &mut Random) -> String {
    format!(
        "{}{:02}{:02}{:02}{:02}{:02}",
        2022 + r.below(4),
        1 + r.below(12),
        1 + r.below(28),
        r.below(24),
        r.below(60),
        r.below(60)
    )
}
fn uuid(r: &mut Random) -> String {
    format!(
        "{}-{}-4{}-a{}-{}",
        r.hex(8),
        r.hex(4),
        r.hex(3),
        r.hex(3),
        r.hex(12)
    )
}

pub const DECOYS: &[Decoy] = &[
    Decoy {
        what: "order 18 by time",
        keys: &["orderId", "order_no", "bizNo", "ddbh", "订单号"],
        make: |r| format!("{}{}", stamp(r), r.digits(4)),
    },
    Decoy {
        what: "order 11",
        keys: &["orderNo", "ticketNo", "workOrderId", "gdh", "工单编号"],
        make: |r| r.digits(11),
    },
    Decoy {
        what: "order 16",
        keys: &["tradeNo", "payOrderId", "serialNo", "流水号"],
        make: |r| r.digits(16),
    },
    Decoy {
        what: "order 17",
        keys: &["orderSn", "requestNo", "lsh"],
        make: |r| r.digits(17),
    },
    Decoy {
        what: "order 18",
        keys: &["orderNo", "transactionId", "bizId"],
        make: |r| r.digits(18),
    },
    Decoy {
        what: "order 19",
        keys: &["outTradeNo", "orderCode", "batchNo"],
        make: |r| r.digits(19),
    },
    Decoy {
        what: "order 62",
        keys: &["refundNo", "voucherNo", "couponCode"],
        make: |r| format!("62{}", r.digits(17)),
    },
    Decoy {
        what: "order 4",
        keys: &["extNo", "outNo", "bizCode"],
        make: |r| format!("4{}", r.digits(15)),
    },
    Decoy {
        what: "snowflake",
        keys: &["id", "userId", "msgId", "recordId", "parentId"],
        make: |r| (1_400_000_000_000_000_000 + r.below(500_000_000_000_000_000)).to_string(),
    },
    Decoy {
        what: "snowflake 18",
        keys: &["id", "tweetId", "ownerId"],
        make: |r| (100_000_000_000_000_000 + r.below(800_000_000_000_000_000)).to_string(),
    },
    Decoy {
        what: "seconds",
        keys: &["timestamp", "createdAt", "expireAt", "ts", "iat"],
        make: |r| (1_650_000_000 + r.below(150_000_000)).to_string(),
    },
    Decoy {
        what: "milliseconds",
        keys: &["timestamp", "updatedAt", "gmtCreate", "lastLogin"],
        make: |r| (1_650_000_000_000 + r.below(150_000_000_000)).to_string(),
    },
    Decoy {
        what: "microseconds",
        keys: &["timeUs", "eventTime", "sentAt"],
        make: |r| (1_650_000_000_000_000 + r.below(150_000_000_000_000)).to_string(),
    },
    Decoy {
        what: "region and digits",
        keys: &["seqNo", "applyNo", "caseNo", "受理编号"],
        make: |r| format!("{}{}", pick(r, &AREAS), r.digits(12)),
    },
    Decoy {
        what: "region, date, digits",
        keys: &["policyNo", "archiveNo", "档案编号", "登记号"],
        make: |r| {
            let (y, m, d) = day(r, 2000, 25);
            format!("{}{y}{m:02}{d:02}{}", pick(r, &AREAS), r.digits(4))
        },
    },
    Decoy {
        what: "uuid",
        keys: &["uuid", "requestId", "correlationId", "fileId"],
        make: uuid,
    },
    Decoy {
        what: "md5",
        keys: &["md5", "hash", "sign", "fingerprint"],
        make: |r| r.hex(32),
    },
    Decoy {
        what: "sha256",
        keys: &["sha256", "checksum", "digest"],
        make: |r| r.hex(64),
    },
    Decoy {
        what: "git",
        keys: &["commit", "revision", "commitId", "ref"],
        make: |r| r.hex(40),
    },
    Decoy {
        what: "git short",
        keys: &["build", "gitVersion"],
        make: |r| r.hex(8),
    },
    Decoy {
        what: "ean",
        keys: &["barcode", "ean", "gtin", "条码"],
        make: |r| format!("69{}", r.digits(11)),
    },
    Decoy {
        what: "isbn",
        keys: &["isbn", "bookNo"],
        make: |r| format!("978-7-{}-{}-{}", r.digits(3), r.digits(5), r.digits(1)),
    },
    Decoy {
        what: "imei",
        keys: &["imei", "deviceId", "meid"],
        make: |r| luhn(&format!("86{}", r.digits(12))),
    },
    Decoy {
        what: "parcel",
        keys: &["trackingNo", "waybillNo", "expressNo", "运单号"],
        make: |r| format!("{}{}", pick(r, &["SF", "YT", "JD", "ZTO"]), r.digits(13)),
    },
    Decoy {
        what: "parcel 12",
        keys: &["trackingNumber", "logisticsNo", "快递单号"],
        make: |r| format!("7{}", r.digits(11)),
    },
    Decoy {
        what: "parcel like a mobile",
        keys: &["waybill", "shipmentNo", "物流单号"],
        make: mobile,
    },
    Decoy {
        what: "version",
        keys: &["version", "appVersion", "sdk"],
        make: |r| format!("{}.{}.{}", r.below(12), r.below(30), r.below(200)),
    },
    Decoy {
        what: "ip",
        keys: &["ip", "clientIp", "remoteAddr", "loginIp"],
        make: |r| {
            format!(
                "{}.{}.{}.{}",
                10 + r.below(200),
                r.below(256),
                r.below(256),
                r.below(256)
            )
        },
    },
    Decoy {
        what: "mac",
        keys: &["mac", "macAddress", "bssid"],
        make: |r| {
            format!(
                "{}:{}:{}:{}:{}:{}",
                r.hex(2),
                r.hex(2),
                r.hex(2),
                r.hex(2),
                r.hex(2),
                r.hex(2)
            )
        },
    },
    Decoy {
        what: "product",
        keys: &[
            "productName",
            "goodsName",
            "itemName",
            "skuName",
            "商品名称",
        ],
        make: |r| {
            format!(
                "{}{}",
                pick(
                    r,
                    &[
                        "苹果手机",
                        "高清电视",
                        "白色衬衫",
                        "金龙鱼油",
                        "马克水杯",
                        "华为平板",
                        "安踏跑鞋",
                        "方便面",
                        "黄金手链"
                    ]
                ),
                pick(r, &["", "A", "二代", "礼盒装"])
            )
        },
    },
    Decoy {
        what: "product in Latin",
        keys: &["name", "title", "productName", "displayName"],
        make: |r| {
            pick(
                r,
                &[
                    "Premium Plan",
                    "Wireless Mouse",
                    "Steel Bottle",
                    "Gift Card",
                    "Desk Lamp",
                    "Office Chair",
                    "USB Hub",
                ],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "plain name of a thing",
        keys: &["name", "label", "categoryName", "groupName"],
        make: |r| {
            pick(
                r,
                &[
                    "高级会员",
                    "华为手机",
                    "黄金套餐",
                    "默认分组",
                    "满减活动",
                    "白银会员",
                    "安全中心",
                    "常用工具",
                ],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "city",
        keys: &["city", "cityName", "region", "城市"],
        make: |r| {
            pick(
                r,
                &[
                    "杭州",
                    "温州",
                    "常州",
                    "郑州",
                    "徐州",
                    "广州",
                    "成都",
                    "邯郸",
                    "乐山",
                    "安庆",
                    "黄山",
                    "石家庄",
                    "温州市",
                    "连云港",
                ],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "words that are surnames",
        keys: &["status", "color", "level", "type", "remark", "标签"],
        make: |r| {
            pick(
                r,
                &[
                    "高级",
                    "白色",
                    "黄色",
                    "安全",
                    "常规",
                    "平均",
                    "时段",
                    "方案",
                    "通过",
                    "关闭",
                    "应收",
                    "向上",
                    "金牌",
                    "康复",
                    "包装",
                    "计划内",
                    "支持",
                    "明细",
                    "单选",
                    "左对齐",
                ],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "department",
        keys: &["deptName", "department", "orgName", "部门"],
        make: |r| {
            pick(
                r,
                &[
                    "财务部",
                    "研发中心",
                    "华东大区",
                    "市场部",
                    "安全部",
                    "Sales",
                    "R&D",
                ],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "company",
        keys: &["companyName", "corpName", "merchantName", "公司名称"],
        make: |r| {
            format!(
                "{}{}有限公司",
                pick(r, &["杭州", "深圳", "北京"]),
                pick(r, &["云启", "万通", "华信", "安联"])
            )
        },
    },
    Decoy {
        what: "price",
        keys: &["price", "amount", "balance", "totalFee", "金额"],
        make: |r| format!("{}.{:02}", r.below(99999), r.below(100)),
    },
    Decoy {
        what: "cents",
        keys: &["amountFen", "fee", "total"],
        make: |r| r.below(10_000_000_000).to_string(),
    },
    Decoy {
        what: "score",
        keys: &["score", "ratio", "weight", "rate"],
        make: |r| format!("0.{}", r.digits(6)),
    },
    Decoy {
        what: "geometry",
        keys: &["path", "svg", "points", "shape"],
        make: |r| {
            format!(
                "M{} {}L{} {}L{}.{} {}Z",
                r.below(900),
                r.below(900),
                r.below(900),
                r.below(900),
                r.below(900),
                r.digits(4),
                r.below(900)
            )
        },
    },
    Decoy {
        what: "image",
        keys: &["avatar", "image", "qrcode", "thumb"],
        make: |r| {
            format!(
                "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA{}==",
                of(r, BASE62, 130)
            )
        },
    },
    Decoy {
        what: "etag",
        keys: &["etag", "contentHash", "eTag"],
        make: |r| format!("\"{}-{}\"", r.hex(8), r.hex(6)),
    },
    Decoy {
        what: "csrf",
        keys: &["csrfToken", "_csrf", "xsrf_token", "csrf"],
        make: |r| of(r, BASE62, 40),
    },
    Decoy {
        what: "page token",
        keys: &["nextPageToken", "cursor", "pageToken"],
        make: |r| of(r, BASE62, 24),
    },
    Decoy {
        what: "link",
        keys: &["url", "href", "link", "logoUrl"],
        make: |r| {
            format!(
                "https://cdn.example.com/img/{}/{}@2x.png?v={}",
                r.hex(6),
                r.digits(8),
                r.digits(13)
            )
        },
    },
    Decoy {
        what: "day",
        keys: &["createDate", "payDate", "updateDate", "有效期", "下单日期"],
        make: |r| {
            let (y, m, d) = day(r, 2015, 10);
            format!("{y}-{m:02}-{d:02}")
        },
    },
    Decoy {
        what: "time",
        keys: &["createTime", "update_time", "gmtModified", "创建时间"],
        make: |r| {
            let (y, m, d) = day(r, 2018, 7);
            format!(
                "{y}-{m:02}-{d:02} {:02}:{:02}:{:02}",
                r.below(24),
                r.below(60),
                r.below(60)
            )
        },
    },
    Decoy {
        what: "iso time",
        keys: &["created", "modified", "expiresAt"],
        make: |r| {
            let (y, m, d) = day(r, 2018, 7);
            format!(
                "{y}-{m:02}-{d:02}T{:02}:{:02}:{:02}.{}Z",
                r.below(24),
                r.below(60),
                r.below(60),
                r.digits(3)
            )
        },
    },
    Decoy {
        what: "sku",
        keys: &["sku", "skuCode", "materialNo", "物料编码"],
        make: |r| format!("{}{}-{}", of(r, UPPER, 3), r.digits(6), r.digits(2)),
    },
    Decoy {
        what: "part",
        keys: &["partNo", "model", "specNo"],
        make: |r| format!("{}-{}-{}", r.digits(4), r.digits(3), r.digits(3)),
    },
    Decoy {
        what: "flight",
        keys: &["flightNo", "trainNo", "车次"],
        make: |r| format!("{}{}", pick(r, &["CA", "MU", "G", "D"]), r.digits(4)),
    },
    Decoy {
        what: "letters and 18",
        keys: &["contractNo", "assetCode", "合同编号"],
        make: |r| format!("{}{}", of(r, UPPER, 2), r.digits(16)),
    },
    Decoy {
        what: "alnum 18",
        keys: &["traceNo", "billCode", "serial"],
        make: |r| of(r, "0123456789ABCDEFGHJKLMNPQRTUWXY", 18),
    },
    Decoy {
        what: "letter and 8",
        keys: &["assetNo", "lotNo", "batchCode", "批号"],
        make: |r| format!("{}{}", of(r, "EGDSPHMK", 1), r.digits(8)),
    },
    Decoy {
        what: "letter and 9",
        keys: &["stockCode", "shelfNo", "itemCode"],
        make: |r| format!("{}{}", of(r, UPPER, 1), r.digits(9)),
    },
    Decoy {
        what: "nine digits",
        keys: &["groupId", "qq", "roomNo", "tid"],
        make: |r| r.digits(9),
    },
    Decoy {
        what: "ten digits",
        keys: &["goodsId", "itemId", "feedId"],
        make: |r| format!("{}{}", 1 + r.below(9), r.digits(9)),
    },
    Decoy {
        what: "twelve digits",
        keys: &["skuId", "memberNo", "meterNo"],
        make: |r| r.digits(12),
    },
    Decoy {
        what: "dashed 3-2-4",
        keys: &["modelNo", "configKey", "pantone"],
        make: |r| format!("9{}-{}-{}", r.digits(2), r.digits(2), r.digits(4)),
    },
    Decoy {
        what: "sentence",
        keys: &["message", "remark", "desc", "备注"],
        make: |r| {
            format!(
                "{}{}",
                pick(
                    r,
                    &[
                        "订单已发货，预计三天内送达",
                        "The order was shipped on time",
                        "系统升级公告，请提前保存",
                        "库存不足",
                        "操作成功"
                    ]
                ),
                r.below(100)
            )
        },
    },
    Decoy {
        what: "weather address",
        keys: &["notice", "content", "summary"],
        make: |r| {
            format!(
                "{}市{}区今日多云，{}度",
                pick(r, &["北京", "上海", "南京"]),
                pick(r, &["朝阳", "浦东", "鼓楼"]),
                r.below(35)
            )
        },
    },
    Decoy {
        what: "country",
        keys: &["country", "currency", "lang", "locale"],
        make: |r| pick(r, &["CN", "US", "zh-CN", "en-US", "CNY", "China"]).to_owned(),
    },
    Decoy {
        what: "user agent",
        keys: &["userAgent", "ua", "client"],
        make: |r| {
            format!(
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/{}.0.{}.{} Safari/537.36",
                90 + r.below(40),
                r.below(9999),
                r.below(300)
            )
        },
    },
    Decoy {
        what: "class name",
        keys: &["className", "handler", "bean"],
        make: |r| {
            format!(
                "com.example.{}.{}ServiceImpl",
                pick(r, &["order", "user", "pay"]),
                pick(r, &["Order", "User", "Pay"])
            )
        },
    },
    Decoy {
        what: "file",
        keys: &["fileName", "file", "attachment"],
        make: |r| format!("report_{}_{}.xlsx", stamp(r), r.below(99)),
    },
    Decoy {
        what: "phone model",
        keys: &["phoneModel", "deviceModel", "mobileBrand"],
        make: |r| pick(r, &["iPhone15,2", "SM-G9980", "HUAWEI P40", "M2012K11AC"]).to_owned(),
    },
    Decoy {
        what: "host",
        keys: &["hostname", "server", "node"],
        make: |r| format!("app-{}.prod-{}.example.internal", r.below(30), r.below(4)),
    },
    Decoy {
        what: "package at version",
        keys: &["package", "dependency", "lib"],
        make: |r| {
            format!(
                "{}@{}.{}.{}",
                pick(r, &["react", "vue", "lodash"]),
                r.below(20),
                r.below(20),
                r.below(20)
            )
        },
    },
    Decoy {
        what: "phase",
        keys: &["state", "phase", "step", "flag"],
        make: |r| {
            pick(
                r,
                &["ACTIVE", "PENDING", "closed", "true", "1", "N", "SUCCESS"],
            )
            .to_owned()
        },
    },
    Decoy {
        what: "count",
        keys: &["count", "size", "pageNo", "version"],
        make: |r| r.below(100_000).to_string(),
    },
    Decoy {
        what: "error id",
        keys: &["errorCode", "eventId", "ruleId"],
        make: |r| format!("E{}", r.digits(6)),
    },
];
