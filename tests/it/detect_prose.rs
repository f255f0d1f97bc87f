//! Values in sentences, under labels of several words, among the names of one place: what holds of one body, decided as the facts engine does.

use crate::detect::{KEY, scan};
use crate::detect_noise::accepted;
use leaktrace::detect::{DIGEST, Rules, Scanner, value_of};
use std::sync::Arc;

/// `class masked text` of what holds.
pub fn held(content: &str, media_type: Option<&str>) -> Vec<String> {
    let rules = Rules::builtin();
    let facts = [scan(content.as_bytes(), media_type)];
    accepted(&rules, &facts)
        .into_iter()
        .filter(|(_, f)| f.class != DIGEST)
        .map(|(_, f)| {
            let at = f.offset as usize;
            format!(
                "{} {} {}",
                rules.classes()[usize::from(f.class)].name,
                if f.masked { "masked" } else { "clear" },
                &content[at..at + f.len as usize]
            )
        })
        .collect()
}

#[test]
fn english_words_before_a_value_name_it() {
    let text = r#"{"message":"we have your card number 6228485367878473, ID card number 110101197412284345, seq 4634884206177498, born on 1965-11-25, passport no. E80254573, orderId 1709044774261190881, location 31.625134,112.047348, SSN 418-73-2916, phone +1 312-578-3826, version 17.69.3438"}"#;
    assert_eq!(
        held(text, None),
        [
            "bank-card clear 6228485367878473",
            "cn-id clear 110101197412284345",
            "birth-date clear 1965-11-25",
            "cn-passport clear E80254573",
            "gps clear 31.625134,112.047348",
            "us-ssn clear 418-73-2916",
            "phone clear +1 312-578-3826",
        ]
    );
    // a number that is not the nearest thing said does not count, a password needs a sign
    assert_eq!(
        held(
            r#"{"m":"order paid with 6228485367878473, token abcdef0123456789abcdef, password changed 20240101"}"#,
            None
        ),
        ["bank-card clear 6228485367878473"]
    );
}

#[test]
fn a_sentence_with_masks_is_no_masked_value() {
    let text = r#"{"m":"尊敬的客户，手机号133****6177，银行卡号****9229，车牌苏B***D1，密码：********，家庭住址：广东省深圳市******，护照号E8*****73"}"#;
    assert_eq!(
        held(text, None),
        [
            "cn-mobile masked 133****6177",
            "bank-card masked ****9229",
            "cn-plate masked 苏B***D1",
            "password masked ********",
            "address masked 广东省深圳市******",
            "cn-passport masked E8*****73",
        ]
    );
    assert_eq!(
        held(r#"{"m":"您登记的手机号139••••8842已变更"}"#, None),
        ["cn-mobile masked 139••••8842"]
    );
    assert_eq!(
        held(r#"{"receiverAddress":"3755 O******"}"#, None),
        ["address masked 3755 O******"]
    );
}

#[test]
fn labels_of_several_words_and_values_with_commas() {
    let text = "batch：B3245340189\nPassport No：E80254573\nGPS：39.685484,106.576350\n固定电话：+1 312-240-4754\n";
    assert_eq!(
        held(text, Some("text/plain")),
        [
            "cn-passport clear E80254573",
            "gps clear 39.685484,106.576350",
            "phone clear +1 312-240-4754",
        ]
    );
    assert_eq!(
        held(
            r#"{"m":"thank you, address: 881 Washington Avenue, Austin, TX 78701, and goodbye for now"}"#,
            None
        ),
        ["address clear 881 Washington Avenue, Austin, TX 78701"]
    );
}

#[test]
fn a_label_before_a_field_of_a_form_is_not_that_of_the_next_text() {
    let page = r#"<html><body><form><label>密码</label><input name="pwd" value="nWitc#aGXP95"><label>fileName</label><input name="f" value="report.pdf"></form></body></html>"#;
    assert_eq!(
        held(page, Some("text/html")),
        ["password clear nWitc#aGXP95"]
    );
}

#[test]
fn lines_of_a_travel_document_that_stand_apart() {
    let line = "E577420025CHN7407240M3106187<<<<<<<<<<<<<<00";
    let first = "P<CHNZHANG<<SAN<<<<<<<<<<<<<<<<<<<<<<<<<<<<<";
    let json = format!(r#"{{"mrz1":"{first}","mrz2":"{line}"}}"#);
    let text = format!("{first}\r\n{line}\r\n");
    let want = [format!("mrz clear {line}")];
    assert_eq!(held(&json, None), want);
    assert_eq!(held(&text, Some("text/plain")), want);
}

#[test]
fn long_numbers_of_no_issuer_and_counters() {
    assert!(held(r#"{"id":"650239530407697052","counter":18517812865}"#, None).is_empty());
}

#[test]
fn a_masked_value_in_a_sentence_of_escapes_is_shown_alone() {
    let text =
        "尊敬的客户，您的手机号133****6177，车牌苏B***D1，客户姓名：袁**，登录密码：********。";
    let escaped: String = text
        .chars()
        .map(|c| match c.is_ascii() {
            true => c.to_string(),
            false => format!("\\u{:04x}", u32::from(c)),
        })
        .collect();
    let body = format!(r#"{{"m":"{escaped}"}}"#);
    let facts = scan(body.as_bytes(), None);
    let values: Vec<String> = facts
        .findings
        .iter()
        .map(|f| value_of(&KEY, f, escaped.as_bytes()).unwrap())
        .map(|v| String::from_utf8(v).unwrap())
        .collect();
    assert_eq!(values, ["133****6177", "苏B***D1", "袁**", "********"]);
}

#[test]
fn a_time_is_no_key_of_what_follows_it() {
    let text = "updatedAt 2024-05-13 09:21:20 skuId 16612620771 size 265x866 mobile 13812345678\n";
    assert_eq!(
        held(text, Some("text/plain")),
        ["cn-mobile clear 13812345678"]
    );
}

#[test]
fn numbers_of_eighteen_digits_are_no_credit_codes_by_chance() {
    // passes the outer check only
    assert!(held(r#"{"id":"923116505210577811"}"#, None).is_empty());
    assert_eq!(
        held(r#"{"creditCode":"923116505210577811"}"#, None),
        ["cn-uscc clear 923116505210577811"]
    );
}

#[test]
fn what_was_taken_out_is_no_password_and_stars_come_in_groups() {
    let text =
        r#"{"m":"您的密码：[REDACTED]，银行卡号**** **** **** 1096，社会安全号***-**-9872。"}"#;
    assert_eq!(
        held(text, None),
        [
            "bank-card masked **** **** **** 1096",
            "us-ssn masked ***-**-9872"
        ]
    );
}

#[test]
fn scripts_and_style_sheets_of_a_page_hold_no_passwords_or_people() {
    let script = "!function($){var Board=function(e){this.$el=$(e)};Board.prototype.name=\"Chart Board\";\
                  $.fn.board.Constructor=Board;var t={password:\"\",token:n,login:function(e){return{password:e.password,\
                  token:localStorage.getItem(\"token\")}},rules:{password:[{required:!0,message:\"enter\"}]}};\
                  Board.getLineAddress=function(t){return ew(t.__p1,this.length)};if(this.password===r){i=\"x\"}}(jQuery);\n";
    let style = ".icon-password:before{content:\"\\e673\";color:#fff}\n.icon-token:hover, .a{margin:0;padding:2px}\n\
                 @media print{#password:focus{display:none;font-size:12px}}\n";
    for (text, media_type) in [
        (script, "application/javascript"),
        (script, ""),
        (style, "text/css"),
    ] {
        let held = held(text, Some(media_type));
        assert_eq!(held, Vec::<String>::new(), "{text}");
    }
    // a secret that somebody wrote into one is there
    let left = script.replace("token:n", "apiKey:\"Zq3fKd81Lxw0PbTn5RyVa2cMe9\"");
    assert_eq!(
        held(&left, None),
        ["api-key clear Zq3fKd81Lxw0PbTn5RyVa2cMe9"]
    );
}

#[test]
fn a_key_of_the_user_s_is_a_number_for_all_other_classes() {
    let own =
        "[[class]]\nid = \"order-no\"\nlevel = 2\nregex = '^1[0-9]{10}$'\nkeys = [\"order no\"]\n";
    let rules = Arc::new(Rules::with_texts(&[("mine.toml".into(), own.into())]).unwrap());
    let mut scanner = Scanner::new(Arc::clone(&rules), KEY);
    let mut named = |content: &str| -> Vec<String> {
        let facts = [scanner.scan_body(content.as_bytes(), "json", None)];
        accepted(&rules, &facts)
            .into_iter()
            .map(|(_, f)| rules.classes()[usize::from(f.class)].name.to_string())
            .collect()
    };
    assert_eq!(named(r#"{"orderNo":"13812345678"}"#), ["order-no"]);
    // what is none of theirs is no telephone for that
    assert_eq!(
        named(r#"{"orderNo":"+8613812345678"}"#),
        Vec::<String>::new()
    );
    assert_eq!(named(r#"{"mobile":"13812345678"}"#), ["cn-mobile"]);
}
