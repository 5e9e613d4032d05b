//! The vendor files: TOML in, rules out, every statement checked where it stands.
//! A domain has one owner; a file that gives it to a second one is refused with both places.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::catalog::date::{Date, Validity};
use crate::catalog::domain::check_domain;
use crate::catalog::error::CatalogError;
use crate::catalog::prefix::{country, prefix};
use crate::catalog::rules::{DomainRule, MakerRule, PrefixRule, Rules, SystemRule};
use crate::catalog::vendor::{Era, NetworkKind, Product, Role, Vendor};

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
    client_facing: Words,
    #[serde(default)]
    product: Vec<ProductText>,
    #[serde(default)]
    period: Vec<Spanned<PeriodText>>,
}

/// What held in a time only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodText {
    valid_from: Option<Spanned<String>>,
    valid_to: Option<Spanned<String>>,
    parent: Option<String>,
    seat: Option<Spanned<String>>,
    product: Option<Spanned<String>>,
    #[serde(default)]
    own_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    cloud_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    cdn_systems: Vec<Spanned<u32>>,
    #[serde(default)]
    own_prefixes: Words,
    #[serde(default)]
    domains: Words,
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

/// Whose a thing is, and when.
#[derive(Debug, Clone, Copy)]
struct Owner<'a> {
    vendor: &'a str,
    validity: Validity,
}

/// What a list of domains says of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming<'a> {
    Vendor,
    Product(&'a str),
    Weak,
    ClientFacing,
}

/// Vendor files on their way into rules.
#[derive(Debug, Default)]
pub(crate) struct VendorFiles {
    vendors: BTreeMap<String, Place>,
    stated: BTreeMap<String, Vec<(Place, Validity)>>,
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

        let owner = Owner { vendor: &key, validity: Validity::default() };
        for (systems, kind) in [
            (text.own_systems, NetworkKind::Own),
            (text.cloud_systems, NetworkKind::Cloud),
            (text.cdn_systems, NetworkKind::Cdn),
        ] {
            self.add_systems(file, systems, (owner, kind))?;
        }
        self.add_prefixes(file, text.own_prefixes, owner)?;
        for word in text.makers {
            self.claim(file, &word, ("maker", owner.validity))?;
            let organisation = word.into_inner().to_lowercase();
            self.rules.makers.push(MakerRule { organisation, vendor: key.clone() });
        }
        for (domains, naming) in [
            (text.domains, Naming::Vendor),
            (text.hosted, Naming::Weak),
            (text.carried, Naming::Weak),
            (text.client_facing, Naming::ClientFacing),
        ] {
            self.add_domains(file, domains, (owner, naming))?;
        }
        let products = self.add_products(file, &key, text.product)?;
        let eras = self.add_periods(file, text.period, (&key, &products))?;
        self.rules.vendors.push(Vendor {
            key,
            name: text.name,
            parent: text.parent,
            seat: text.seat.into_inner(),
            makes_devices: text.makes_devices,
            role: text.role,
            off_net: text.off_net,
            products,
            eras,
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
            let owner = Owner { vendor, validity: Validity::default() };
            self.add_domains(file, text.domains, (owner, Naming::Product(&key)))?;
            products.push(Product { key, name: text.name });
        }
        Ok(products)
    }

    fn add_systems(
        &mut self,
        file: TextFile<'_>,
        systems: Vec<Spanned<u32>>,
        (Owner { vendor, validity }, kind): (Owner<'_>, NetworkKind),
    ) -> Result<(), CatalogError> {
        for system in systems {
            let at = system.span();
            let asn = system.into_inner();
            self.claim(file, &Spanned::new(at, format!("AS{asn}")), ("system", validity))?;
            let vendor = Some(vendor.to_owned());
            self.rules.systems.push(SystemRule { asn, kind, vendor, validity });
        }
        Ok(())
    }

    fn add_prefixes(
        &mut self,
        file: TextFile<'_>,
        words: Words,
        Owner { vendor, validity }: Owner<'_>,
    ) -> Result<(), CatalogError> {
        for word in words {
            prefix(word.as_ref()).map_err(|why| file.wrong(word.span().start, why))?;
            self.claim(file, &word, ("prefix", validity))?;
            let vendor = vendor.to_owned();
            self.rules.prefixes.push(PrefixRule { prefix: word.into_inner(), vendor, validity });
        }
        Ok(())
    }

    /// What held in a time only; returns when owner or seat were others.
    fn add_periods(
        &mut self,
        file: TextFile<'_>,
        texts: Vec<Spanned<PeriodText>>,
        (vendor, products): (&str, &[Product]),
    ) -> Result<Vec<Era>, CatalogError> {
        let mut eras: Vec<Era> = Vec::new();
        for text in texts {
            let at = text.span().start;
            let text = text.into_inner();
            let validity = validity(file, at, (text.valid_from, text.valid_to))?;
            let owner = Owner { vendor, validity };
            for (systems, kind) in [
                (text.own_systems, NetworkKind::Own),
                (text.cloud_systems, NetworkKind::Cloud),
                (text.cdn_systems, NetworkKind::Cdn),
            ] {
                self.add_systems(file, systems, (owner, kind))?;
            }
            self.add_prefixes(file, text.own_prefixes, owner)?;
            let naming = match &text.product {
                None => Naming::Vendor,
                Some(key) if products.iter().any(|product| product.key == *key.as_ref()) => {
                    Naming::Product(key.as_ref())
                }
                Some(key) => {
                    let why = format!("product \"{}\" is none of {vendor}'s", key.as_ref());
                    return Err(file.wrong(key.span().start, why));
                }
            };
            self.add_domains(file, text.domains, (owner, naming))?;
            if let Some(seat) = &text.seat {
                country(seat.as_ref()).map_err(|why| file.wrong(seat.span().start, why))?;
            }
            let seat = text.seat.map(Spanned::into_inner);
            if text.parent.is_some() || seat.is_some() {
                if eras.iter().any(|other| other.validity.overlaps(&validity)) {
                    let why = format!("two periods of {vendor} state owner or seat for one day");
                    return Err(file.wrong(at, why));
                }
                eras.push(Era { validity, parent: text.parent, seat });
            }
        }
        eras.sort_by_key(|era| era.validity);
        Ok(eras)
    }

    fn add_domains(
        &mut self,
        file: TextFile<'_>,
        words: Words,
        (Owner { vendor, validity }, naming): (Owner<'_>, Naming<'_>),
    ) -> Result<(), CatalogError> {
        for word in words {
            check_domain(word.as_ref()).map_err(|why| file.wrong(word.span().start, why))?;
            self.claim(file, &word, ("domain", validity))?;
            let product = match naming {
                Naming::Product(key) => Some(key.to_owned()),
                _ => None,
            };
            self.rules.domains.push(DomainRule {
                suffix: word.into_inner(),
                vendor: vendor.to_owned(),
                product,
                weak: naming == Naming::Weak,
                client_facing: naming == Naming::ClientFacing,
                validity,
            });
        }
        Ok(())
    }

    /// Notes where a thing was stated; a second statement for the same time is refused.
    fn claim(
        &mut self,
        file: TextFile<'_>,
        word: &Spanned<String>,
        (what, validity): (&str, Validity),
    ) -> Result<(), CatalogError> {
        let at = word.span().start;
        let place = (file.name.to_owned(), at);
        let claimed = format!("{what} \"{}\"", word.as_ref().to_lowercase());
        let before = self.stated.entry(claimed.clone()).or_default();
        if let Some(((other, offset), _)) = before.iter().find(|(_, v)| v.overlaps(&validity)) {
            let same = other == file.name;
            let elsewhere =
                if same { format!("line {}", file.line(*offset)) } else { other.clone() };
            return Err(file.wrong(at, format!("{claimed} is stated already in {elsewhere}")));
        }
        before.push((place, validity));
        Ok(())
    }
}

fn parse(file: TextFile<'_>) -> Result<VendorFile, CatalogError> {
    toml::from_str(file.text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.wrong(at, error.message().replace('\n', " "))
    })
}

/// The time of a period that begins at `at`.
fn validity(
    file: TextFile<'_>,
    at: usize,
    (from, to): (Option<Spanned<String>>, Option<Spanned<String>>),
) -> Result<Validity, CatalogError> {
    let date = |text: Option<Spanned<String>>| match text {
        None => Ok(None),
        Some(text) => {
            Date::parse(text.as_ref()).map(Some).map_err(|why| file.wrong(text.span().start, why))
        }
    };
    let validity = Validity { valid_from: date(from)?, valid_to: date(to)? };
    match (validity.valid_from, validity.valid_to) {
        (None, None) => Err(file.wrong(at, "a period needs valid_from or valid_to")),
        (Some(from), Some(to)) if to <= from => {
            Err(file.wrong(at, format!("the period ends ({to}) before it begins ({from})")))
        }
        _ => Ok(validity),
    }
}

fn check_key(key: &str) -> Result<(), String> {
    let good = (1..=40).contains(&key.len())
        && key.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if good { Ok(()) } else { Err(format!("key \"{key}\" is not 1 to 40 of a-z, 0-9, - and _")) }
}
