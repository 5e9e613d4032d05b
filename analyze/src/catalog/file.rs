//! The catalog file: a magic word, a checksum, and compressed sections behind a short table of contents.
//! Any flipped or missing byte is found before a table is read; a file is never half replaced.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalog::error::CatalogError;
use crate::catalog::snapshot::{Source, sha256_hex};

/// Opens every catalog file; the digit is the layout's version.
const MAGIC: &[u8; 16] = b"outflow-catalog1";
/// No catalog is this large; a file that unpacks to more is hostile.
const BYTES_MAX: usize = 512 << 20;
/// Slow to write, as fast to read as any.
const ZSTD_LEVEL: i32 = 19;

/// One named section.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) bytes: Vec<u8>,
}

impl Section {
    pub(crate) fn new(name: &str, bytes: Vec<u8>) -> Self {
        Self { name: name.to_owned(), sha256: sha256_hex(&bytes), bytes }
    }
}

/// What a catalog file holds.
#[derive(Debug, Clone)]
pub(crate) struct CatalogFile {
    pub(crate) sources: Vec<Source>,
    pub(crate) sections: Vec<Section>,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    sources: Vec<Source>,
    sections: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    length: usize,
    sha256: String,
}

impl CatalogFile {
    /// The section called `name`.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The bytes of the file.
    pub(crate) fn seal(&self) -> std::io::Result<Vec<u8>> {
        let entry = |section: &Section| Entry {
            name: section.name.clone(),
            length: section.bytes.len(),
            sha256: section.sha256.clone(),
        };
        let contents = Contents {
            sources: self.sources.clone(),
            sections: self.sections.iter().map(entry).collect(),
        };
        let mut plain = serde_json::to_vec(&contents)?;
        plain.push(b'\n');
        for section in &self.sections {
            plain.extend_from_slice(&section.bytes);
        }
        let packed = zstd::encode_all(plain.as_slice(), ZSTD_LEVEL)?;
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&Sha256::digest(&packed));
        out.extend_from_slice(&packed);
        Ok(out)
    }

    /// Opens the bytes of a file called `name`.
    pub(crate) fn open(name: &str, bytes: &[u8]) -> Result<Self, CatalogError> {
        let corrupt = |why: &str| CatalogError::corrupt(name, why);
        let Some(rest) = bytes.strip_prefix(MAGIC) else {
            return Err(corrupt("it does not begin like one of this version"));
        };
        let (checksum, packed) =
            rest.split_at_checked(32).ok_or_else(|| corrupt("it ends in its head"))?;
        if Sha256::digest(packed).as_slice() != checksum {
            return Err(corrupt("its checksum does not hold (torn or changed)"));
        }
        let mut plain = Vec::new();
        zstd::stream::read::Decoder::with_buffer(packed)
            .and_then(|decoder| decoder.take(BYTES_MAX as u64 + 1).read_to_end(&mut plain))
            .map_err(|error| {
                CatalogError::corrupt(name, format!("it does not unpack ({error})"))
            })?;
        if plain.len() > BYTES_MAX {
            return Err(corrupt("it unpacks to more than 512 MiB"));
        }
        let head = plain.iter().position(|byte| *byte == b'\n').unwrap_or(plain.len());
        let (head, mut rest) = plain.split_at(head);
        rest = rest.get(1..).unwrap_or_default();
        let contents: Contents = serde_json::from_slice(head)
            .map_err(|error| CatalogError::corrupt(name, format!("its contents: {error}")))?;
        let mut sections = Vec::with_capacity(contents.sections.len());
        for entry in contents.sections {
            let (bytes, left) = rest
                .split_at_checked(entry.length)
                .ok_or_else(|| corrupt("a section is shorter than stated"))?;
            rest = left;
            sections.push(Section {
                name: entry.name,
                sha256: entry.sha256,
                bytes: bytes.to_vec(),
            });
        }
        Ok(Self { sources: contents.sources, sections })
    }
}

/// Reads a file of at most `bytes_max`.
pub(crate) fn read_bounded(path: &Path, bytes_max: usize) -> Result<Vec<u8>, CatalogError> {
    let file = std::fs::File::open(path).map_err(|error| CatalogError::read(path, error))?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CatalogError::read(path, error))?;
    if bytes.len() > bytes_max {
        let why = format!("it is larger than {} MiB, which no feed is", bytes_max >> 20);
        return Err(CatalogError::file(&path.display().to_string(), why));
    }
    Ok(bytes)
}

/// Reads a catalog file.
pub(crate) fn read(path: &Path) -> Result<CatalogFile, CatalogError> {
    CatalogFile::open(&path.display().to_string(), &read_bounded(path, BYTES_MAX)?)
}

/// Writes `bytes` beside `path` and renames: a reader sees the old file or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), CatalogError> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let failed = |error| CatalogError::write(path, error);
    let mut fresh = tempfile::Builder::new()
        .prefix(".outflow-catalog-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)
        .map_err(failed)?;
    fresh.write_all(bytes).map_err(failed)?;
    fresh.as_file().sync_all().map_err(failed)?;
    fresh.persist(path).map_err(|error| failed(error.error))?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let section = Section::new("country", b"some bytes".to_vec());
        CatalogFile { sources: Vec::new(), sections: vec![section] }.seal().unwrap()
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let file = CatalogFile::open("x", &sample()).unwrap();
        assert_eq!(file.section("country").unwrap().bytes, b"some bytes");
        assert!(file.section("maker").is_none());
    }

    #[test]
    fn every_flip_and_every_cut_is_found() {
        let good = sample();
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x20;
            let message = CatalogFile::open("x.outflow-catalog", &bad).unwrap_err().to_string();
            assert!(message.contains("x.outflow-catalog is not a whole catalog"), "{message}");
            assert!(CatalogFile::open("x", &good[..position]).is_err());
        }
    }
}
