//! Beside the `minisign` program: whatever is accepted here, it accepts too.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

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

    fn accepted_there(&self, dir: &Path) -> bool {
        let path = |name: &str| dir.join(name);
        fs::write(path("key.pub"), &self.key).unwrap();
        fs::write(path("artifact.minisig"), &self.signature).unwrap();
        fs::write(path("artifact"), &self.artifact).unwrap();
        let mut command = Command::new("minisign");
        command.arg("-Vqm").arg(path("artifact"));
        // A key line alone is an argument for minisign, and no file.
        match self.key.trim().lines().collect::<Vec<_>>().as_slice() {
            [line] => command.arg("-P").arg(line),
            _ => command.arg("-p").arg(path("key.pub")),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    }
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
fn nothing_is_accepted_that_minisign_refuses() {
    if !has("minisign") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new("minisign");
    let mut accepted = 0;
    for round in 0..rounds(300, 10_000, 100_000) {
        let mut triple = Triple::sound(&mut random);
        for _ in 0..random.below(3) {
            triple.mutate(&mut random);
        }
        if triple.accepted_here() {
            accepted += 1;
            let Triple { key, signature, artifact } = &triple;
            assert!(triple.accepted_there(dir.path()), "round {round}: {key:?} {signature:?} {artifact:?}");
        }
    }
    assert!(accepted > 20, "only {accepted} were accepted at all");
}
