//! Names of places: a country by its code, and the two answers that are no country.

/// `CODE name` a line, in order of code.
const COUNTRIES: &str = include_str!("countries.txt");

/// The English short name of a place in a report.
pub fn name(place: &str) -> &str {
    match place {
        "anycast" => "Anycast",
        "none" => "No country",
        "other" => "Other",
        code => country(code).unwrap_or(code),
    }
}

/// The name as it stands in a sentence.
pub(crate) fn name_in_text(place: &str) -> String {
    // Names of unions, groups of islands and the like have an article.
    const WITH_ARTICLE: [&str; 16] = [
        "AE", "BS", "CD", "CF", "CG", "DO", "GB", "GM", "KM", "MH", "MV", "NL", "PH", "SB", "SC",
        "US",
    ];
    let article = if WITH_ARTICLE.contains(&place) { "the " } else { "" };
    format!("{article}{}", name(place))
}

fn country(code: &str) -> Option<&'static str> {
    COUNTRIES.lines().find_map(|line| line.strip_prefix(code)?.strip_prefix(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_stand_in_order() {
        let codes: Vec<&str> = COUNTRIES.lines().filter_map(|line| line.get(..2)).collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!([name("TW"), name("QQ"), name("anycast")], ["Taiwan", "QQ", "Anycast"]);
        assert_eq!([name_in_text("US"), name_in_text("JP")], ["the United States", "Japan"]);
    }
}
