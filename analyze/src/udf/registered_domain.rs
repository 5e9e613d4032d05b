//! `registered_domain(name)`: the part of a DNS name that somebody registered, by the Public Suffix List.
//! For grouping names that no vendor owns; who owns a name is never decided by it.

use std::borrow::Cow;

use arrow::array::StringViewArray;
use arrow::datatypes::DataType;
use datafusion::logical_expr::{Documentation, ScalarUDF, Signature, Volatility};

use crate::udf::distinct::{Distinct, text};
use crate::udf::function::{Function, TRAFFIC};

/// No name of the DNS is longer in its text form.
const NAME_BYTES_MAX: usize = 255;

pub(crate) fn function() -> ScalarUDF {
    Function {
        name: "registered_domain",
        signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable),
        returns: DataType::Utf8View,
        documentation: Documentation::builder(
            TRAFFIC,
            "The public suffix of a DNS name and one label more, in lower case; null for addresses, \
             public suffixes and what is no name.",
            "registered_domain(name)",
        )
        .with_argument("name", "DNS name; case and a last dot do not matter.")
        .with_sql_example("SELECT registered_domain('www.bbc.co.uk') -- bbc.co.uk")
        .with_related_udf("vendor_of")
        .build(),
        catalog_id: String::new(),
        check: None,
        body: Box::new(|columns| {
            let distinct = Distinct::of(text(columns, 0)?);
            let answers: StringViewArray =
                distinct.values.iter().map(|name| registered_domain(name)).collect();
            distinct.spread(&answers)
        }),
    }
    .into_udf()
}

fn registered_domain(name: &str) -> Option<Cow<'_, str>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let top = name.rsplit('.').next()?;
    let no_name = name.len() > NAME_BYTES_MAX
        || name.split('.').any(str::is_empty)
        || top.bytes().all(|byte| byte.is_ascii_digit())
        || name.contains(':');
    if no_name {
        return None;
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return psl::domain_str(&name.to_ascii_lowercase()).map(|part| part.to_owned().into());
    }
    psl::domain_str(name).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_decides() {
        for (name, domain) in [
            ("www.bbc.co.uk", Some("bbc.co.uk")),
            ("WWW.Gov.TW.", Some("www.gov.tw")),
            ("www.cdc.gov.tw", Some("cdc.gov.tw")),
            ("api.LINE.me.", Some("line.me")),
            ("xiaomi.com.evil.tld", Some("evil.tld")),
            ("com", None),
            ("co.uk", None),
            ("192.0.2.1", None),
            ("2001:db8::1", None),
            ("a..com", None),
            ("", None),
            (".", None),
            ("\u{0}.é.com", Some("é.com")),
        ] {
            assert_eq!(registered_domain(name).as_deref(), domain, "{name}");
        }
        assert_eq!(registered_domain(&format!("{}.com", "a.".repeat(200))), None);
    }
}
