//! What packages depend on, as Cargo tells it.

use std::collections::BTreeSet;
use std::process::Command;

use crate::walk::root;

/// The names of all packages that `package` is built with, tests aside, on every platform and with
/// every feature.
pub(crate) fn of(package: &str) -> BTreeSet<String> {
    with(package, &["--all-features"])
}

/// As [`of`], with no feature.
pub(crate) fn without_features(package: &str) -> BTreeSet<String> {
    with(package, &["--no-default-features"])
}

/// As [`of`], as it is built where nobody asks for a feature.
pub(crate) fn by_default(package: &str) -> BTreeSet<String> {
    with(package, &[])
}

fn with(package: &str, features: &[&str]) -> BTreeSet<String> {
    let edges = ["--edges", "normal,build", "--target", "all"];
    let shape = ["--prefix", "none", "--format", "{p}"];
    let listed = cargo(
        &[
            &["tree", "--package", package][..],
            &edges,
            features,
            &shape,
        ]
        .concat(),
    );
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let tree: BTreeSet<_> = names.filter(|n| !n.is_empty()).map(str::to_owned).collect();
    assert!(tree.contains(package), "{listed}");
    tree
}

/// The packages of this workspace that are engines.
pub(crate) fn engines() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("backend-")).collect()
}

/// Fails if the tree holds a package of one of these names. A name that ends in `-` stands for
/// all that begin with it, and so does one that others are built around, as `candle` is.
#[track_caller]
pub(crate) fn expect_absent(package: &str, tree: &BTreeSet<String>, unwanted: &[&str]) {
    let is_unwanted = |name: &str| {
        unwanted.iter().any(|unwanted| {
            let family = format!("{}-", unwanted.trim_end_matches('-'));
            name == *unwanted || name.starts_with(&family)
        })
    };
    let others = tree.iter().filter(|name| *name != package);
    let found: Vec<_> = others.filter(|name| is_unwanted(name)).collect();
    assert!(found.is_empty(), "{package} depends on {found:?}");
}

fn cargo(arguments: &[&str]) -> String {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .current_dir(root())
        .args(arguments)
        .args(["--offline", "--quiet"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}
