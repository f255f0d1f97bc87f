//! The scanner over whole bodies and heads: every kind of body, every encoding, every style of mask, records and places.

use leaktrace::body::sniff;
use leaktrace::call::model::{Facts, RawFinding};
use leaktrace::detect::print::{PrintKey, PrintKind};
use leaktrace::detect::{DIGEST, Rules, Scanner, lookup_prints, normal, place, undo};
use std::sync::Arc;

pub const KEY: PrintKey = PrintKey::new([9; 16]);

pub fn scanner() -> Scanner {
    Scanner::new(Arc::new(Rules::builtin()), KEY)
}

pub fn scan(content: &[u8], media_type: Option<&str>) -> Facts {
    let kind = sniff::kind(content, media_type);
    scanner().scan_body(content, kind, media_type)
}

fn class(c: u8) -> String {
    if c == DIGEST {
        return "digest".into();
    }
    Rules::builtin().classes()[usize::from(c)].name.clone()
}

fn row(f: &RawFinding, content: &[u8]) -> String {
    let at = f.offset as usize;
    let raw = String::from_utf8_lossy(&content[at..at + f.len as usize]).into_owned();
    format!(
        "{} {} {} r{} {raw}",
        place(&f.field, &f.index),
        class(f.class),
        f.form.name(),
        f.record
    )
}

fn rows(content: &str, media_type: Option<&str>) -> Vec<String> {
    scan(content.as_bytes(), media_type)
        .findings
        .iter()
        .map(|f| row(f, content.as_bytes()))
        .collect()
}

#[test]
fn one_record_an_item_with_its_nested_objects() {
    let s = r#"{"items":[{"name":"张三","contact":{"phone":"13812345678"}},{"name":"李小明","contact":{"phone":"13912345678"}}],"total":2}"#;
    assert_eq!(
        rows(s, None),
        [
            "$.items[0].name name plain r1 张三",
            "$.items[0].contact.phone cn-mobile plain r1 13812345678",
            "$.items[1].name name plain r2 李小明",
            "$.items[1].contact.phone cn-mobile plain r2 13912345678",
        ]
    );
    assert_eq!(scan(s.as_bytes(), None).records, 2);
}

/// A row that is an array is one subject's, as an object with the same columns would be; elements of a list of values are one each.
#[test]
fn one_record_a_row_that_is_an_array() {
    let table = r#"{"rows":[[1,"张三","13812345678"],[2,"李小明","13912345678"]],"columns":["id","name","phone"]}"#;
    let heads = r#"[["name","phone"],["张三","13812345678"],["李小明","13912345678"]]"#;
    for (s, found) in [
        (table, [2, 2]),
        (heads, [2, 2]),
        (r#"["13812345678","13912345678"]"#, [1, 1]),
    ] {
        let facts = scan(s.as_bytes(), None);
        let of = |r| facts.findings.iter().filter(|f| f.record == r).count();
        assert_eq!((facts.records, [of(1), of(2)]), (2, found), "{s}");
    }
}

#[test]
fn every_kind_of_body_has_its_places() {
    assert_eq!(
        rows("name=%E5%BC%A0%E4%B8%89&mobile=13812345678&x=1", None),
        [
            "form:name name url>plain r1 %E5%BC%A0%E4%B8%89",
            "form:mobile cn-mobile plain r1 13812345678"
        ]
    );
    assert_eq!(
        rows(
            "id,name,mobile\n1,张三,13812345678\n2,\"李四\",13912345678\n",
            Some("text/csv")
        ),
        [
            "csv:2:2 name plain r1 张三",
            "csv:3:2 cn-mobile plain r1 13812345678",
            "csv:2:3 name plain r2 李四",
            "csv:3:3 cn-mobile plain r2 13912345678"
        ]
    );
    assert_eq!(
        rows(
            "{\"mobile\":\"13812345678\"}\n{\"mobile\":\"13912345678\"}\n",
            None
        ),
        [
            "$[0].mobile cn-mobile plain r1 13812345678",
            "$[1].mobile cn-mobile plain r2 13912345678"
        ]
    );
    assert_eq!(
        rows(
            "<r><user id=\"1\"><phone>13812345678</phone></user><user><phone>13912345678</phone></user></r>",
            None
        ),
        [
            "$.r.user[0].phone cn-mobile plain r1 13812345678",
            "$.r.user[1].phone cn-mobile plain r2 13912345678"
        ]
    );
    assert_eq!(
        rows("hello\n手机号：13812345678，谢谢\n", Some("text/plain")),
        ["text:手机号:2 cn-mobile plain r1 13812345678"]
    );
    assert_eq!(
        rows(
            "<html><table><tr><th>姓名</th><th>手机</th></tr><tr><td>张三</td><td>13812345678</td></tr></table></html>",
            None
        ),
        [
            "text:姓名:1 name plain r1 张三",
            "text:手机:1 cn-mobile plain r1 13812345678"
        ]
    );
    let multi = "--b\r\nContent-Disposition: form-data; name=\"mobile\"\r\n\r\n13812345678\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\nname,idCard\n张三,11010519491231002X\n\r\n--b--\r\n";
    assert_eq!(
        rows(multi, Some("multipart/form-data; boundary=b")),
        [
            "form:mobile cn-mobile plain r1 13812345678",
            "form:f:csv:1:2 name plain r2 张三",
            "form:f:csv:2:2 cn-id plain r2 11010519491231002X"
        ]
    );
    assert_eq!(
        rows(
            "cb({\"mobile\":\"13812345678\"});",
            Some("application/javascript")
        ),
        ["$.mobile cn-mobile plain r1 13812345678"]
    );
}

#[test]
fn encodings_are_undone_and_the_chain_is_kept() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let b64 = STANDARD.encode("13812345678");
    let hex = "3133383132333435363738";
    let mut gz = Vec::new();
    {
        use std::io::Write as _;
        let mut e = flate2::write::GzEncoder::new(&mut gz, flate2::Compression::default());
        e.write_all(b"13812345678").unwrap();
        e.finish().unwrap();
    }
    let gz = STANDARD.encode(&gz);
    let pct = "%31%33%38%31%32%33%34%35%36%37%38";
    let pct64: String = b64.replace('=', "%3D");
    let print = KEY.print(PrintKind::Value, b"13812345678");
    for (raw, form) in [
        (b64.as_str(), "base64>plain"),
        (hex, "hex>plain"),
        (gz.as_str(), "base64>gzip>plain"),
        (pct, "url>plain"),
        ("&#49;3812345678", "html>plain"),
        ("\\u00313812345678", "unicode>plain"),
        (pct64.as_str(), "url>base64>plain"),
    ] {
        let s = format!("{{\"mobile\":\"{raw}\"}}");
        let facts = scan(s.as_bytes(), None);
        let f = facts
            .findings
            .iter()
            .find(|f| f.class != DIGEST)
            .unwrap_or_else(|| panic!("{form}: nothing in {s}"));
        assert_eq!(
            (f.form.name().as_str(), f.print, class(f.class).as_str()),
            (form, print, "cn-mobile"),
            "{s}"
        );
        let slice = &s.as_bytes()[f.offset as usize..(f.offset + u64::from(f.len)) as usize];
        assert_eq!(slice, raw.as_bytes());
        assert_eq!(undo(f.form, slice).unwrap(), b"13812345678", "{form}");
    }
    // a body that is a code as a whole, of whatever kind its type says it is
    let doc = r#"{"mobile":"13812345678","mail":"li.wei@example.com"}"#;
    let quoted = format!("\"{}\"", STANDARD.encode(doc));
    for (body, media, root) in [
        (STANDARD.encode(doc), None, "text"),
        (STANDARD.encode(doc), Some("text/plain"), "text"),
        (
            doc.bytes().map(|b| format!("{b:02x}")).collect(),
            None,
            "text",
        ),
        (format!("{}\n", STANDARD.encode(doc)), None, "text"),
        (quoted, Some("application/json"), "$"),
    ] {
        let found = rows(&body, media);
        let what: Vec<_> = found.iter().map(|l| l.split(' ').nth(1).unwrap()).collect();
        assert_eq!(what, ["cn-mobile", "email"], "{body} {media:?}: {found:?}");
        assert!(found.iter().all(|l| l.starts_with(root)), "{found:?}");
    }
    let s = r#"{"payload":"{\"user\":{\"mobile\":\"13812345678\"}}"}"#;
    let facts = scan(s.as_bytes(), None);
    assert_eq!(facts.findings.len(), 1);
    assert_eq!(
        (
            &*facts.findings[0].field,
            facts.findings[0].form.name().as_str()
        ),
        ("$.payload.user.mobile", "json>plain")
    );
    let doc = STANDARD.encode(r#"[{"mobile":"13812345678"},{"mobile":"13912345678"}]"#);
    let s = format!("{{\"data\":\"{doc}\"}}");
    let facts = scan(s.as_bytes(), None);
    assert_eq!(facts.findings.len(), 2);
    assert_eq!(
        place(&facts.findings[1].field, &facts.findings[1].index),
        "$.data[1].mobile"
    );
    assert_eq!(
        (facts.findings[1].form.name().as_str(), facts.records),
        ("base64>plain", 2)
    );
}

#[test]
fn digests_and_masks_are_found_by_the_lookup() {
    let value = "13812345678";
    let lookup = lookup_prints(&KEY, value);
    for (key, raw) in [
        ("phoneMd5", "ce5c0f1c2a4a2b5d1f9c2f6d8c0b3b11"),
        ("mobile", "138****5678"),
        ("mobile", "138-****-5678"),
        ("phone", "13****78"),
        ("mobile", "*******5678"),
        ("phoneLast4", "5678"),
    ] {
        let s = format!("{{\"{key}\":\"{raw}\"}}");
        let facts = scan(s.as_bytes(), None);
        assert_eq!(facts.findings.len(), 1, "{s}: {facts:?}");
        if key != "phoneMd5" {
            assert!(facts.findings[0].masked, "{s}");
            assert!(
                lookup.iter().any(|(p, _, _)| *p == facts.findings[0].print),
                "{s}"
            );
        } else {
            assert_eq!(facts.findings[0].form.name(), "md5");
        }
    }
    use sha2::Digest as _;
    let sha: String = sha2::Sha256::digest(value.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let facts = scan(format!("{{\"h\":\"{sha}\"}}").as_bytes(), None);
    assert!(lookup.iter().any(|(p, _, _)| *p == facts.findings[0].print));
    assert_eq!(facts.findings[0].class, DIGEST);
}

#[test]
fn every_style_of_mask_has_its_class() {
    for (key, value, want) in [
        ("mobile", "138****1234", "cn-mobile"),
        ("x", "138****1234", "cn-mobile"),
        ("phone", "13*******78", "cn-mobile"),
        ("cardNo", "6222 **** **** 1234", "bank-card"),
        ("x", "6222********1234", "bank-card"),
        ("cardNo", "**** **** **** 1234", "bank-card"),
        ("cardNo", "****1234", "bank-card"),
        ("idCard", "110105********002X", "cn-id"),
        ("x", "110105********002X", "cn-id"),
        ("idCard", "1****************X", "cn-id"),
        ("idCard", "110105xxxxxxxx002X", "cn-id"),
        ("name", "张*", "name"),
        ("realName", "*三", "name"),
        ("customerName", "欧阳**", "name"),
        ("email", "j***@example.org", "email"),
        ("x", "j***@ex***.org", "email"),
        ("idCard", "******", "cn-id"),
        ("password", "******", "password"),
        ("address", "北京市朝阳区****", "address"),
        ("plateNo", "京A***12", "cn-plate"),
        ("passport", "E****5678", "cn-passport"),
        ("ssn", "***-**-6789", "us-ssn"),
        ("mobile", "138••••1234", "cn-mobile"),
        ("mobile", "138＊＊＊＊1234", "cn-mobile"),
        ("mobile", "138####1234", "cn-mobile"),
    ] {
        let s = format!("{{\"{key}\":\"{value}\"}}");
        let facts = scan(s.as_bytes(), None);
        assert_eq!(facts.findings.len(), 1, "{s}");
        let f = &facts.findings[0];
        assert_eq!((class(f.class).as_str(), f.masked), (want, true), "{s}");
    }
    for text in [
        "5 * 3", "**bold**", "*", "a*b", "#123456", "C# ####", "***", "1***2",
    ] {
        let s = format!("{{\"note\":\"{text}\"}}");
        assert!(scan(s.as_bytes(), None).findings.is_empty(), "{s}");
    }
}

#[test]
fn spellings_of_one_value_have_one_print() {
    for (key, a, b) in [
        ("mobile", "13812345678", "+86 138-1234-5678"),
        ("idCard", "11010519491231002X", "11010519491231002x"),
        ("cardNo", "6212345678901232", "6212 3456 7890 1232"),
    ] {
        let f = |v: &str| scan(format!("{{\"{key}\":\"{v}\"}}").as_bytes(), None).findings[0].print;
        assert_eq!(f(a), f(b), "{key}");
        assert_eq!(
            f(a),
            KEY.print(PrintKind::Value, normal(None, b).as_bytes())
        );
    }
}

#[test]
fn what_was_learnt_from_other_bodies_changes_nothing() {
    let bodies = [
        r#"{"name":"张三","mobile":"13812345678","list":[{"a":"13812345678"},{"b":1}]}"#,
        r#"{"mobile":"13812345678","name":"产品","price":3}"#,
        r#"[1,2,["13812345678"]]"#,
    ];
    let fresh: Vec<Facts> = bodies.iter().map(|b| scan(b.as_bytes(), None)).collect();
    let mut s = scanner();
    for _ in 0..3 {
        for (b, want) in bodies.iter().zip(&fresh) {
            assert_eq!(&s.scan_body(b.as_bytes(), "json", None), want);
        }
    }
}

#[test]
fn broken_json_is_read_as_text_from_the_fault_on() {
    let s = "{\"mobile\":\"13812345678\",\"b\":oops,\"email\":\"jane@example.org\"}";
    let found: Vec<String> = scan(s.as_bytes(), Some("application/json"))
        .findings
        .iter()
        .map(|f| class(f.class))
        .collect();
    assert_eq!(found, ["cn-mobile", "email"]);
}

#[test]
fn values_inside_documents_are_had_back() {
    use base64::Engine as _;
    let b64 = |s: &str| base64::engine::general_purpose::STANDARD.encode(s);
    let inner = r#"{"user":{"mobile":"13812345678","realName":"\u5f20\u4e09"}}"#;
    let quoted = serde_json::to_string(inner).unwrap();
    for body in [
        format!("{{\"p\":{quoted}}}"),
        format!("{{\"p\":\"{}\"}}", b64(inner)),
        "{\"mobile\":\"138\\/12345678\",\"tel\":\"13812345678\"}".to_string(),
    ] {
        let facts = scan(body.as_bytes(), None);
        let values: Vec<String> = facts
            .findings
            .iter()
            .map(|f| {
                let slice =
                    &body.as_bytes()[f.offset as usize..(f.offset + u64::from(f.len)) as usize];
                String::from_utf8(leaktrace::detect::value_of(&KEY, f, slice).unwrap()).unwrap()
            })
            .collect();
        assert!(
            values.contains(&"13812345678".to_string()),
            "{body}: {values:?}"
        );
        if body.contains("user") {
            assert_eq!(values, ["13812345678", "张三"], "{body}");
        }
    }
    // inside an escaped string the slice is the value, not the document
    let body = format!("{{\"p\":{quoted}}}");
    let f = &scan(body.as_bytes(), None).findings[0];
    assert_eq!(
        &body[f.offset as usize..f.offset as usize + f.len as usize],
        "13812345678"
    );
}

#[test]
fn keys_of_real_programs_name_their_classes() {
    for (key, value, want) in [
        ("id_number", "11010519491231002X", "cn-id"),
        ("credentialNo", "11010519491231002X", "cn-id"),
        ("zjhm", "E12345678", "cn-passport"),
        ("receiver_mobile", "13812345678", "cn-mobile"),
        ("phone", "+1 415-555-0100", "phone"),
        ("mobile", "+14155550100", "phone"),
        ("officePhone", "(415) 555-0100", "phone"),
        ("telephone", "021-62345678", "phone"),
        ("pan", "4111 1111 1111 1111", "bank-card"),
        ("acctNo", "6212345678901232", "bank-card"),
        ("cardHolderName", "JOHN SMITH", "name"),
        ("recipientName", "王小二", "name"),
        ("salesman", "李四", "name"),
        (
            "shippingAddress",
            "221B Baker Street, London NW1",
            "address",
        ),
        ("dateOfBirth", "1990-01-02T00:00:00Z", "birth-date"),
        ("location", "39.904211,116.407395", "gps"),
        ("licensePlate", "粤BD12345", "cn-plate"),
        ("taxNo", "91350100M000100Y43", "cn-uscc"),
        ("ssn", "536229999", "us-ssn"),
        ("x", "DE89370400440532013000", "iban"),
        (
            "JSESSIONID",
            "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
            "session-token",
        ),
        ("client_secret", "Zx8-kLm29QwErTyU7654asdf", "api-key"),
        (
            "secretAccessKey",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "cloud-key",
        ),
        ("newPassword", "abc123", "password"),
        ("remark", "联系人张三，电话13812345678", "cn-mobile"),
        ("msg", "卡号6212345678901232已开通", "bank-card"),
    ] {
        let s = format!("{{{key:?}:{value:?}}}");
        let got: Vec<(String, u8)> = scan(s.as_bytes(), None)
            .findings
            .iter()
            .filter(|f| f.class != DIGEST)
            .map(|f| (class(f.class), f.conf))
            .collect();
        assert!(
            matches!(got.as_slice(), [(c, 50..)] if c == want),
            "{s}: {got:?}"
        );
    }
    for (key, value) in [
        ("nickName", "快乐的小鸟"),
        ("bankName", "招商银行"),
        ("companyName", "北京某某科技有限公司"),
        ("ipAddress", "10.2.3.4"),
        ("createDate", "1990-01-02"),
        ("traceId", "9f86d081884c7d659a2feaa0c55ad015"),
        ("orderNo", "202403011022331234"),
        ("tradeNo", "6212345678901232"),
        ("createTime", "1709258553123"),
        ("orderAmount", "13812345678"),
        ("csrf_token", "9f86d081884c7d659a2feaa0c55ad015"),
        ("openid", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
        ("content", "您的验证码是123456"),
    ] {
        let s = format!("{{{key:?}:{value:?}}}");
        let facts = scan(s.as_bytes(), None);
        assert!(
            facts
                .findings
                .iter()
                .all(|f| f.class == DIGEST || f.conf < 50),
            "{s}: {facts:?}"
        );
    }
}

/// A telephone's extension is none of its number; without a telephone's key a number with letters behind it is none.
#[test]
fn extensions_of_telephones() {
    assert_eq!(
        rows(
            r#"{"tel":"868-758-5017x7548","phone":"+49 30 123456 ext. 12"}"#,
            None
        ),
        [
            "$.tel phone plain r1 868-758-5017x7548",
            "$.phone phone plain r1 +49 30 123456 ext. 12"
        ]
    );
    assert!(rows(r#"{"size":"868-758-5017x7548","tel":"1200x1600"}"#, None).is_empty());
}

/// Where a key says what a number is, a card of an issuer that is not known and a plate chosen by its owner count as well.
#[test]
fn keys_speak_for_cards_and_plates_of_no_known_form() {
    assert_eq!(
        rows(
            r#"{"cardNo":"3518640413715394","plateNo":"京AABCDE","orderNo":"3518640413715394","v":"京AABCDE"}"#,
            None
        ),
        [
            "$.cardNo bank-card plain r1 3518640413715394",
            "$.plateNo cn-plate plain r1 京AABCDE"
        ]
    );
    assert!(
        rows(
            r#"{"cardNo":"3518640413715395","card_no":"0000000000000000"}"#,
            None
        )
        .is_empty()
    );
}

#[test]
fn text_in_chinese_charsets_is_read_and_its_places_are_those_in_the_content() {
    let page = "<html><head><meta charset=\"gb2312\"></head><p>住址：北京市朝阳区建设街3号2栋101室</p><p>姓名：欧阳娜娜</p><p>手机：13812345678</p></html>";
    let json =
        "{\"姓名\":\"张𠮷三\",\"住址\":\"北京市朝阳区建设街3号2栋101室\",\"手机\":\"138****5678\"}";
    for (text, media_type) in [
        (page, "text/html"),
        (page, "text/html; charset=GBK"),
        (json, "application/json; charset=gb18030"),
        (&page.replace("gb2312", "")[..], "text/html"),
    ] {
        let (bytes, _, _) = encoding_rs::GB18030.encode(text);
        let found = |content: &[u8]| -> Vec<(String, String, bool, String)> {
            let facts = scan(content, Some(media_type));
            facts
                .findings
                .iter()
                .map(|f| {
                    let slice = &content[f.offset as usize..][..f.len as usize];
                    let value = String::from_utf8(undo(f.form, slice).unwrap()).unwrap();
                    (class(f.class), place(&f.field, &f.index), f.masked, value)
                })
                .collect()
        };
        let (chinese, utf8) = (found(&bytes), found(text.as_bytes()));
        assert_eq!(chinese, utf8);
        assert!(chinese.iter().any(|f| f.0 == "address"), "{chinese:?}");
        assert!(chinese.iter().any(|f| f.0 == "cn-mobile"), "{chinese:?}");
    }
    // what only says so is read as it is
    let lied = "{\"手机\":\"13812345678\"}";
    assert_eq!(
        rows(lied, Some("application/json; charset=gbk")),
        rows(lied, None)
    );
}

/// What whoever did not write the scanner found wrong: one case for each cause.
#[test]
fn keys_and_forms_of_other_makers() {
    let list = |s: &str| rows(s, None);
    // a device's number is no telephone
    for key in ["sn", "deviceSn", "设备号"] {
        let facts = scan(format!("{{\"{key}\":\"13812345678\"}}").as_bytes(), None);
        assert!(facts.findings.iter().all(|f| f.conf < 20), "{key}");
    }
    // Korean numbers have no check digit since October 2020; only a key makes them out
    assert_eq!(
        list(r#"{"rrn":"210312-3328064"}"#),
        ["$.rrn kr-rrn plain r1 210312-3328064"]
    );
    for none in [r#"{"no":"210312-3328064"}"#, r#"{"rrn":"211399-3328064"}"#] {
        assert!(list(none).is_empty(), "{none}");
    }
    // a bare secret is a password, a program's is its key
    assert_eq!(
        list(r#"{"secret":"qwerty83!"}"#),
        ["$.secret password plain r1 qwerty83!"]
    );
    assert_eq!(
        list(r#"{"clientSecret":"f3b2a19c8d7e6f5a4b3c2d1e0f9a8b7c"}"#),
        ["$.clientSecret api-key plain r1 f3b2a19c8d7e6f5a4b3c2d1e0f9a8b7c"]
    );
    assert!(list(r#"{"secretName":"db-credentials1"}"#).is_empty());
    // the end of a number, told in words
    assert_eq!(
        list(r#"{"cardNo":"尾号7955"}"#),
        ["$.cardNo bank-card mask r1 尾号7955"]
    );
    assert_eq!(
        list(r#"{"bankCard":"招商银行（尾号：7955）"}"#),
        ["$.bankCard bank-card mask r1 招商银行（尾号：7955）"]
    );
    assert!(list(r#"{"title":"尾号7955","cardNo":"尾号79551234567"}"#).is_empty());
}

#[test]
fn a_token_in_a_body_tells_its_claims() {
    use base64::Engine as _;
    let b64 = |s: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(s);
    let claims = b64(r#"{"sub":"u1","phone_number":"13812345678","exp":1764000000}"#);
    let token = format!(
        "{}.{claims}.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4",
        b64(r#"{"alg":"HS256","typ":"JWT"}"#)
    );
    let body = format!(r#"{{"id_token":"{token}"}}"#);
    assert_eq!(
        rows(&body, None),
        [
            format!("$.id_token jwt plain r1 {token}"),
            format!("$.id_token.phone_number cn-mobile base64>plain r1 {claims}"),
        ]
    );
    let facts = scan(body.as_bytes(), None);
    let slice = claims.as_bytes();
    assert_eq!(
        leaktrace::detect::value_of(&KEY, &facts.findings[1], slice).unwrap(),
        b"13812345678"
    );
}

#[test]
fn a_masked_value_inside_an_encoding_is_shown_alone() {
    use base64::Engine as _;
    let inner = r#"[{"mobile":"138****5678","name":"张*"},{"plateNo":"京A***97"}]"#;
    let coded = base64::engine::general_purpose::STANDARD.encode(inner);
    let body = format!(r#"{{"p":"{coded}"}}"#);
    let facts = scan(body.as_bytes(), None);
    let values: Vec<_> = facts
        .findings
        .iter()
        .map(|f| leaktrace::detect::value_of(&KEY, f, coded.as_bytes()).unwrap())
        .map(|v| String::from_utf8(v).unwrap())
        .collect();
    assert_eq!(values, ["138****5678", "张*", "京A***97"]);
}

/// A document in a cell is a value of its row: the columns behind it keep their names.
#[test]
fn a_document_in_a_cell_leaves_the_row_a_row() {
    let s = r#"{"columns":["ext","sn","phone"],"rows":[["{\"a\":\"b\",\"mail\":\"li@example.org\"}","13812345678","13912345678"]]}"#;
    let facts = scan(s.as_bytes(), None);
    let found: Vec<_> = facts
        .findings
        .iter()
        .map(|f| (place(&f.field, &f.index), f.conf >= 50))
        .collect();
    assert_eq!(
        found,
        [
            ("$.rows[0][0].mail".to_string(), true),
            ("$.rows[0][1]".to_string(), false),
            ("$.rows[0][2]".to_string(), true),
        ]
    );
}
