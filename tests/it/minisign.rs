//! Beside the `minisign` program: whatever is accepted here, it accepts too; and the other way round, but for what is
//! refused on purpose.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use cargo_packager_updater::signature::{PublicKey, Signature, verify_reader};

use crate::support::{Random, Signer, has, rounds};

/// A key file, a signature file and an artifact.
#[derive(Clone)]
struct Triple {
    key: String,
    signature: String,
    artifact: Vec<u8>,
}

impl Triple {
    fn sound(random: &mut Random) -> Self {
        let signer = if random.below(4) == 0 { Signer::stranger() } else { Signer::author() };
        let artifact = (0..random.below(200)).map(|_| random.next().to_le_bytes()[0]).collect::<Vec<u8>>();
        let comment = *random.pick(&["timestamp:1\tfile:x", "version:2.0.0", "", "ä", "x: y"]);
        let signature = if random.below(8) == 0 {
            signer.sign_legacy(&artifact, comment)
        } else {
            signer.sign(&artifact, comment)
        };
        let key = format!("untrusted comment: key\n{}\n", Signer::author().pubkey());
        Self { key, signature, artifact }
    }

    fn mutate(&mut self, random: &mut Random) {
        match random.below(10) {
            0 => self.key = mutated(&self.key, random),
            1 => self.artifact.push(0),
            2 => drop(self.artifact.pop()),
            _ => self.signature = mutated(&self.signature, random),
        }
    }

    fn accepted_here(&self) -> bool {
        let Ok(key) = PublicKey::parse(&self.key) else { return false };
        let Ok(signature) = Signature::parse(&self.signature) else { return false };
        verify_reader(&mut self.artifact.as_slice(), &signature, &[key]).is_ok()
    }

    /// What minisign takes for sound: the legacy kind, and text that two readers may read in two ways, or that two texts are
    /// read as.
    fn is_refused_on_purpose(&self) -> bool {
        let Self { key, signature, .. } = self;
        let is_legacy = signature.lines().nth(1).is_some_and(|line| line.starts_with("RW"));
        let is_key_file = key.starts_with("untrusted comment:") && key.lines().count() == 2;
        let is_signature_file = signature.lines().count() == 4 && !signature.contains("\r\r");
        is_legacy
            || !is_key_file
            || !is_signature_file
            || [key, signature].iter().any(|text| text.contains('\0') || text.lines().any(has_unused_bits))
    }

    fn accepted_there(&self, dir: &Path) -> bool {
        let path = |name: &str| dir.join(name);
        fs::write(path("key.pub"), &self.key).unwrap();
        fs::write(path("artifact.minisig"), &self.signature).unwrap();
        fs::write(path("artifact"), &self.artifact).unwrap();
        let mut command = Command::new("minisign");
        command.arg("-Vqm").arg(path("artifact"));
        // A key line alone is an argument for minisign, and no file; an argument has no NUL.
        match self.key.trim().lines().collect::<Vec<_>>().as_slice() {
            [line] if !line.contains('\0') => command.arg("-P").arg(line),
            _ => command.arg("-p").arg(path("key.pub")),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
}

/// Base64 whose last character says more than the bytes that it ends.
fn has_unused_bits(line: &str) -> bool {
    matches!(STANDARD.decode(line), Err(DecodeError::InvalidLastSymbol { .. }))
}

/// Another text of a similar form.
fn mutated(text: &str, random: &mut Random) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = random.below(lines.len());
    match random.below(12) {
        0 => drop(lines.remove(line)),
        1 => lines.insert(line, lines[line].clone()),
        2 => lines.swap(0, line),
        3 => lines[line].push(*random.pick(&[' ', '\t', '\r', '=', 'A', '\u{85}', '\0'])),
        4 => lines[line].insert(0, *random.pick(&[' ', '\t', 'R'])),
        5 => return text.trim_end().to_owned(),
        6 => return text.replace('\n', "\r\n"),
        7 => return format!("{text}{}", random.pick(&["\n", "more\n", " ", "\0", "untrusted comment: x\n"])),
        8 => {
            let mark = random.pick(&[";", "", "::", ": "]);
            lines[line] = lines[line].replacen(':', mark, 1);
        }
        9 => lines[line] = lines[line].to_uppercase(),
        _ => lines[line] = with_other_byte(&lines[line], random),
    }
    lines.join("\n") + "\n"
}

fn with_other_byte(line: &str, random: &mut Random) -> String {
    let mut characters: Vec<char> = line.chars().collect();
    if !characters.is_empty() {
        let at = random.below(characters.len());
        characters[at] = char::from(b' ' + u8::try_from(random.below(94)).unwrap());
    }
    characters.into_iter().collect()
}

#[test]
fn nothing_is_accepted_that_minisign_refuses_and_nothing_sound_is_refused() {
    if !has("minisign") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new("minisign");
    let (mut accepted, mut refused, mut refused_here_alone) = (0, 0, 0);
    let all = rounds(300, 10_000, 100_000);
    for round in 0..all {
        let mut triple = Triple::sound(&mut random);
        for _ in 0..random.below(3) {
            triple.mutate(&mut random);
        }
        let Triple { key, signature, artifact } = &triple;
        let case = format!("round {round}: {key:?} {signature:?} {artifact:?}");
        if triple.accepted_here() {
            accepted += 1;
            assert!(triple.accepted_there(dir.path()), "{case}");
        } else if round % 8 == 0 {
            // The rest would take most of the time.
            refused += 1;
            if triple.accepted_there(dir.path()) {
                assert!(triple.is_refused_on_purpose(), "only minisign accepts: {case}");
                refused_here_alone += 1;
            }
        }
    }
    println!(
        "{accepted} of {all} were accepted, as by minisign, which accepted {refused_here_alone} of {refused} others"
    );
    assert!(refused_here_alone > 0, "nothing tells the two apart");
    assert!(accepted > all / 5, "only {accepted} of {all} were accepted at all");
}
