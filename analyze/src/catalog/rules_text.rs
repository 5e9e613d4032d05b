//! The vendor files: TOML in, rules out, every statement checked where it stands.
//! A domain has one owner; a file that gives it to a second one is refused with both places.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::catalog::domain::check_domain;
use crate::catalog::error::CatalogError;
use crate::catalog::prefix::{country, prefix};
use crate::catalog::rules::{DomainRule, MakerRule, PrefixRule, Rules, SystemRule};
use crate::catalog::vendor::{NetworkKind, Product, Role, Vendor};

/// One text with the name people know it by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextFile<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl TextFile<'_> {
    fn wrong(&self, offset: usize, why: impl Into<String>) -> CatalogError {
        CatalogError::line(self.name, self.line(offset), why)
    }

    fn line(&self, offset: usize) -> usize {
        1 + self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorFile {
    #[serde(default)]
    vendor: Vec<Spanned<VendorText>>,
}

type Words = Vec<Spanned<String>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorText {
    key: Spanned<String>,
    name: String,
    parent: String,
    seat: Spanned<String>,
    makes_devices: bool,
    role: Role,
    #[serde(default)]
    off_net: bool,
    #[serde(default)]
    own_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    cloud_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    cdn_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    own_prefixes: Words,
    #[serde(default)]
    makers: Words,
    #[serde(default)]
    domains: Words,
    #[serde(default)]
    hosted: Words,
    #[serde(default)]
    carried: Words,
    #[serde(default)]
    product: Vec<ProductText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductText {
    key: Spanned<String>,
    name: String,
    domains: Words,
}

/// Where something was stated first.
type Place = (String, usize);

/// Vendor files on their way into rules.
#[derive(Debug, Default)]
pub(crate) struct VendorFiles {
    vendors: BTreeMap<String, Place>,
    stated: BTreeMap<String, Place>,
    rules: Rules,
}

impl VendorFiles {
    /// The keys of the vendors in `file`, without any check beyond its form.
    pub(crate) fn keys(file: TextFile<'_>) -> Result<Vec<String>, CatalogError> {
        let parsed = parse(file)?;
        Ok(parsed.vendor.into_iter().map(|v| v.into_inner().key.into_inner()).collect())
    }

    /// Adds the vendors of `file` except those whose key is in `without`.
    pub(crate) fn add(
        &mut self,
        file: TextFile<'_>,
        without: &[String],
    ) -> Result<(), CatalogError> {
        for vendor in parse(file)?.vendor {
            let vendor = vendor.into_inner();
            if !without.contains(vendor.key.as_ref()) {
                self.add_vendor(file, vendor)?;
            }
        }
        Ok(())
    }

    /// The rules of all files, in no order yet.
    pub(crate) fn finish(self) -> Rules {
        self.rules
    }

    fn add_vendor(&mut self, file: TextFile<'_>, text: VendorText) -> Result<(), CatalogError> {
        let at = text.key.span().start;
        let key = text.key.into_inner();
        check_key(&key).map_err(|why| file.wrong(at, why))?;
        let place = (file.name.to_owned(), file.line(at));
        if let Some((other, line)) = self.vendors.insert(key.clone(), place) {
            let why = format!("vendor \"{key}\" is stated already in {other}, line {line}");
            return Err(file.wrong(at, why));
        }
        country(text.seat.as_ref()).map_err(|why| file.wrong(text.seat.span().start, why))?;

        for (systems, kind) in [
            (text.own_systems, NetworkKind::Own),
            (text.cloud_systems, NetworkKind::Cloud),
            (text.cdn_systems, NetworkKind::Cdn),
        ] {
            self.add_systems(file, systems, (&key, kind))?;
        }
        for word in text.own_prefixes {
            prefix(word.as_ref()).map_err(|why| file.wrong(word.span().start, why))?;
            self.claim(file, &word, "prefix")?;
            let rule = PrefixRule { prefix: word.into_inner(), vendor: key.clone() };
            self.rules.prefixes.push(rule);
        }
        for word in text.makers {
            self.claim(file, &word, "maker")?;
            let organisation = word.into_inner().to_lowercase();
            self.rules.makers.push(MakerRule { organisation, vendor: key.clone() });
        }
        self.add_domains(file, text.domains, (&key, None, false))?;
        self.add_domains(file, text.hosted, (&key, None, true))?;
        self.add_domains(file, text.carried, (&key, None, true))?;
        let products = self.add_products(file, &key, text.product)?;
        self.rules.vendors.push(Vendor {
            key,
            name: text.name,
            parent: text.parent,
            seat: text.seat.into_inner(),
            makes_devices: text.makes_devices,
            role: text.role,
            off_net: text.off_net,
            products,
        });
        Ok(())
    }

    fn add_products(
        &mut self,
        file: TextFile<'_>,
        vendor: &str,
        texts: Vec<ProductText>,
    ) -> Result<Vec<Product>, CatalogError> {
        let mut products: Vec<Product> = Vec::new();
        for text in texts {
            let at = text.key.span().start;
            let key = text.key.into_inner();
            check_key(&key).map_err(|why| file.wrong(at, why))?;
            if products.iter().any(|other| other.key == key) {
                let why = format!("product \"{key}\" of {vendor} is stated twice");
                return Err(file.wrong(at, why));
            }
            self.add_domains(file, text.domains, (vendor, Some(&key), false))?;
            products.push(Product { key, name: text.name });
        }
        Ok(products)
    }

    fn add_systems(
        &mut self,
        file: TextFile<'_>,
        systems: Vec<Spanned<u32>>,
        (vendor, kind): (&str, NetworkKind),
    ) -> Result<(), CatalogError> {
        for system in systems {
            let at = system.span();
            let asn = system.into_inner();
            self.claim(file, &Spanned::new(at, format!("AS{asn}")), "system")?;
            self.rules.systems.push(SystemRule { asn, kind, vendor: Some(vendor.to_owned()) });
        }
        Ok(())
    }

    fn add_domains(
        &mut self,
        file: TextFile<'_>,
        words: Words,
        (vendor, product, weak): (&str, Option<&str>, bool),
    ) -> Result<(), CatalogError> {
        for word in words {
            check_domain(word.as_ref()).map_err(|why| file.wrong(word.span().start, why))?;
            self.claim(file, &word, "domain")?;
            self.rules.domains.push(DomainRule {
                suffix: word.into_inner(),
                vendor: vendor.to_owned(),
                product: product.map(str::to_owned),
                weak,
            });
        }
        Ok(())
    }

    /// Notes where a thing was stated; a second statement is refused.
    fn claim(
        &mut self,
        file: TextFile<'_>,
        word: &Spanned<String>,
        what: &str,
    ) -> Result<(), CatalogError> {
        let at = word.span().start;
        let place = (file.name.to_owned(), at);
        let claimed = format!("{what} \"{}\"", word.as_ref().to_lowercase());
        match self.stated.insert(claimed.clone(), place) {
            None => Ok(()),
            Some((other, offset)) => {
                let elsewhere =
                    if other == file.name { format!("line {}", file.line(offset)) } else { other };
                Err(file.wrong(at, format!("{claimed} is stated already in {elsewhere}")))
            }
        }
    }
}

fn parse(file: TextFile<'_>) -> Result<VendorFile, CatalogError> {
    toml::from_str(file.text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, error.message().replace('\n', " "))
    })
}

fn check_key(key: &str) -> Result<(), String> {
    let good = (1..=40).contains(&key.len())
        && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if good { Ok(()) } else { Err(format!("key \"{key}\" is not 1 to 40 of a-z, 0-9, - and _")) }
}
