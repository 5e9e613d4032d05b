//! A catalog from files: the shipped one, one that was written before, or one from the user's feeds.
//! What a build is not given, it takes from the shipped catalog, and says so in its sources.

use std::path::{Path, PathBuf};

use crate::catalog::country_feed::{countries, places};
use crate::catalog::error::CatalogError;
use crate::catalog::feed::Feed;
use crate::catalog::file::{CatalogFile, Section, read, read_bounded, replace};
use crate::catalog::known::known_rules;
use crate::catalog::lookup::{Catalog, Parts};
use crate::catalog::maker_feed::makers;
use crate::catalog::network_feed::{Systems, countries_of, networks};
use crate::catalog::networks::Networks;
use crate::catalog::ranges_text::{anycast, special, systems};
use crate::catalog::rules::Rules;
use crate::catalog::rules_text::{TextFile, VendorFiles};
use crate::catalog::shipped;
use crate::catalog::snapshot::Source;

/// A hand-made text is not larger.
const TEXT_BYTES_MAX: usize = 16 << 20;
/// Names of the sections, in their order in a file and under the id.
const SECTIONS: [&str; 4] = ["country", "network", "maker", "rules"];

/// What a catalog is built from; all that is absent is taken from the shipped one.
#[derive(Debug, Clone, Default)]
pub struct BuildInputs {
    /// Country by location: mmdb files, or lines of `start,end,CC`. Together they replace the table.
    pub country: Vec<Feed>,
    /// Networks: lines of `start,end,asn,organisation`, both IP versions.
    pub network: Vec<Feed>,
    /// Country of the registered holder: lines of `start,end,CC`, both IP versions.
    pub network_country: Vec<Feed>,
    /// MAC prefixes: JSON of the IEEE listing, or lines of `prefix,organisation,CC`.
    pub maker: Vec<Feed>,
    /// Vendor files. A vendor of the same key replaces the shipped one; others are added.
    pub vendors: Vec<PathBuf>,
    /// Leave the shipped vendors out altogether.
    pub vendors_only: bool,
    /// Special-purpose ranges, instead of the shipped list.
    pub special: Option<PathBuf>,
    /// Anycast ranges, instead of the shipped list.
    pub anycast: Option<PathBuf>,
    /// Kinds of networks without a vendor, instead of the shipped list.
    pub networks: Option<PathBuf>,
}

impl Catalog {
    /// The catalog that comes with the program.
    pub fn shipped() -> Result<Self, CatalogError> {
        let file = shipped::tables()?;
        let stated = read_rules(&BuildInputs::default())?;
        let sources = file.sources.iter().cloned().chain([stated.source]).collect();
        decoded(shipped::TABLES_NAME, &file, (stated.rules, &stated.section), sources)
    }

    /// A catalog that [`Self::write`] wrote.
    pub fn load(path: &Path) -> Result<Self, CatalogError> {
        let file = read(path)?;
        let name = path.display().to_string();
        let corrupt = |why: String| CatalogError::corrupt(&name, why);
        let section = file.section("rules");
        let section =
            section.ok_or_else(|| corrupt("it holds tables only, no rules".to_owned()))?;
        let rules = Rules::decode(&section.bytes).map_err(corrupt)?;
        decoded(&name, &file, (rules, section), file.sources.clone())
    }

    /// Builds a catalog from `inputs`.
    pub fn build(inputs: &BuildInputs) -> Result<Self, CatalogError> {
        let mut shipped = None;
        let mut sources = Vec::new();
        let places = if inputs.country.is_empty() {
            let base = base(&mut shipped)?;
            keep(&mut sources, base, "country");
            shipped::places(base)?
        } else {
            let (places, of) = places(&inputs.country)?;
            sources.extend(of);
            places
        };
        let networks = build_networks(inputs, &mut shipped, &mut sources)?;
        let makers = if inputs.maker.is_empty() {
            let base = base(&mut shipped)?;
            keep(&mut sources, base, "maker");
            shipped::makers(base)?
        } else {
            let (makers, of) = makers(&inputs.maker)?;
            sources.extend(of);
            makers
        };
        let Stated { rules, section, source } = read_rules(inputs)?;
        sources.push(source);
        let sections = [
            Section::new("country", places.encode()),
            Section::new("network", networks.encode()),
            Section::new("maker", makers.encode()),
            section,
        ];
        let digests = sections.into_iter().map(|section| (section.name, section.sha256)).collect();
        Self::assemble(Parts { places, networks, makers, rules, digests, sources })
            .map_err(|why| CatalogError::file("catalog", why))
    }

    /// Writes the whole catalog: beside the place first, then renamed.
    pub fn write(&self, path: &Path) -> Result<(), CatalogError> {
        self.write_sections(path, &SECTIONS)
    }

    /// Writes the tables made from feeds without the hand-made rules: the form in which they ship.
    pub fn write_tables(&self, path: &Path) -> Result<(), CatalogError> {
        self.write_sections(path, &["country", "network", "maker"])
    }

    fn write_sections(&self, path: &Path, names: &[&str]) -> Result<(), CatalogError> {
        let section = |name: &&str| {
            let bytes = match *name {
                "country" => self.parts.places.encode(),
                "network" => self.parts.networks.encode(),
                "maker" => self.parts.makers.encode(),
                _ => self.parts.rules.encode(),
            };
            Section::new(name, bytes)
        };
        let with_rules = names.contains(&"rules");
        let sources = self.parts.sources.iter().filter(|s| with_rules || s.table != "rules");
        let file = CatalogFile {
            sources: sources.cloned().collect(),
            sections: names.iter().map(section).collect(),
        };
        let bytes = file.seal().map_err(|error| CatalogError::write(path, error))?;
        replace(path, &bytes)
    }
}

/// A catalog from the sections of a file and rules that may come from elsewhere.
fn decoded(
    name: &str,
    file: &CatalogFile,
    (rules, rules_section): (Rules, &Section),
    sources: Vec<Source>,
) -> Result<Catalog, CatalogError> {
    let digests = SECTIONS.iter().map(|section| {
        let found = if *section == "rules" { Some(rules_section) } else { file.section(section) };
        ((*section).to_owned(), found.map_or_else(String::new, |found| found.sha256.clone()))
    });
    let parts = Parts {
        places: shipped::places(file)?,
        networks: shipped::networks(file)?,
        makers: shipped::makers(file)?,
        rules,
        digests: digests.collect(),
        sources,
    };
    Catalog::assemble(parts).map_err(|why| CatalogError::corrupt(name, why))
}

/// The shipped tables, opened when the first one is asked for.
fn base(slot: &mut Option<CatalogFile>) -> Result<&CatalogFile, CatalogError> {
    match slot {
        Some(file) => Ok(file),
        None => Ok(slot.insert(shipped::tables()?)),
    }
}

/// Notes the shipped sources of a table that was kept.
fn keep(sources: &mut Vec<Source>, base: &CatalogFile, table: &str) {
    sources.extend(base.sources.iter().filter(|source| source.table == table).cloned());
}

fn build_networks(
    inputs: &BuildInputs,
    shipped: &mut Option<CatalogFile>,
    sources: &mut Vec<Source>,
) -> Result<Networks, CatalogError> {
    if inputs.network.is_empty() && inputs.network_country.is_empty() {
        let base = base(shipped)?;
        keep(sources, base, "network");
        keep(sources, base, "network_country");
        return shipped::networks(base);
    }
    let systems = if inputs.network.is_empty() {
        let base = base(shipped)?;
        keep(sources, base, "network");
        Systems::of(&shipped::networks(base)?)
    } else {
        let (systems, of) = Systems::read(&inputs.network)?;
        sources.extend(of);
        systems.finish()?
    };
    let countries = if inputs.network_country.is_empty() {
        let base = base(shipped)?;
        keep(sources, base, "network_country");
        countries_of(&shipped::networks(base)?)
    } else {
        let (countries, of) = countries(&inputs.network_country, "network_country")?;
        sources.extend(of);
        countries
    };
    Ok(networks(systems, countries))
}

/// Rules with their section and their entry among the sources.
struct Stated {
    rules: Rules,
    section: Section,
    source: Source,
}

/// All hand-made statements, shipped and the user's, checked against each other.
fn read_rules(inputs: &BuildInputs) -> Result<Stated, CatalogError> {
    let mut owned = Vec::new();
    for path in &inputs.vendors {
        owned.push(text(path)?);
    }
    let theirs: Vec<TextFile<'_>> =
        owned.iter().map(|(n, t)| TextFile { name: n, text: t }).collect();
    let mut replaced = Vec::new();
    for file in &theirs {
        replaced.extend(VendorFiles::keys(*file)?);
    }
    let mut files = VendorFiles::default();
    if !inputs.vendors_only {
        for file in shipped::VENDORS {
            files.add(*file, &replaced)?;
        }
    }
    for file in &theirs {
        files.add(*file, &[])?;
    }
    let mut rules = files.finish();
    rules.special = listed(inputs.special.as_deref(), shipped::SPECIAL, special)?;
    rules.anycast = listed(inputs.anycast.as_deref(), shipped::ANYCAST, anycast)?;
    let stated = listed(inputs.networks.as_deref(), shipped::NETWORKS, systems)?;
    for rule in stated {
        // A vendor's statement about its own network stands before a list without vendors.
        if !rules.systems.iter().any(|other| other.asn == rule.asn) {
            rules.systems.push(rule);
        }
    }
    rules.sort();
    let known = known_rules()?;
    let count = rules.vendors.len() + rules.domains.len() + rules.systems.len();
    let rows = count + rules.prefixes.len() + rules.makers.len() + rules.special.len();
    let changed = !inputs.vendors.is_empty() || inputs.vendors_only;
    let changed = changed || inputs.special.is_some() || inputs.anycast.is_some();
    let changed = changed || inputs.networks.is_some();
    let section = Section::new("rules", rules.encode());
    let source = Source {
        table: "rules".to_owned(),
        name: known.name.clone(),
        file: if changed { "vendor files and lists as given" } else { "analyze/catalog" }
            .to_owned(),
        licence: known.licence.clone(),
        credit: known.credit.clone(),
        date: known.date.clone(),
        sha256: section.sha256.clone(),
        rows: (rows + rules.anycast.len()) as u64,
    };
    Ok(Stated { rules, section, source })
}

fn listed<T>(
    path: Option<&Path>,
    shipped: TextFile<'_>,
    parse: impl Fn(TextFile<'_>) -> Result<T, CatalogError>,
) -> Result<T, CatalogError> {
    match path {
        None => parse(shipped),
        Some(path) => {
            let (name, text) = text(path)?;
            parse(TextFile { name: &name, text: &text })
        }
    }
}

fn text(path: &Path) -> Result<(String, String), CatalogError> {
    let name = path.display().to_string();
    let bytes = read_bounded(path, TEXT_BYTES_MAX)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok((name, text)),
        Err(_) => Err(CatalogError::file(&name, "it is no UTF-8 text")),
    }
}
