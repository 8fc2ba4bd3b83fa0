//! Every kernel against its reference.

use std::collections::HashSet;

use cuda_emulator::{Emulator, Order};
use cuda_kernels::Kernel;
use cuda_kernels::check::{self, Finding, Group};

/// Checks a group in one order.
fn findings(group: Group, order: Order) -> Vec<Finding> {
    let findings = check::of(group, &Emulator { order }).unwrap();
    assert!(!findings.is_empty());
    findings
}

/// All are right, and the same bits in every order: no thread reads what another has not written.
#[track_caller]
fn check(group: Group) {
    let forward = findings(group, Order::Forward);
    let wrong: Vec<_> = forward
        .iter()
        .filter(|f| !f.is_right())
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    for order in [Order::Backward, Order::Mixed] {
        assert_eq!(findings(group, order), forward, "{order:?}");
    }
}

#[test]
fn embedding_norm_and_gate() {
    check(Group::Parts);
}

#[test]
fn rotation() {
    check(Group::Rotation);
}

#[test]
fn attention() {
    check(Group::Attention);
}

#[test]
fn sampling() {
    check(Group::Sampling);
}

#[test]
fn every_kernel_has_a_check() {
    let order = Order::Forward;
    let findings = Group::ALL
        .into_iter()
        .flat_map(|group| findings(group, order));
    let checked: HashSet<_> = findings.map(|finding| finding.kernel).collect();
    let all: HashSet<_> = Kernel::all().into_iter().collect();
    assert_eq!(checked, all);
}
