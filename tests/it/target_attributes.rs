//! What the old file was besides its bytes, the new one is too.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
};

use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::support::{App, Release, Site, skip};

async fn replace(app: &App) {
    let site = Site::honest(Release::new());
    site.update(app).await.download_and_install(Default::default(), Default::default()).await.unwrap();
    app.assert_is(&site.release.artifact);
}

/// On the data directory's file system, and where there is another one, across.
fn apps() -> impl Iterator<Item = App> {
    [Some(App::new()), App::across_file_systems()].into_iter().flatten()
}

#[tokio::test]
async fn the_mode_is_kept_and_the_owner_can_execute() {
    for (before, after) in [(0o755, 0o755), (0o700, 0o700), (0o444, 0o544), (0o644, 0o744), (0o775, 0o775)] {
        for app in apps() {
            fs::set_permissions(&app.path, fs::Permissions::from_mode(before)).unwrap();
            replace(&app).await;
            let found = fs::metadata(&app.path).unwrap().mode() & 0o7777;
            assert_eq!(found, after, "{found:o} instead of {after:o}");
        }
    }
}

#[tokio::test]
async fn other_bytes_do_not_inherit_the_right_to_act_as_somebody_else() {
    for app in apps() {
        fs::set_permissions(&app.path, fs::Permissions::from_mode(0o6755)).unwrap();
        replace(&app).await;
        assert_eq!(fs::metadata(&app.path).unwrap().mode() & 0o7777, 0o755);
    }
}

#[tokio::test]
async fn extended_attributes_are_kept() {
    for app in apps() {
        if setxattr(&app.path, "user.updater.test", b"a value", XattrFlags::empty()).is_err() {
            println!("skipped: this file system has no extended attributes");
            continue;
        }
        replace(&app).await;
        let mut value = [0; 16];
        let length = getxattr(&app.path, "user.updater.test", &mut value);
        assert_eq!(length.map(|length| value[..length].to_owned()), Ok(b"a value".to_vec()));
    }
}

#[tokio::test]
async fn other_bytes_do_not_inherit_capabilities() {
    // struct vfs_cap_data, revision 2: every capability permitted and effective.
    let mut capabilities = [0xff; 20];
    capabilities[..4].copy_from_slice(&[1, 0, 0, 2]);
    for app in apps() {
        if setxattr(&app.path, "security.capability", &capabilities, XattrFlags::empty()).is_err() {
            println!("skipped: this user or file system cannot set capabilities");
            continue;
        }
        replace(&app).await;
        assert_eq!(getxattr(&app.path, "security.capability", &mut [0; 20]), Err(rustix::io::Errno::NODATA));
    }
}

#[tokio::test]
async fn the_owner_is_kept_where_that_can_be_done() {
    if !rustix::process::geteuid().is_root() {
        skip("root, who can give files away");
        return;
    }
    for app in apps() {
        chown(&app.path, Some(65_534), Some(65_534)).unwrap();
        replace(&app).await;
        let metadata = fs::metadata(&app.path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_534));
    }
}
