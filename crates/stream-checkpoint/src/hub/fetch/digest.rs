//! Whether a file has the content that the hub announced.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha1::Sha1;
use sha2::{Digest, Sha256};

const BUFFER: usize = 256 * 1024;

/// The hash of the file at `path`, of the kind that `etag` is, or `None` if `etag` is no hash.
///
/// The hub's entity tags are SHA-256 for large files (Git LFS and Xet), and Git's name of the
/// blob for others: SHA-1 over `blob LENGTH\0` and the content.
pub(super) fn like(etag: &str, path: &Path) -> io::Result<Option<String>> {
    let is_hash = etag.bytes().all(|b| b.is_ascii_hexdigit());
    match etag.len() {
        64 if is_hash => of(Sha256::new(), path).map(Some),
        40 if is_hash => {
            let length = path.metadata()?.len();
            of(Sha1::new_with_prefix(format!("blob {length}\0")), path).map(Some)
        }
        _ => Ok(None),
    }
}

fn of(mut hash: impl Digest, path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    loop {
        let n = match file.read(&mut buffer) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        match buffer.get(..n) {
            Some(bytes) if n > 0 => hash.update(bytes),
            _ => break,
        }
    }
    let hex = hash.finalize();
    Ok(hex.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "test content\n").unwrap();
        // The example of "Git Internals: Git Objects" in Pro Git, and `sha256sum`.
        for hash in [
            "d670460b4b4aece5915caf5c68d12f560a9fe3e4",
            "a1fff0ffefb9eace7230c24e50731f0a91c62f9cefdfe77121c2f607125dffae",
        ] {
            assert_eq!(like(hash, &path).unwrap().as_deref(), Some(hash));
        }
        for other in ["", "abc", &"g".repeat(40)] {
            assert_eq!(like(other, &path).unwrap(), None);
        }
    }
}
