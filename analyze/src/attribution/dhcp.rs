//! Who made a device, by what it tells a DHCP server: its host name and its vendor class (RFC 2132, options 12 and 60).
//! Systems give these by default and owners may change them, so only what a maker's firmware writes is a rule.

/// One way in which a maker's devices call themselves.
#[derive(Debug)]
struct Rule {
    word: &'static str,
    place: Place,
    vendor: &'static str,
}

/// Where the word has to stand.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// It begins the name.
    First,
    /// It begins the name, and a model follows: a number, or a word that models have.
    FirstThenModel,
    /// It is a whole word of the name; owners put theirs before it.
    Word,
}

const fn rule(word: &'static str, place: Place, vendor: &'static str) -> Rule {
    Rule { word, place, vendor }
}

/// `MI-` begins Spanish names as well.
const MODELS: [&str; 6] = ["NOTE", "MAX", "MIX", "PAD", "PLAY", "CC"];

const HOST_NAMES: &[Rule] = &[
    rule("Redmi", Place::First, "xiaomi"),
    rule("XiaoMi", Place::First, "xiaomi"),
    rule("Xiaomi", Place::First, "xiaomi"),
    rule("POCO", Place::First, "xiaomi"),
    rule("MI", Place::FirstThenModel, "xiaomi"),
    rule("Mi", Place::FirstThenModel, "xiaomi"),
    rule("HUAWEI", Place::First, "huawei"),
    rule("HONOR", Place::First, "honor"),
    rule("Galaxy", Place::First, "samsung"),
    rule("SAMSUNG", Place::First, "samsung"),
    rule("OPPO", Place::First, "oppo"),
    rule("vivo", Place::First, "vivo"),
    rule("iPhone", Place::Word, "apple"),
    rule("iPad", Place::Word, "apple"),
    rule("iPod", Place::Word, "apple"),
    rule("MacBook", Place::Word, "apple"),
    rule("Pixel", Place::FirstThenModel, "google"),
];

/// What stands before the first colon or dash of a vendor class; `android-dhcp-9` and `MSFT 5.0` are systems that many makers use.
const VENDOR_CLASSES: [(&str, &str); 4] =
    [("HUAWEI", "huawei"), ("HONOR", "honor"), ("SAMSUNG", "samsung"), ("xiaomi", "xiaomi")];

/// The maker of a device that gave this host name and this vendor class; nobody where they name two.
pub fn dhcp_maker(host_name: Option<&str>, vendor_class: Option<&str>) -> Option<&'static str> {
    let by_name = host_name.and_then(host_name_maker);
    let by_class = vendor_class.and_then(|class| {
        let head = class.split([':', '-', ' ']).next().unwrap_or("");
        VENDOR_CLASSES.iter().find(|(word, _)| *word == head).map(|(_, vendor)| *vendor)
    });
    match (by_name, by_class) {
        (Some(name), Some(class)) if name != class => None,
        (name, class) => name.or(class),
    }
}

fn host_name_maker(name: &str) -> Option<&'static str> {
    let words = || name.split(['-', '_', ' ', '.']);
    let fits = |rule: &&Rule| match rule.place {
        Place::First => words().next() == Some(rule.word),
        Place::FirstThenModel => {
            words().next() == Some(rule.word) && words().nth(1).is_some_and(is_model)
        }
        Place::Word => words().any(|word| word == rule.word),
    };
    HOST_NAMES.iter().find(fits).map(|rule| rule.vendor)
}

fn is_model(word: &str) -> bool {
    let digits_come_early = word.bytes().take(2).any(|byte| byte.is_ascii_digit());
    digits_come_early || MODELS.iter().any(|model| word.eq_ignore_ascii_case(model))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_names_its_maker_and_owners_name_nobody() {
        for (name, class, maker) in [
            (Some("Redmi-Note-9-Pro"), Some("android-dhcp-10"), Some("xiaomi")),
            (Some("MI-5"), None, Some("xiaomi")),
            (Some("Mi-A2-Lite"), None, Some("xiaomi")),
            (Some("MI-PAD"), None, Some("xiaomi")),
            (Some("MI-CASA"), None, None),
            (Some("Mi-portatil"), None, None),
            (Some("MINT"), None, None),
            (Some("HUAWEI_P30_lite-0c5a"), None, Some("huawei")),
            (None, Some("HUAWEI:android:ELE"), Some("huawei")),
            (Some("HUAWEI_P30"), Some("HUAWEI:android:ELE"), Some("huawei")),
            (Some("Galaxy-S21"), Some("HUAWEI:android:ELE"), None),
            (Some("Galaxy-S21-5G"), Some("android-dhcp-13"), Some("samsung")),
            (Some("Marys-iPhone"), None, Some("apple")),
            (Some("iPhone"), None, Some("apple")),
            (Some("iPhonecase"), None, None),
            (Some("Pixel-7"), None, Some("google")),
            (Some("Pixel-art"), None, None),
            (Some("vivo-1904"), None, Some("vivo")),
            (Some("OPPO-A74"), None, Some("oppo")),
            (Some("DESKTOP-3F9A2"), Some("MSFT 5.0"), None),
            (Some("android-8f2e11"), Some("android-dhcp-9"), None),
            (Some(""), Some(""), None),
            (Some("\u{0}-\u{ff}é"), Some("é:"), None),
            (None, None, None),
        ] {
            assert_eq!(dhcp_maker(name, class), maker, "{name:?} {class:?}");
        }
    }
}
