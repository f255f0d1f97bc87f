//! Whom a SAML response is about. In: the field as posted, base64 of XML. Out: a name. Bounds: one decoded copy; two searches.

use super::{fields, words};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Attributes that name a person, best first.
const ATTRIBUTES: &[&str] = &[
    "uid",
    "samaccountname",
    "username",
    "login",
    "upn",
    "eppn",
    "edupersonprincipalname",
    "name",
    "mail",
    "email",
    "emailaddress",
];

/// Subject of a SAML response.
pub fn name(value: &str) -> Option<String> {
    let clean: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    let xml = STANDARD.decode(clean).ok()?;
    let given = String::from_utf8_lossy(&xml);
    let id = fields::read(&xml, "xml")
        .into_iter()
        .find(|f| f.key == "nameid")
        .map(|f| f.value);
    // A transient name is new at each login: then an attribute names the person.
    if !given.contains("nameid-format:transient") && id.is_some() {
        return id;
    }
    attribute(&given).or(id)
}

fn attribute(xml: &str) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for a in xml.split("Attribute ").skip(1).take(200) {
        let Some((head, rest)) = a.split_once('>') else {
            continue;
        };
        let quoted = head
            .split("Name=")
            .nth(1)
            .and_then(|n| n.split(['"', '\'']).nth(1));
        let last = words::plain(
            quoted
                .and_then(|n| n.rsplit(['/', ':']).next())
                .unwrap_or(""),
        );
        let Some(rank) = ATTRIBUTES.iter().position(|w| *w == last) else {
            continue;
        };
        let value = rest
            .split_once("AttributeValue")
            .and_then(|(_, r)| r.split_once('>'))
            .and_then(|(_, r)| r.split('<').next())
            .unwrap_or("")
            .trim();
        if !value.is_empty() && value.len() <= 200 && best.as_ref().is_none_or(|(r, _)| rank < *r) {
            best = Some((rank, value.to_owned()));
        }
    }
    best.map(|(_, v)| v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_and_where_it_is_new_each_time_an_attribute() {
        let of = |format: &str| {
            let xml = format!(
                "<r><saml:NameID Format=\"urn:x:nameid-format:{format}\">_77ab</saml:NameID><saml:Attribute Name=\"urn:oid:mail\"><saml:AttributeValue>a@x.de</saml:AttributeValue></saml:Attribute><saml:Attribute Name='uid'><saml:AttributeValue xsi:type=\"s\">al</saml:AttributeValue></saml:Attribute></r>"
            );
            name(&STANDARD.encode(xml))
        };
        assert_eq!(of("persistent").as_deref(), Some("_77ab"));
        assert_eq!(of("transient").as_deref(), Some("al"));
        assert_eq!(name("!!"), None);
    }
}
