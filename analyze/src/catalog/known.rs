//! The project's list of sources: what the shipped tables were made from, known by checksum.
//! It travels with the code, so that notices follow a file wherever it is built from.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::catalog::error::CatalogError;

const LIST: &str = include_str!("../../catalog/sources.toml");

/// A source as the list states it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownSource {
    pub(crate) name: String,
    pub(crate) licence: String,
    pub(crate) credit: Option<String>,
    pub(crate) date: Option<String>,
    #[serde(default)]
    sha256: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    rules: KnownSource,
    source: Vec<KnownSource>,
}

fn list() -> Result<&'static List, CatalogError> {
    static READ: OnceLock<Result<List, String>> = OnceLock::new();
    READ.get_or_init(|| toml::from_str(LIST).map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|why| CatalogError::file("sources.toml", why.clone()))
}

/// The source with this checksum, if the list has it.
pub(crate) fn known_source(sha256: &str) -> Result<Option<&'static KnownSource>, CatalogError> {
    Ok(list()?.source.iter().find(|source| source.sha256 == sha256))
}

/// The hand-made rules as a source.
pub(crate) fn known_rules() -> Result<&'static KnownSource, CatalogError> {
    Ok(&list()?.rules)
}
