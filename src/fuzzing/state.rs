use std::{fs, path::Path};

use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::{SIGNATURE, archive::scratch};
use crate::{
    signature::Signature,
    state::{DataDir, Partial, SeenManifests, Sighting, Staged, State},
    system::{Fingerprint, OsSystem},
};

/// The name of a record and, in the next line, what was found in it: another version wrote it, or the disk lost a part.
pub fn state(input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let (name, content) = (input.get(..end).unwrap_or_default(), input.get(end + 1..).unwrap_or_default());
    // Making the directory takes longer than most records.
    thread_local!(static RECORDS: Records = Records::new());
    RECORDS.with(|records| {
        records.forget();
        match name {
            b"state" => records.check_state(content),
            b"manifests" => records.check_manifests(content),
            b"staged" => records.check_staged(content),
            b"partial" => records.check_partial(content),
            _ => {}
        }
    });
}

struct Records {
    base: TempDir,
    data: DataDir,
    signature: Signature,
}

impl Records {
    fn new() -> Self {
        let base = scratch();
        let data = DataDir::locate(Some(base.path()), "application", &OsSystem).unwrap();
        data.prepare().unwrap();
        Self { base, data, signature: Signature::parse(SIGNATURE).unwrap() }
    }

    fn forget(&self) {
        for directory in [self.path(""), self.data.downloads()] {
            for found in fs::read_dir(directory)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_file())
            {
                fs::remove_file(found).unwrap();
            }
        }
    }

    fn plant(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.base.path().join("application").join(name)
    }

    fn check_state(&self, content: &[u8]) {
        self.plant("state.json", content);
        let found = self.data.state().unwrap();
        let looks = Fingerprint { inode: 1, size: 1, modified_ns: 1 };
        let looked = [None, Some(&looks), found.installed.last().map(|installed| &installed.fingerprint)];
        let place = found.begun.last().map_or("", |begun| &begun.place);
        for state in [found.clone(), found.clone().withdrawn(place)] {
            for settled in looked.map(|looks| state.clone().settled(place, looks)) {
                assert!(settled.begun.iter().all(|begun| begun.place != place));
                // What was demanded once stays so.
                assert!(settled.signed_version_seen || !found.signed_version_seen);
            }
        }
        self.data.write_state(&found).unwrap();
        assert_eq!(self.data.state().unwrap(), found);
        self.check_aside::<State>(content, &self.path("state.damaged"));
    }

    fn check_manifests(&self, content: &[u8]) {
        self.plant("manifests.json", content);
        let found = self.data.seen_manifests().unwrap();
        for (channel, key) in [("", "k"), ("stable", "k"), ("stable", "other")] {
            let seen = |sequence, payload: &str| Sighting {
                channel: channel.to_owned(),
                keys: vec![key.to_owned()],
                sequence,
                payload: payload.to_owned(),
                version: None,
            };
            let Ok(after) = found.with(&seen(7, "x")) else { continue };
            assert!(after.requires_signed(channel));
            assert!(after.with(&seen(6, "x")).is_err() && after.with(&seen(7, "y")).is_err());
            assert_eq!(after.with(&seen(7, "x")).as_ref(), Ok(&after));
        }
        let sighting = Sighting {
            channel: "stable".to_owned(),
            keys: vec!["k".to_owned()],
            sequence: u64::MAX,
            payload: "x".to_owned(),
            version: None,
        };
        let change = |seen: &SeenManifests| Ok(seen.with(&sighting).unwrap_or_else(|_| seen.clone()));
        self.data.change_seen_manifests(change).unwrap();
        assert_eq!(self.data.seen_manifests().unwrap(), change(&found).unwrap());
        if change(&found).unwrap() != found {
            self.check_aside::<SeenManifests>(content, &self.path("manifests.damaged"));
        }
    }

    fn check_staged(&self, content: &[u8]) {
        self.plant("staged.json", content);
        let Some(found) = self.data.staged() else { return };
        assert_eq!(found, serde_json::from_slice::<Staged>(content).unwrap());
        if let Some(signature) = found.parsed_signature() {
            assert!(self.data.is_staged(&signature));
            let finished = self.data.finished(&signature);
            assert_eq!(finished.parent(), Some(self.data.downloads().as_path()));
        }
        self.data.write_staged(&found).unwrap();
        assert_eq!(self.data.staged(), Some(found));
        self.data.forget_staged().unwrap();
        assert_eq!(self.data.staged(), None);
    }

    fn check_partial(&self, content: &[u8]) {
        let path = self.data.partial(&self.signature).with_extension("json");
        fs::write(&path, content).unwrap();
        let Some(found) = self.data.partial_record(&self.signature) else { return };
        assert_eq!(found.signature, self.signature.identity());
        assert_eq!(found, serde_json::from_slice::<Partial>(content).unwrap());
        self.data.write_partial_record(&self.signature, &found).unwrap();
        assert_eq!(self.data.partial_record(&self.signature), Some(found));
    }

    /// A damaged record is kept for whoever looks for the cause, another one is not.
    fn check_aside<T: DeserializeOwned>(&self, content: &[u8], aside: &Path) {
        let is_damaged = serde_json::from_slice::<T>(content).is_err();
        assert_eq!(fs::read(aside).ok().as_deref(), is_damaged.then_some(content));
    }
}
