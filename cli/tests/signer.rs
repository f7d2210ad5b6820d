//! `signer generate|sign|verify` as a publisher uses them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails in a helper fails the test")]

mod common;

use std::process::Stdio;

use common::{Cli, KEY, PASSWORD_VARIABLE, PRIVATE_KEY_VARIABLE, PUBLIC};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_generated_pair_signs_and_verifies() {
    let cli = Cli::new().with(PASSWORD_VARIABLE, "hunter2");
    let ran = cli.succeed(&["signer", "generate", "--path", "up.key"]);
    assert!(ran.stdout.contains(PRIVATE_KEY_VARIABLE) && ran.stdout.contains(PASSWORD_VARIABLE));
    assert!(ran.stdout.contains(&cli.read("up.key.pub")));
    assert!(!ran.stdout.contains(&cli.read("up.key")));
    cli.write("a.AppImage", "content");
    let args = ["signer", "sign", "--private-key", "up.key", "--version", "v2.0.0", "a.AppImage"];
    assert_eq!(cli.succeed(&args).stderr, "");
    let ran = cli.succeed(&["signer", "verify", "a.AppImage", "--pubkey", "up.key.pub"]);
    assert!(ran.stdout.contains("version: 2.0.0"), "{}", ran.stdout);
    let wrong = Cli::new().with(PASSWORD_VARIABLE, "hunter3").with(PRIVATE_KEY_VARIABLE, &cli.read("up.key"));
    wrong.write("a.AppImage", "content");
    let text = wrong.fail(&["signer", "sign", "--version", "2.0.0", "a.AppImage"]);
    assert!(
        text.contains("password") && !text.contains("hunter") && !text.contains(&cli.read("up.key")),
        "{text}"
    );
    assert_eq!(wrong.names("."), ["a.AppImage"]);
}

#[test]
fn without_a_path_both_keys_are_printed() {
    let cli = Cli::new();
    let text = cli.succeed(&["signer", "generate", "--ci"]).stdout;
    let value = json(&cli.succeed(&["signer", "generate", "--ci", "--json"]).stdout);
    assert!(text.contains("Private key") && text.contains("Public key"));
    let cli = cli.with(PRIVATE_KEY_VARIABLE, value["privateKey"].as_str().unwrap());
    cli.write("a", "content");
    // Without a terminal the password is the empty one that --ci stands for.
    cli.succeed(&["signer", "sign", "--version", "1.0.0", "a"]);
    cli.succeed(&["signer", "verify", "a", "--pubkey", value["publicKey"].as_str().unwrap()]);
}

#[cfg(unix)]
#[test]
fn the_private_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let cli = Cli::new();
    cli.succeed(&["signer", "generate", "--ci", "--path", "up.key"]);
    let mode = |name| cli.path(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("up.key"), 0o600);
    assert_eq!(mode("up.key.pub") & 0o600, 0o600);
    cli.succeed(&["signer", "generate", "--ci", "--path", "up.key", "--force"]);
    assert_eq!(mode("up.key"), 0o600);
}

#[test]
fn an_existing_key_is_replaced_only_by_force() {
    let cli = Cli::new();
    for taken in ["up.key", "up.key.pub"] {
        cli.write(taken, "precious");
        let text = cli.fail(&["signer", "generate", "--ci", "--path", "up.key"]);
        assert!(text.contains(taken) && text.contains("--force"), "{text}");
        assert_eq!(cli.read(taken), "precious");
        assert_eq!(cli.names("."), [taken]);
        std::fs::remove_file(cli.path(taken)).unwrap();
    }
    cli.write("up.key", "precious");
    cli.succeed(&["signer", "generate", "--ci", "--path", "up.key", "--force"]);
    assert_eq!(cli.names("."), ["up.key", "up.key.pub"]);
    assert_ne!(cli.read("up.key"), "precious");
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let text = Cli::new().fail(&["signer", "generate"]);
    assert!(text.contains(PASSWORD_VARIABLE) && text.contains("--password"), "{text}");
}

#[test]
fn the_key_comes_as_text_or_path_from_option_or_environment() {
    for variable in [KEY, "key file"] {
        let cli = Cli::new().with(PRIVATE_KEY_VARIABLE, variable);
        cli.write("key file", KEY);
        cli.write("a", "content");
        cli.succeed(&["signer", "sign", "--version", "1.0.0", "a"]);
        cli.succeed(&["signer", "verify", "a", "--pubkey", PUBLIC]);
    }
    for option in [KEY, "key file"] {
        let cli = Cli::new();
        cli.write("key file", KEY);
        cli.write("a", "content");
        cli.succeed(&["signer", "sign", "--private-key", option, "--version", "1.0.0", "a"]);
        cli.succeed(&["signer", "verify", "a", "--pubkey", PUBLIC]);
    }
}

#[test]
fn a_private_key_is_never_shown_not_even_a_broken_one() {
    let key_line = KEY.lines().nth(1).unwrap();
    for broken in [&key_line[..100], &key_line[4..], &KEY[..KEY.len() - 9], &KEY.replace("x/P7", "x/P8")] {
        let cli = Cli::new().with(PRIVATE_KEY_VARIABLE, broken);
        cli.write("a", "content");
        let text = cli.fail(&["signer", "sign", "--version", "1.0.0", "a"]);
        assert!(!text.contains(&key_line[8..60]) && !text.contains(&key_line[110..140]), "{text}");
        let text =
            cli.fail(&["signer", "sign", "--json", "--private-key", broken, "--version", "1.0.0", "a"]);
        assert!(!text.contains(&key_line[8..60]) && !text.contains(&key_line[110..140]), "{text}");
        assert_eq!(cli.names("."), ["a"]);
    }
    let text = Cli::new().fail(&["signer", "sign", "a"]);
    assert!(text.contains(PRIVATE_KEY_VARIABLE), "{text}");
}

#[test]
fn secrets_in_the_environment_are_not_shown_in_the_help() {
    let cli = Cli::with_key().with(PASSWORD_VARIABLE, "hunter2");
    for command in ["generate", "sign"] {
        let text = cli.succeed(&["signer", command, "--help"]).stdout;
        assert!(text.contains(PASSWORD_VARIABLE));
        assert!(!text.contains("hunter2") && !text.contains(KEY.lines().nth(1).unwrap()), "{text}");
    }
}

#[test]
fn a_usage_mistake_beside_a_password_does_not_show_it() {
    let ran = Cli::new().run(&["signer", "sign", "--password=hunter2", "--bogus", "a"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("--bogus") && !ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[test]
fn everything_that_was_given_is_signed() {
    let cli = Cli::with_key();
    cli.write("a.deb", "content");
    cli.write("b.deb", "other content");
    let metadata = ["--version", "2.0.0-rc.1+5", "--target", "linux-x86_64,linux-armv7", "--format", "DEB"];
    let who = ["--channel", "beta", "--app", "com.example.app", "a.deb", "b.deb"];
    let ran = cli.succeed(&[&["signer", "sign", "--json"], &metadata[..], &who].concat());
    let value = json(&ran.stdout);
    assert_eq!(value["signed"][1]["signature"], cli.read("b.deb.sig"));
    let verified = json(&cli.succeed(&["signer", "verify", "a.deb", "--json", "--pubkey", PUBLIC]).stdout);
    assert_eq!(verified["metadata"], value["signed"][0]["metadata"]);
    for (key, expected) in [
        ("file", "a.deb"),
        ("version", "2.0.0-rc.1+5"),
        ("target", "linux-x86_64,linux-armv7"),
        ("format", "deb"),
        ("channel", "beta"),
        ("app", "com.example.app"),
    ] {
        assert_eq!(verified["metadata"][key], expected);
    }
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_signature_without_a_version_is_made_with_a_warning() {
    let cli = Cli::with_key();
    cli.write("a", "content");
    let ran = cli.succeed(&["signer", "sign", "a"]);
    assert!(ran.stderr.contains("warning: without --version"), "{}", ran.stderr);
    assert!(!cli.succeed(&["signer", "verify", "a", "--pubkey", PUBLIC]).stdout.contains("version"));
}

#[test]
fn what_cannot_be_signed_leaves_no_signature() {
    let cli = Cli::with_key();
    cli.write("a", "content");
    cli.write("tab\tname", "content");
    for args in [
        &["--version", "2", "a"][..],
        &["--version", "1.0.0\tapp:x", "a"],
        &["--version", "1.0.0", "--target", "x\ty", "a"],
        &["--version", "1.0.0", "--channel", "x\ny", "a"],
        &["--version", "1.0.0", "--app", "", "a"],
        &["--version", "1.0.0", "tab\tname"],
        &["--version", "1.0.0", "missing"],
        &["--version", "1.0.0", "."],
    ] {
        let text = cli.fail(&[&["signer", "sign"], args].concat());
        assert!(text.starts_with("error: "), "{args:?}: {text}");
        assert_eq!(cli.names("."), ["a", "tab\tname"], "{args:?}");
    }
    assert_eq!(cli.run(&["signer", "sign", "--format", "floppy", "a"]).code, 2);
}

#[test]
fn an_older_signature_is_replaced_and_nothing_else_is_left() {
    let cli = Cli::with_key();
    cli.write("a", "content");
    cli.write("a.sig", "old");
    cli.succeed(&["signer", "sign", "--version", "1.0.0", "a"]);
    assert_eq!(cli.names("."), ["a", "a.sig"]);
    cli.succeed(&["signer", "verify", "a", "--pubkey", PUBLIC]);
    let text = cli.read("a.sig");
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)), "{text:?}");
}

#[test]
fn what_was_not_signed_does_not_verify() {
    let cli = Cli::with_key();
    cli.write("a", "content");
    cli.succeed(&["signer", "sign", "--version", "1.0.0", "a"]);
    cli.write("b", "Content");
    let code = |args: &[&str]| {
        let text = cli.fail(&[&["signer", "verify", "--json"], args].concat());
        json(&text)["error"]["code"].as_str().unwrap().to_owned()
    };
    let other_key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    assert_eq!(code(&["b", "--signature", "a.sig", "--pubkey", PUBLIC]), "ERR_UPDATER_SIGNATURE_MISMATCH");
    assert_eq!(code(&["a", "--pubkey", other_key]), "ERR_UPDATER_SIGNATURE_MISMATCH");
    assert_eq!(code(&["a", "--signature", "a", "--pubkey", PUBLIC]), "ERR_UPDATER_INVALID_SIGNATURE");
    assert_eq!(code(&["a", "--pubkey", "nonsense"]), "ERR_UPDATER_INVALID_PUBKEY");
    assert_eq!(code(&["b", "--pubkey", PUBLIC]), "ERR_UPDATER_CLI");
    assert_eq!(code(&["missing", "--signature", "a.sig", "--pubkey", PUBLIC]), "ERR_UPDATER_IO");
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_artifact() {
    let cli = Cli::with_key();
    std::fs::File::create(cli.path("large")).unwrap().set_len(256 << 20).unwrap();
    let limited = |args: &[&str]| {
        let mut command = cli.command_of("sh", &["-c", "ulimit -v 131072; exec \"$@\"", "sh"]); // 128 MiB
        let output = command.arg(common::program()).args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    limited(&["signer", "sign", "--version", "1.0.0", "large"]);
    limited(&["signer", "verify", "large", "--pubkey", PUBLIC]);
}

#[test]
fn a_reader_that_has_gone_is_a_failure_and_no_crash() {
    let cli = Cli::new();
    let mut command = cli.command(&["signer", "generate", "--ci"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.starts_with("error: cannot write to standard output"), "{stderr}");
}

#[test]
fn the_library_gives_the_exit_code_to_its_caller() {
    let run = |args: &[&str]| cargo_packager_updater_cli::run(args.iter().map(Into::into));
    assert_eq!(run(&["npx @crabnebula/updater", "--version"]), 0);
    assert_eq!(run(&["npx @crabnebula/updater", "signer", "verify", "missing", "--pubkey", PUBLIC]), 1);
    assert_eq!(run(&["npx @crabnebula/updater", "bogus"]), 2);
    assert_eq!(run(&[]), 2);
}
