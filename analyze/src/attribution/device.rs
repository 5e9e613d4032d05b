//! Whose device sent a flow: what it told its DHCP server, else what its User-Agent says, else who made its network interface.
//! Each is easily forged or random, so two that disagree name nobody.

use std::net::Ipv6Addr;

use crate::catalog::Catalog;

/// Whose device it is, and by what that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Device<'c> {
    /// The vendor's key.
    pub vendor: Option<&'c str>,
    /// `dhcp`, `user_agent`, `oui`, `conflict` or `multiple`; none where nothing names the device.
    pub evidence: Option<&'static str>,
}

/// Who stands behind a client's address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Behind {
    /// Nothing speaks against one device.
    #[default]
    One,
    /// Devices of several makers, as their User-Agents say: behind NAT.
    Several,
    /// So many addresses that the MAC address is a router's.
    Router,
}

/// Where in a User-Agent a token has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the begin of a part of the first parenthesis: where platform and model are written.
    Part,
    /// The same, with a digit behind it: a model code.
    PartThenDigit,
    /// Anywhere at the begin of a word.
    Word,
}

/// One token that a maker's devices write.
#[derive(Debug)]
struct Rule {
    token: &'static str,
    place: Place,
    vendor: &'static str,
    /// Why the token names the maker.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "read by people, and by the test that asks for it")
    )]
    because: &'static str,
}

const fn rule(
    token: &'static str,
    place: Place,
    vendor: &'static str,
    because: &'static str,
) -> Rule {
    Rule { token, place, vendor, because }
}

/// The first that fits decides; a brand stands before the maker whose codes it shares.
const RULES: &[Rule] = &[
    rule("iPhone", Place::Part, "apple", "platform token of iOS browsers"),
    rule("iPad", Place::Part, "apple", "platform token of iPadOS browsers"),
    rule("iPod", Place::Part, "apple", "platform token of iOS browsers"),
    rule("Macintosh", Place::Part, "apple", "platform token of macOS browsers"),
    rule("CFNetwork/", Place::Word, "apple", "library of Apple's systems only"),
    rule("HONOR", Place::Part, "honor", "model name begins with the brand"),
    rule("HUAWEI", Place::Part, "huawei", "model name begins with the brand"),
    rule("HuaweiBrowser/", Place::Word, "huawei", "browser of Huawei's devices"),
    rule("MIUI/", Place::Word, "xiaomi", "firmware of Xiaomi's devices"),
    rule("XiaoMi/", Place::Word, "xiaomi", "browser of Xiaomi's devices"),
    rule("Redmi ", Place::Part, "xiaomi", "model name begins with the brand"),
    rule("POCO ", Place::Part, "xiaomi", "model name begins with the brand"),
    rule("HM NOTE", Place::Part, "xiaomi", "model name of the Redmi (Hongmi) of 2013 to 2014"),
    rule("HM ", Place::PartThenDigit, "xiaomi", "model name of the Redmi (Hongmi) of 2013 to 2014"),
    rule("MI ", Place::Part, "xiaomi", "model name begins with the brand"),
    rule("Mi ", Place::Part, "xiaomi", "model name begins with the brand"),
    rule("SAMSUNG", Place::Part, "samsung", "model name begins with the brand"),
    rule("SamsungBrowser/", Place::Word, "samsung", "browser of Samsung's devices"),
    rule("SM-", Place::Part, "samsung", "model codes since 2013"),
    rule("GT-", Place::Part, "samsung", "model codes up to 2013"),
    rule("OPPO ", Place::Part, "oppo", "model name begins with the brand"),
    rule("CPH", Place::PartThenDigit, "oppo", "model codes outside China"),
    rule("vivo ", Place::Part, "vivo", "model name begins with the brand"),
    rule("VivoBrowser/", Place::Word, "vivo", "browser of vivo's devices"),
    rule("Pixel ", Place::Part, "google", "model name begins with the brand"),
    rule("Nexus ", Place::Part, "google", "model name begins with the brand"),
];

/// The vendor of the device that sent this User-Agent.
pub fn user_agent_vendor(user_agent: &str) -> Option<&'static str> {
    let ruled = RULES.iter().find(|rule| match rule.place {
        Place::Part => parts(user_agent).any(|part| part.starts_with(rule.token)),
        Place::PartThenDigit => parts(user_agent).any(|part| {
            part.strip_prefix(rule.token)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        }),
        Place::Word => begins_a_word(user_agent, rule.token),
    });
    match ruled {
        Some(rule) => Some(rule.vendor),
        None => parts(user_agent).any(is_xiaomi_model).then_some("xiaomi"),
    }
}

/// The parts of the first parenthesis: platform, system, model.
fn parts(user_agent: &str) -> impl Iterator<Item = &str> {
    let inside = user_agent.split_once('(').map_or("", |(_, rest)| rest);
    let inside = inside.split_once(')').map_or(inside, |(inside, _)| inside);
    inside.split(';').map(str::trim_start)
}

fn begins_a_word(text: &str, token: &str) -> bool {
    text.match_indices(token).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
    })
}

/// Model codes since 2020 open with the year and month, with or without an M: `M2101K7BG`, `2201117TG`.
fn is_xiaomi_model(part: &str) -> bool {
    let code = part.split([' ', '/']).next().unwrap_or("");
    let dated = code.strip_prefix('M').unwrap_or(code);
    let digits = dated.bytes().take_while(u8::is_ascii_digit).count();
    let [b'2', b'0'..=b'9', b'0' | b'1', b'0'..=b'9', ..] = dated.as_bytes() else { return false };
    let letters = dated.get(digits..).unwrap_or("");
    let marked = code.len() > dated.len();
    let enough = if marked { digits >= 4 } else { digits >= 5 };
    enough
        && (1..=6).contains(&letters.len())
        && letters.starts_with(|c: char| c.is_ascii_uppercase())
        && letters.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// What may name a device.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clues<'a> {
    /// Who made it, as it told its DHCP server.
    pub dhcp_maker: Option<&'static str>,
    /// What the flow says the device is.
    pub user_agent: Option<&'a str>,
    /// The MAC address on its side of the wire; a router's, where one stands between.
    pub mac: Option<[u8; 6]>,
    /// The MAC address inside its IPv6 address, which no router changes.
    pub eui64: Option<[u8; 6]>,
    /// Who stands behind its address.
    pub behind: Behind,
}

impl<'c> Device<'c> {
    /// Judges the device at the inside end.
    pub fn of(catalog: &'c Catalog, clues: &Clues<'_>) -> Self {
        let key = |vendor: &str| catalog.vendor(vendor).map(|vendor| vendor.key.as_str());
        let said = clues.user_agent.and_then(user_agent_vendor).and_then(key);
        let made = |mac| {
            let maker = catalog.maker(mac)?.vendor?;
            let vendor = catalog.vendor(maker).filter(|vendor| vendor.makes_devices)?;
            Some(vendor.key.as_str())
        };
        let inside = clues.eui64.and_then(made);
        // What belongs to an address names the one device behind it, or none of many.
        let (leased, made) = match clues.behind {
            Behind::One => {
                (clues.dhcp_maker.and_then(key), inside.or_else(|| clues.mac.and_then(made)))
            }
            Behind::Several | Behind::Router => (None, inside),
        };
        let found = [("dhcp", leased), ("user_agent", said), ("oui", made)];
        let mut named = found.iter().filter_map(|(evidence, vendor)| Some((*evidence, (*vendor)?)));
        match named.next() {
            None if clues.behind == Behind::Several => {
                Self { vendor: None, evidence: Some("multiple") }
            }
            None => Self::default(),
            Some((_, vendor)) if named.any(|(_, other)| other != vendor) => {
                Self { vendor: None, evidence: Some("conflict") }
            }
            Some((evidence, vendor)) => Self { vendor: Some(vendor), evidence: Some(evidence) },
        }
    }
}

/// The MAC address that an IPv6 address is made from (RFC 4291, appendix A).
pub fn eui64(address: &str) -> Option<[u8; 6]> {
    // Its mark in the text spares the parsing of all others.
    if !address.contains("ff:fe") {
        return None;
    }
    let address: Ipv6Addr = address.parse().ok()?;
    let [.., m0, m1, m2, 0xff, 0xfe, m3, m4, m5] = address.octets() else { return None };
    Some([m0 ^ 2, m1, m2, m3, m4, m5])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_agents_name_their_maker() {
        let android = |model: &str| {
            format!(
                "Mozilla/5.0 (Linux; Android 11; {model}) AppleWebKit/537.36 (KHTML, like Gecko)"
            )
        };
        for (agent, vendor) in [
            (android("M2101K7BG Build/RP1A"), Some("xiaomi")),
            (android("2201117TG"), Some("xiaomi")),
            (android("22101316G Build/TP1A"), Some("xiaomi")),
            (android("Redmi Note 9 Pro"), Some("xiaomi")),
            (android("MI 3W Build/KTU84P"), Some("xiaomi")),
            (android("SM-G991B"), Some("samsung")),
            (android("HUAWEI P30"), Some("huawei")),
            (android("HONOR 9X"), Some("honor")),
            (android("CPH2005"), Some("oppo")),
            (android("CPHONE"), None),
            (android("vivo 1904"), Some("vivo")),
            (android("20 Questions"), None),
            (android("MIX"), None),
            (android("2999NOTADATE"), None),
            ("Dalvik/1.6.0 (Linux; U; Android 4.4.4; HM 1S MIUI/JHCMIBH37.0)".into(), Some("xiaomi")),
            ("Mozilla/5.0 (iPhone; CPU iPhone OS 12_0 like Mac OS X)".into(), Some("apple")),
            ("MyApp/1 CFNetwork/978.0.7 Darwin/18.7.0".into(), Some("apple")),
            (
                "Mozilla/5.0 (Mobile; Windows Phone 8.1; Android 4.0; NOKIA; Lumia 520) like iPhone".into(),
                None,
            ),
            ("Windows Live Messenger".into(), None),
            ("Line/12".into(), None),
            ("NotMIUI/1 (x)".into(), None),
            (String::new(), None),
            ("((((;;;)".into(), None),
            ("é(é;é".into(), None),
        ] {
            assert_eq!(user_agent_vendor(&agent), vendor, "{agent}");
        }
    }

    #[test]
    fn each_rule_says_why() {
        assert!(RULES.iter().all(|rule| !rule.because.is_empty() && !rule.token.is_empty()));
    }

    #[test]
    fn an_address_made_from_a_mac_gives_it_back() {
        let mac = Some([0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a]);
        assert_eq!(eui64("2001:db8::6609:80ff:fe1d:520a"), mac);
        for other in ["2001:db8::ff:fe1d:520a:1", "ff:fe", "10.0.0.1", "", "::ff:fe00:1:2:3"] {
            assert_eq!(eui64(other), None, "{other}");
        }
        assert_eq!(eui64("fe80::ff:fe00:1"), Some([2, 0, 0, 0, 0, 1]));
    }

    #[test]
    fn what_belongs_to_an_address_counts_only_for_the_one_device_behind_it() {
        let catalog = Catalog::shipped().unwrap();
        let redmi = [0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a];
        let galaxy = "Dalvik/1.6.0 (Linux; U; Android 4.4.2; SM-G900I Build/KOT49H)";
        let plain = Clues { mac: Some(redmi), ..Clues::default() };
        let leased = Clues { dhcp_maker: Some("xiaomi"), ..plain };
        let nat = Clues { behind: Behind::Several, ..leased };
        let routed = Clues { behind: Behind::Router, ..plain };
        for (clues, vendor, evidence) in [
            (plain, Some("xiaomi"), Some("oui")),
            (leased, Some("xiaomi"), Some("dhcp")),
            (Clues { dhcp_maker: Some("samsung"), ..plain }, None, Some("conflict")),
            (Clues { user_agent: Some(galaxy), ..leased }, None, Some("conflict")),
            (nat, None, Some("multiple")),
            (Clues { user_agent: Some(galaxy), ..nat }, Some("samsung"), Some("user_agent")),
            (routed, None, None),
            (Clues { eui64: Some(redmi), ..routed }, Some("xiaomi"), Some("oui")),
            (Clues { user_agent: Some(galaxy), ..routed }, Some("samsung"), Some("user_agent")),
            (Clues { mac: Some([0xda, 0, 0, 0, 0, 1]), ..plain }, None, None),
        ] {
            let device = Device::of(&catalog, &clues);
            assert_eq!((device.vendor, device.evidence), (vendor, evidence), "{clues:?}");
        }
    }
}
