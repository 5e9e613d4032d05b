//! Names on a server's certificate (RFC 5280 sections 4.1 and 4.2.1.6), as far as it was captured: no more of DER than leads to them.

use schemas::Text;

use crate::names::cursor::Cursor;
use crate::names::text::host_name;

/// Names taken from one certificate.
pub(crate) const NAMES_MAX: usize = 9;

mod tag {
    pub(super) const BOOLEAN: u8 = 0x01;
    pub(super) const OBJECT: u8 = 0x06;
    pub(super) const SEQUENCE: u8 = 0x30;
    pub(super) const DNS_NAME: u8 = 0x82;
    pub(super) const VERSION: u8 = 0xa0;
    pub(super) const EXTENSIONS: u8 = 0xa3;
}

const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 29, 17];

/// The subject's common name where it is that of a host, then the alternative names, each once.
pub(crate) fn names(certificate: &[u8]) -> Vec<Text> {
    let mut found = Vec::new();
    // What ends early has said what it said.
    let _ = walk(certificate, &mut found);
    found
}

fn walk(certificate: &[u8], found: &mut Vec<Text>) -> Option<()> {
    let (_, certificate) = part(&mut Cursor(certificate))?;
    let (_, to_be_signed) = part(&mut Cursor(certificate))?;
    let mut fields = Cursor(to_be_signed);
    if fields.0.first() == Some(&tag::VERSION) {
        part(&mut fields)?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        part(&mut fields)?;
    }
    let (_, subject) = part(&mut fields)?;
    let mut sets = Cursor(subject);
    while let Some((_, set)) = part(&mut sets) {
        common_name(set, found);
    }
    while let Some((kind, field)) = part(&mut fields) {
        if kind == tag::EXTENSIONS {
            let (_, extensions) = part(&mut Cursor(field))?;
            let mut extensions = Cursor(extensions);
            while let Some((_, extension)) = part(&mut extensions) {
                alternative_names(extension, found);
            }
        }
    }
    Some(())
}

/// One element: its tag and content; of what was cut, as much as is there.
fn part<'a>(from: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let kind = from.u8()?;
    let length = length(from)?;
    Some((kind, from.up_to(length)))
}

/// One element that is there to its end.
fn whole<'a>(from: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let kind = from.u8()?;
    let length = length(from)?;
    Some((kind, from.take(length)?))
}

fn length(from: &mut Cursor<'_>) -> Option<usize> {
    match from.u8()? {
        short @ 0..=0x7f => Some(usize::from(short)),
        0x81 => from.u8().map(usize::from),
        0x82 => from.u16().map(usize::from),
        0x83 => from.u24(),
        _ => None,
    }
}

fn common_name(set: &[u8], found: &mut Vec<Text>) {
    let Some((_, attribute)) = part(&mut Cursor(set)) else { return };
    let mut fields = Cursor(attribute);
    if whole(&mut fields) == Some((tag::OBJECT, COMMON_NAME))
        && let Some((_, name)) = whole(&mut fields)
        && is_host(name)
    {
        push(name, found);
    }
}

/// Common names are often those of people, devices and companies.
fn is_host(name: &[u8]) -> bool {
    let allowed = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._*".contains(octet);
    name.contains(&b'.') && name.iter().all(allowed)
}

fn alternative_names(extension: &[u8], found: &mut Vec<Text>) {
    let mut fields = Cursor(extension);
    if whole(&mut fields) != Some((tag::OBJECT, SUBJECT_ALT_NAME)) {
        return;
    }
    let mut value = part(&mut fields);
    if value.is_some_and(|(kind, _)| kind == tag::BOOLEAN) {
        value = part(&mut fields);
    }
    let Some((tag::SEQUENCE, names)) = value.and_then(|(_, list)| part(&mut Cursor(list))) else {
        return;
    };
    let mut names = Cursor(names);
    while let Some((kind, name)) = whole(&mut names) {
        if kind == tag::DNS_NAME {
            push(name, found);
        }
    }
}

fn push(name: &[u8], found: &mut Vec<Text>) {
    if found.len() < NAMES_MAX
        && let Some(name) = host_name(name)
        && !found.contains(&name)
    {
        found.push(name);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind, 0x82];
        bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(content);
        bytes
    }

    fn attribute(object: &[u8], text: &str) -> Vec<u8> {
        let pair = [element(tag::OBJECT, object), element(12, text.as_bytes())].concat();
        element(49, &element(tag::SEQUENCE, &pair))
    }

    /// A certificate for a common name and others, otherwise empty.
    pub(crate) fn certificate(common: &str, others: &[&str]) -> Vec<u8> {
        let issuer = element(tag::SEQUENCE, &attribute(COMMON_NAME, "ca.example.org"));
        let organisation = attribute(&[0x55, 4, 10], "not.this.example");
        let subject = [organisation, attribute(COMMON_NAME, common)].concat();
        let others: Vec<u8> =
            others.iter().flat_map(|name| element(tag::DNS_NAME, name.as_bytes())).collect();
        let others = [element(0x87, &[127, 0, 0, 1]), others].concat();
        let list = element(4, &element(tag::SEQUENCE, &others));
        let alternative =
            [element(tag::OBJECT, SUBJECT_ALT_NAME), element(tag::BOOLEAN, &[255]), list].concat();
        let usage = [element(tag::OBJECT, &[0x55, 29, 15]), element(4, &[3, 2, 5, 160])].concat();
        let extensions =
            [element(tag::SEQUENCE, &usage), element(tag::SEQUENCE, &alternative)].concat();
        let fields = [
            element(tag::VERSION, &element(2, &[2])),
            element(2, &[7; 16]),
            element(tag::SEQUENCE, &[]),
            issuer,
            element(tag::SEQUENCE, &[]),
            element(tag::SEQUENCE, &subject),
            element(tag::SEQUENCE, &[0; 270]),
            element(tag::EXTENSIONS, &element(tag::SEQUENCE, &extensions)),
        ];
        let signed = element(tag::SEQUENCE, &fields.concat());
        element(tag::SEQUENCE, &[signed, element(3, &[0; 257])].concat())
    }

    #[test]
    fn rfc5280_common_and_alternative_names() {
        let read = names(&certificate("Www.Line.me", &["line.me", "*.line.me", "line.me"]));
        assert_eq!(read, ["www.line.me", "line.me", "*.line.me"]);
        assert_eq!(names(&certificate("Line Corporation", &["a.test"])), ["a.test"]);
        let many: Vec<String> = (0..40).map(|number| format!("n{number}.test")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(names(&certificate("many.test", &many)).len(), NAMES_MAX);
    }

    proptest! {
        #[test]
        fn what_is_there_of_a_cut_one_stays_as_more_comes(cut in 0..900_usize) {
            let whole = certificate("a.test", &["b.test", "c.test"]);
            let all = names(&whole);
            let read = names(whole.get(..cut).unwrap_or(&whole));
            prop_assert_eq!(read.as_slice(), all.get(..read.len()).unwrap());
        }

        #[test]
        fn any_damage_is_survived(place in 0..900_usize, octet in any::<u8>()) {
            let mut bytes = certificate("a.test", &["b.test"]);
            if let Some(slot) = bytes.get_mut(place) {
                *slot = octet;
            }
            let _ = names(&bytes);
        }
    }
}
