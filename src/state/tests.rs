use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::*;
use crate::{ErrorCode, signature::testing::sign, system::OsSystem};

fn data_dir(base: &Path) -> DataDir {
    DataDir::locate(Some(base), "application", &OsSystem).unwrap()
}

fn staged(signature: &Signature) -> Staged {
    Staged {
        version: "2.0.0".parse().unwrap(),
        target: "linux-x86_64".to_owned(),
        format: "appimage".to_owned(),
        signature: signature.as_str().to_owned(),
        downloaded_bytes: 3,
        application: "/opt/App.AppImage".to_owned(),
        channel: "stable".to_owned(),
        manifest_keys: vec!["k".to_owned()],
    }
}

#[test]
fn the_directory_and_its_files_are_private() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.write_state(&State::default()).unwrap();
    let _lock = data.lock().unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(data.path.clone()), 0o700);
    assert_eq!(mode(data.path.join("state.json")), 0o600);
    assert_eq!(mode(data.path.join("lock")), 0o600);
}

#[test]
fn a_directory_that_others_could_write_to_is_closed() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    fs::create_dir(&data.path).unwrap();
    fs::set_permissions(&data.path, fs::Permissions::from_mode(0o777)).unwrap();
    data.prepare().unwrap();
    assert_eq!(fs::metadata(&data.path).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn links_planted_in_place_of_files_are_not_followed() {
    let base = tempfile::tempdir().unwrap();
    let victim = base.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    symlink(&victim, data.path.join("lock")).unwrap();
    assert!(data.lock().is_err());
    symlink(&victim, data.path.join("state.json")).unwrap();
    data.write_state(&State::default()).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn what_cannot_be_looked_at_is_not_taken_for_missing() {
    let base = tempfile::tempdir().unwrap();
    let too_long = "x".repeat(300);
    let hidden = DataDir::locate(Some(base.path()), &too_long, &OsSystem).unwrap();
    assert_eq!(hidden.state().unwrap_err().code(), ErrorCode::Io);
    let data = data_dir(base.path());
    assert_eq!(data.state().unwrap(), State::default());
    data.prepare().unwrap();
    assert_eq!(data.read::<State>(&too_long).unwrap_err().code(), ErrorCode::Io);
}

#[test]
fn a_link_planted_in_place_of_the_directory_is_refused() {
    let base = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    symlink(elsewhere.path(), &data.path).unwrap();
    assert!(data.lock().is_err());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn above_the_directory_a_link_is_followed_only_where_nobody_else_can_have_put_it() {
    let base = tempfile::tempdir().unwrap();
    let (link, home) = (base.path().join("link"), base.path().join("home"));
    fs::create_dir(&home).unwrap();
    symlink(&home, &link).unwrap();
    let data = data_dir(&link);
    data.prepare().unwrap();
    fs::remove_dir_all(&data.path).unwrap();
    let refused = |mode| {
        fs::set_permissions(base.path(), fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(data.prepare().unwrap_err().code(), ErrorCode::PermissionDenied, "{mode:o}");
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    };
    refused(0o777);
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
        refused(0o1777);
    }
}

/// A directory that its group may write to, and data in it.
fn in_group_writable(group: u32) -> (tempfile::TempDir, DataDir) {
    let base = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(base.path(), None, Some(group)).unwrap();
    fs::set_permissions(base.path(), fs::Permissions::from_mode(0o775)).unwrap();
    let data = data_dir(&base.path().join("data"));
    (base, data)
}

#[test]
fn where_another_member_of_a_group_may_exchange_the_directory_it_is_refused() {
    let (user, group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let (_base, own) = in_group_writable(group);
    // A group with the number of its user is theirs alone; with a umask of 002 it may write to every directory.
    assert_eq!(own.prepare().is_ok(), user == group);
    if rustix::process::geteuid().is_root() {
        let (base, shared) = in_group_writable(65_534);
        let error = shared.prepare().unwrap_err();
        assert_eq!(error.code(), ErrorCode::PermissionDenied);
        assert!(error.to_string().contains("chmod go-w"), "{error}");
        // There, who may write may not rename.
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o1775)).unwrap();
        shared.prepare().unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_access_list_may_name_others_beside_a_private_group() {
    let group = rustix::process::getegid();
    let (base, data) = in_group_writable(group.as_raw());
    // As setfacl(1) writes it: version 2; the owner, the user 65534, the group and the mask may write, others may not.
    let entries: [(u16, u16, u32); 5] = [(1, 7, !0), (2, 7, 65_534), (4, 5, !0), (16, 7, !0), (32, 5, !0)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, who) in entries {
        list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        list.extend(who.to_le_bytes());
    }
    let name = c"system.posix_acl_access";
    match rustix::fs::setxattr(base.path(), name, &list, rustix::fs::XattrFlags::empty()) {
        Err(rustix::io::Errno::OPNOTSUPP) => println!("skipped: a file system with access lists"),
        outcome => {
            outcome.unwrap();
            assert_eq!(data.prepare().unwrap_err().code(), ErrorCode::PermissionDenied);
        }
    }
}

#[test]
fn only_one_update_at_a_time_also_within_a_process() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    let lock = data.lock().unwrap();
    assert_eq!(data.lock().unwrap_err().code(), ErrorCode::Busy);
    drop(lock);
    data.lock().unwrap();
}

#[test]
fn directories_and_pipes_in_place_of_files_stop_nobody() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    for name in ["lock", "state.json", "state.damaged", "staged.json", "download/x"] {
        fs::create_dir_all(data.path.join(name).join("deeper")).unwrap();
    }
    std::process::Command::new("mkfifo").arg(data.downloads().join("pipe.bin")).status().unwrap();
    let _lock = data.lock().unwrap();
    let state = State { signed_version_seen: true, ..State::default() };
    data.write_state(&state).unwrap();
    data.forget_staged().unwrap();
    data.sweep([]);
    assert_eq!(data.state().unwrap(), state);
    assert_eq!(fs::read_dir(data.downloads()).unwrap().count(), 0);
}

#[test]
fn a_state_that_cannot_be_read_is_not_forgotten() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.write_state(&State { signed_version_seen: true, ..State::default() }).unwrap();
    let record = data.path.join("state.json");
    if rustix::process::geteuid().is_root() {
        // Root may read everything; what it must not believe is the file of another user.
        std::os::unix::fs::chown(record, Some(65_534), None).unwrap();
    } else {
        fs::set_permissions(record, fs::Permissions::from_mode(0o000)).unwrap();
    }
    assert_eq!(data.state().unwrap_err().code(), ErrorCode::PermissionDenied);
}

fn sighting(sequence: u64) -> Sighting {
    let (channel, keys) = (String::new(), vec!["key".to_owned()]);
    Sighting { channel, keys, sequence, payload: sequence.to_string(), version: None }
}

fn see(data: &DataDir, sequence: u64) -> Result<(), Rollback> {
    let mut refused = None;
    let refuse = std::sync::Mutex::new(&mut refused);
    let outcome = data.change_seen_manifests(|seen| {
        seen.with(&sighting(sequence)).map_err(|rollback| {
            **refuse.lock().unwrap() = Some(rollback);
            Error::Cancelled
        })
    });
    match outcome {
        Err(error) if error.code() != ErrorCode::Cancelled => panic!("{error}"),
        _ => refused.map_or(Ok(()), Err),
    }
}

#[test]
fn checks_that_run_at_once_never_lower_a_sequence() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    let highest = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (data, highest) = (&data, &highest);
            scope.spawn(move || {
                for round in 0..10 {
                    let sequence = round * 8 + thread;
                    if see(data, sequence).is_ok() {
                        highest.fetch_max(sequence, std::sync::atomic::Ordering::SeqCst);
                    }
                    // Tidying up in between takes nobody's half-written record away.
                    data.sweep([]);
                }
            });
        }
    });
    let highest = highest.into_inner();
    assert_eq!(see(&data, highest), Ok(()));
    assert_eq!(see(&data, highest - 1), Err(Rollback::Older(highest)));
}

#[test]
fn a_manifest_that_was_seen_before_is_not_written_down_again() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    see(&data, 7).unwrap();
    let inode = || fs::metadata(data.path.join("manifests.json")).unwrap().ino();
    let before = inode();
    see(&data, 7).unwrap();
    assert_eq!(inode(), before);
    see(&data, 8).unwrap();
    assert_ne!(inode(), before);
}

#[test]
fn a_damaged_state_is_set_aside() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    fs::write(data.path.join("state.json"), "{\"installed\": 7").unwrap();
    assert_eq!(data.state().unwrap(), State::default());
    let state = State { signed_version_seen: true, ..State::default() };
    data.write_state(&state).unwrap();
    assert_eq!(data.state().unwrap(), state);
    assert_eq!(fs::read_to_string(data.path.join("state.damaged")).unwrap(), "{\"installed\": 7");
}

#[test]
fn a_directory_is_there_once_something_was_kept_in_it() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    assert!(!data.exists());
    data.write_state(&State::default()).unwrap();
    assert!(data.exists());
}

#[test]
fn what_was_staged_is_known_until_it_is_discarded_and_only_for_its_own_artifact() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    let (own, other) = (sign(b"own"), sign(b"other"));
    assert_eq!(data.staged(), None);
    let staged = staged(&own);
    data.write_staged(&staged).unwrap();
    fs::write(data.finished(&own), "own").unwrap();
    fs::write(data.finished(&other), "other").unwrap();
    assert_eq!(data.staged(), Some(staged.clone()));
    assert!(data.is_staged(&own) && !data.is_staged(&other));

    data.discard_staged(&other).unwrap();
    assert!(!data.finished(&other).exists() && data.finished(&own).exists());
    assert_eq!(data.staged(), Some(staged));

    data.discard_staged(&own).unwrap();
    assert!(!data.finished(&own).exists() && !data.is_staged(&own));
    assert_eq!(data.staged(), None);

    fs::create_dir_all(data.finished(&own).join("deeper")).unwrap();
    data.discard_staged(&own).unwrap();
    assert!(!data.finished(&own).exists());
}

#[test]
fn a_download_is_resumed_only_where_its_record_is_about_the_same_artifact() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    let (own, other) = (sign(b"own"), sign(b"other"));
    assert_ne!(data.partial(&own), data.partial(&other));
    assert_eq!(data.partial_record(&own), None);
    let partial = Partial { signature: own.identity().to_owned(), etag: Some("\"tag\"".to_owned()) };
    data.write_partial_record(&own, &partial).unwrap();
    assert_eq!(data.partial_record(&own), Some(partial.clone()));
    data.write_partial_record(&other, &partial).unwrap();
    assert_eq!(data.partial_record(&other), None);
}

#[test]
fn tidying_up_keeps_what_is_needed_and_nothing_else() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    let [unfinished, finished, forgotten] = [b"1", b"2", b"3"].map(|artifact| sign(artifact));
    let kept = [
        data.partial(&unfinished),
        data.partial(&unfinished).with_extension("json"),
        data.finished(&finished),
        data.path.join("state.json"),
    ];
    let removed = [
        data.partial(&unfinished).with_extension("tmp"),
        data.partial(&finished),
        data.partial(&finished).with_extension("json"),
        data.partial(&forgotten),
        data.finished(&forgotten),
        data.scratch().join("installer"),
        data.path.join("half-written.tmp"),
    ];
    fs::create_dir(data.scratch()).unwrap();
    for path in kept.iter().chain(&removed) {
        assert!(path.starts_with(&data.path));
        fs::write(path, "").unwrap();
    }
    data.sweep([&unfinished, &finished]);
    for path in kept {
        assert!(path.exists(), "{}", path.display());
    }
    for path in removed {
        assert!(!path.exists(), "{}", path.display());
    }
}

#[test]
fn tidying_up_does_not_follow_a_link_that_was_planted_while_anybody_could_write_there() {
    let (base, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (data, precious) = (data_dir(base.path()), elsewhere.path().join("precious"));
    fs::write(&precious, "").unwrap();
    data.prepare().unwrap();
    symlink(elsewhere.path(), data.scratch()).unwrap();
    data.sweep([]);
    assert!(precious.exists());
}

#[test]
fn what_others_may_have_planted_is_gone_once_nobody_else_may_write_there() {
    let base = tempfile::tempdir().unwrap();
    let (data, outside) = (data_dir(base.path()), base.path().join("outside"));
    data.prepare().unwrap();
    let [linked, foreign, lax, followed, own] =
        ["linked", "foreign", "lax", "followed", "own"].map(|name| data.downloads().join(name));
    for (path, mode) in [(&outside, 0o666), (&foreign, 0o600), (&lax, 0o666), (&own, 0o600)] {
        fs::write(path, "x").unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    // Whoever may write to it under another name goes on doing so when it was verified.
    fs::hard_link(&outside, &linked).unwrap();
    symlink(&outside, &followed).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        // Root could make it its own, but not close it where it is open for writing.
        std::os::unix::fs::chown(&foreign, Some(65_534), Some(65_534)).unwrap();
    }
    data.prepare().unwrap();
    assert!(linked.exists(), "nobody else could write there");
    fs::set_permissions(data.downloads(), PermissionsExt::from_mode(0o777)).unwrap();
    data.prepare().unwrap();
    let left = [&linked, &foreign, &lax, &followed, &own].map(|path| fs::symlink_metadata(path).is_ok());
    assert_eq!(left, [false, !is_root, false, false, true]);
    assert_eq!(fs::read(&outside).unwrap(), b"x");
}

#[test]
fn a_record_is_read_up_to_its_limit_and_not_beyond() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    data.prepare().unwrap();
    let padded = |bytes: u64| {
        let record = r#"{"installed":[],"signed_version_seen":true}"#;
        let spaces = usize::try_from(bytes).unwrap() - record.len();
        fs::write(data.path.join("state.json"), format!("{record}{}", " ".repeat(spaces))).unwrap();
        data.state().unwrap().signed_version_seen
    };
    assert!(padded(RECORD_MAX_BYTES));
    assert!(!padded(RECORD_MAX_BYTES + 1));
}

#[test]
fn nobody_can_guess_a_random_name() {
    let names = [random_name().unwrap(), random_name().unwrap()];
    assert_ne!(names[0], names[1]);
    for name in names {
        assert!(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    }
}

#[test]
fn what_cannot_be_removed_is_an_error_and_what_is_missing_is_none() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("file");
    remove(&file).unwrap();
    fs::write(&file, "").unwrap();
    assert_eq!(remove(&file.join("deeper")).unwrap_err().code(), ErrorCode::Io);
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fails_in_the_middle_of_a_record_is_not_taken_for_a_damaged_one() {
    // Nothing is mapped at the address 0, so that reading there fails (proc(5)).
    let unreadable = read_record::<State>(Path::new("/proc/self/mem"));
    assert_eq!(unreadable.unwrap_err().code(), ErrorCode::Io);
}

#[test]
fn a_record_that_would_not_be_read_again_is_refused_and_the_one_before_it_stays() {
    let base = tempfile::tempdir().unwrap();
    let data = data_dir(base.path());
    let small = staged(&sign(b"own"));
    data.write_staged(&small).unwrap();
    let spare = usize::try_from(RECORD_MAX_BYTES).unwrap() - serde_json::to_vec(&small).unwrap().len();
    let longer = |bytes| Staged { target: format!("{}{}", small.target, "x".repeat(bytes)), ..small.clone() };
    let error = data.write_staged(&longer(spare + 1)).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Io);
    assert!(error.to_string().contains("more than the 65536 that are read"), "{error}");
    assert_eq!(data.staged(), Some(small.clone()));
    data.write_staged(&longer(spare)).unwrap();
    assert_eq!(data.staged(), Some(longer(spare)));
}
