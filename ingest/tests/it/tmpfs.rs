//! A small disk of its own for a test: a tmpfs, which only the superuser can mount. Shared by several tests' crates.
#![allow(dead_code, reason = "no crate of tests needs all of it")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted tmpfs, gone when dropped.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// Mounts it on a new folder, open to all users; `size` in mount's words. Where that cannot be the test is skipped, and says so.
    pub(crate) fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let options = format!("size={size},mode=755");
        let words = ["-t", "tmpfs", "-o", &options, "outflow-test"];
        match succeeds(Command::new("mount").args(words).arg(&at)) {
            Ok(()) => Some(Self(at)),
            Err(why) => {
                let required = std::env::var_os("OUTFLOW_REQUIRE_TOOLS").is_some_and(|v| v == "1");
                assert!(!required, "a tmpfs cannot be mounted: {why}");
                // Past the harness, which would keep a passing test's words to itself.
                let said = format!("SKIPPED: a tmpfs cannot be mounted: {why}\n");
                std::io::stderr().write_all(said.as_bytes()).unwrap();
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn grow(&self, size: &str) {
        let options = format!("remount,size={size}");
        succeeds(Command::new("mount").args(["-o", &options]).arg(&self.0)).unwrap();
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whatever failed, nothing stays mounted.
        let _ = succeeds(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
