//! What ships inside the program: the tables made from feeds, the vendor files and the range lists.
//! The tables are opened only when somebody asks.

use crate::catalog::codec::Broken;
use crate::catalog::error::CatalogError;
use crate::catalog::file::CatalogFile;
use crate::catalog::makers::Makers;
use crate::catalog::networks::Networks;
use crate::catalog::places::Places;
use crate::catalog::rules_text::TextFile;

/// The name of the tables in messages.
pub(crate) const TABLES_NAME: &str = "tables.outflow-catalog";

const TABLES: &[u8] = include_bytes!("../../catalog/tables.outflow-catalog");

macro_rules! vendors {
    ($($key:literal)*) => {
        &[$(TextFile {
            name: concat!("vendors/", $key, ".toml"),
            text: include_str!(concat!("../../catalog/vendors/", $key, ".toml")),
        }),*]
    };
}

/// The vendor files.
pub(crate) const VENDORS: &[TextFile<'static>] = vendors!(
    "akamai" "alibaba" "amazon" "apple" "asus" "baidu" "bilibili" "bytedance" "cloudflare" "dji"
    "fastly" "google" "hikvision" "honor" "huawei" "jd" "kakao" "lenovo" "lg" "line" "meta"
    "microsoft" "naver" "netease" "oppo" "rakuten" "samsung" "signal" "sina" "sony" "telegram"
    "tencent" "twitter" "vivo" "xiaomi" "yahoo" "yandex" "zte"
);

/// Special-purpose ranges.
pub(crate) const SPECIAL: TextFile<'static> =
    TextFile { name: "special.csv", text: include_str!("../../catalog/special.csv") };

/// Anycast ranges.
pub(crate) const ANYCAST: TextFile<'static> =
    TextFile { name: "anycast.csv", text: include_str!("../../catalog/anycast.csv") };

/// Kinds of networks without a vendor.
pub(crate) const NETWORKS: TextFile<'static> =
    TextFile { name: "networks.csv", text: include_str!("../../catalog/networks.csv") };

/// The shipped tables.
pub(crate) fn tables() -> Result<CatalogFile, CatalogError> {
    CatalogFile::open(TABLES_NAME, TABLES)
}

/// The country table of a file.
pub(crate) fn places(file: &CatalogFile) -> Result<Places, CatalogError> {
    section(file, "country", Places::decode)
}

/// The network table of a file.
pub(crate) fn networks(file: &CatalogFile) -> Result<Networks, CatalogError> {
    section(file, "network", Networks::decode)
}

/// The maker table of a file.
pub(crate) fn makers(file: &CatalogFile) -> Result<Makers, CatalogError> {
    section(file, "maker", Makers::decode)
}

fn section<T>(
    file: &CatalogFile,
    name: &str,
    decode: impl Fn(&[u8]) -> Result<T, Broken>,
) -> Result<T, CatalogError> {
    let corrupt = |why: String| CatalogError::corrupt("the catalog", why);
    let section = file.section(name).ok_or_else(|| corrupt(format!("it has no {name} table")))?;
    decode(&section.bytes).map_err(|why| corrupt(format!("its {name} table: {why}")))
}
