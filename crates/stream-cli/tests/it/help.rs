//! Help, version and completions.

use stream_engine::core::SamplerStage;

use crate::program::{program, run};

#[test]
fn every_subcommand_has_help_with_its_exit_codes() {
    for subcommand in [
        "generate", "chat", "serve", "bench", "parity", "doctor", "pull",
    ] {
        let help = run(program([subcommand, "--help"])).expect_quiet().stdout;
        assert!(help.contains("Usage: stream-engine"), "{help}");
        assert!(help.contains("130  interrupted"), "{help}");
    }
    let help = run(program(["completions", "--help"]))
        .expect_quiet()
        .stdout;
    assert!(help.contains("zsh"), "{help}");
    let help = run(program(["--help"])).expect_quiet().stdout;
    for subcommand in [
        "generate",
        "chat",
        "serve",
        "bench",
        "parity",
        "doctor",
        "pull",
        "completions",
    ] {
        assert!(help.contains(subcommand), "{help}");
    }
    assert!(!help.contains("bench-worker"), "{help}");
}

#[test]
fn every_form_of_a_model_is_told() {
    for subcommand in [
        "generate", "chat", "serve", "bench", "parity", "doctor", "pull",
    ] {
        let help = run(program([subcommand, "--help"])).expect_quiet().stdout;
        for form in [
            "PATH",
            "hf:OWNER/REPO[@REVISION]/FILE",
            "OWNER/REPO:QUANTISATION",
        ] {
            assert!(help.contains(form), "{subcommand}: {help}");
        }
    }
}

#[test]
fn every_sampler_has_its_flag() {
    for subcommand in ["generate", "chat"] {
        let help = run(program([subcommand, "--help"])).expect_quiet().stdout;
        for flag in [
            "--typical-p",
            "--top-n-sigma",
            "--epsilon-cutoff",
            "--eta-cutoff",
            "--dry-multiplier",
            "--dry-breaker",
            "--xtc-probability",
            "--mirostat-tau",
            "--logit-bias <ID=BIAS>",
            "--bad-word",
            "--sampler-order",
        ] {
            assert!(help.contains(flag), "{subcommand} {flag}");
        }
        let order = SamplerStage::DEFAULT_ORDER.map(SamplerStage::as_str);
        assert!(help.contains(&order.join(",")), "{help}");
    }
}

#[test]
fn the_version_is_the_package_version() {
    let version = run(program(["--version"])).expect_quiet().stdout;
    assert_eq!(
        version,
        format!("stream-engine {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(program(["completions", shell])).expect_quiet().stdout;
        assert!(script.contains("stream-engine"), "{shell}");
        assert!(script.contains("repetition-penalty"), "{shell}");
    }
}
