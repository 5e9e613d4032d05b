//! Prefixes and country codes as people write them, checked.
//! A prefix with host bits set is refused: it is more often a slip than a wish.

use std::net::IpAddr;

use crate::catalog::range::Span;

/// ISO 3166-1 alpha-2, all 249, and XK (Kosovo), which registries use.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI \
BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE \
DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS \
GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW \
KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO \
RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// What a feed may write for "no country known": it is not an error, and it is not a country.
const NO_COUNTRY: [&str; 6] = ["", "-", "??", "ZZ", "AP", "EU"];

/// A country code of ISO 3166-1 in capitals; the text says why not.
pub(crate) fn country(text: &str) -> Result<&'static str, String> {
    COUNTRIES
        .split(' ')
        .find(|code| *code == text)
        .ok_or_else(|| format!("\"{text}\" is no country code (two capitals of ISO 3166-1)"))
}

/// A country of a feed: nothing where the feed says that it knows none.
pub(crate) fn country_or_none(text: &str) -> Result<Option<&'static str>, String> {
    if NO_COUNTRY.contains(&text) { Ok(None) } else { country(text).map(Some) }
}

/// `ADDRESS/LENGTH` or one address as a range; the text says why not.
pub(crate) fn prefix(text: &str) -> Result<Span, String> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let ip: IpAddr = address
        .parse()
        .map_err(|_| format!("\"{address}\" is no IP address; write ADDRESS/LENGTH"))?;
    let (bits_max, family) = if ip.is_ipv4() { (32, "IPv4") } else { (128, "IPv6") };
    let bits: u32 = match length {
        None => bits_max,
        Some(length) => length.parse().map_err(|_| {
            format!("prefix length \"{length}\" is no number; write ADDRESS/LENGTH")
        })?,
    };
    if bits > bits_max {
        return Err(format!("prefix length {bits} is too large for {family}"));
    }
    let (span, first) = match ip {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(bits).unwrap_or(0);
            let first = v4.to_bits() & !host;
            (Span::V4(first, first | host), IpAddr::from(first.to_be_bytes()))
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(bits).unwrap_or(0);
            let first = v6.to_bits() & !host;
            (Span::V6(first, first | host), IpAddr::from(first.to_be_bytes()))
        }
    };
    if first == ip {
        Ok(span)
    } else {
        Err(format!("{text} has bits set beyond its length; write {first}/{bits}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_and_slips_refused() {
        assert_eq!(prefix("10.0.0.0/8"), Ok(Span::V4(0x0a00_0000, 0x0aff_ffff)));
        assert_eq!(prefix("8.8.8.8"), Ok(Span::V4(0x0808_0808, 0x0808_0808)));
        assert_eq!(prefix("::/0"), Ok(Span::V6(0, u128::MAX)));
        for (wrong, why) in [
            ("10.0.0.0/40", "prefix length 40 is too large for IPv4"),
            ("2001:db8::/129", "prefix length 129 is too large for IPv6"),
            ("10.0.0.1/8", "write 10.0.0.0/8"),
            ("10.0.0/8", "is no IP address"),
            ("10.0.0.0/x", "is no number"),
        ] {
            let message = prefix(wrong).unwrap_err();
            assert!(message.contains(why), "{wrong}: {message}");
        }
    }

    #[test]
    fn countries_are_checked() {
        assert_eq!(COUNTRIES.split(' ').count(), 250);
        assert_eq!(country("TW"), Ok("TW"));
        assert!(country("tw").is_err());
        assert!(country("XX").is_err());
        assert_eq!(country_or_none("ZZ"), Ok(None));
    }
}
