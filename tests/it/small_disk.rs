//! On a disk of any size, from one that only the installed application fits on to twice the artifact, the application is the
//! complete old or the complete new one.

use std::{
    env,
    ffi::CString,
    io,
    process::{Command, Output},
};

use cargo_packager_updater::ErrorCode;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use tempfile::TempDir;

use crate::{
    child::run,
    support::{App, Random, Release, Site, rounds, sample, skip},
};

const ARTIFACT_BYTES: usize = 2 << 20;
const PAGE_BYTES: usize = 4096;
/// The installed application fits, and nothing else.
const SMALLEST_BYTES: usize = 8 * PAGE_BYTES;
const TEST: &str = "small_disk::on_a_disk_of_any_size_the_old_application_stays_or_the_new_one_is_complete";
/// Set where the test runs once more, as the root of a namespace.
const IN_NAMESPACE: &str = "UPDATER_TEST_NAMESPACE";

/// A file system in memory, for as long as it lives.
struct Disk {
    directory: TempDir,
}

impl Disk {
    fn new(bytes: usize) -> io::Result<Self> {
        let directory = TempDir::new()?;
        mount("tmpfs", directory.path(), "tmpfs", MountFlags::empty(), size(bytes).as_c_str())?;
        Ok(Self { directory })
    }

    fn enlarge(&self) {
        mount_remount(self.directory.path(), MountFlags::empty(), size(8 * ARTIFACT_BYTES).as_c_str())
            .unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = unmount(self.directory.path(), UnmountFlags::DETACH);
    }
}

fn size(bytes: usize) -> CString {
    CString::new(format!("size={bytes}")).unwrap()
}

fn release(version: &str) -> Release {
    Release::of_size(ARTIFACT_BYTES, version, &format!("version:{version}"))
}

#[test]
fn on_a_disk_of_any_size_the_old_application_stays_or_the_new_one_is_complete() {
    let Err(refusal) = Disk::new(SMALLEST_BYTES) else { return run(try_sizes()) };
    match in_namespace() {
        Ok(output) if output.status.success() => println!("{}", shown(&output.stdout)),
        Ok(output) if output.stdout.is_empty() => skip_mounting(&refusal, &shown(&output.stderr)),
        Ok(output) => panic!("{}{}", shown(&output.stdout), shown(&output.stderr)),
        Err(error) => skip_mounting(&refusal, &error.to_string()),
    }
}

fn skip_mounting(refusal: &io::Error, in_namespace: &str) {
    let allowed = "a container allows it with --privileged";
    skip(format_args!(
        "the right to mount a file system: {refusal}; in a namespace: {in_namespace}; {allowed}"
    ));
}

fn shown(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// Who may not mount may do so where he is root of nothing else (user_namespaces(7)).
fn in_namespace() -> io::Result<Output> {
    if env::var_os(IN_NAMESPACE).is_some() {
        return Err(io::Error::other("nor may the root of a user namespace"));
    }
    Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount"])
        .arg(env::current_exe()?)
        .args(["--exact", TEST, "--nocapture"])
        .env(IN_NAMESPACE, "yes")
        .output()
}

async fn try_sizes() {
    let announced = Site::honest(release("2.0.0"));
    let unannounced = Site::new(release("2.0.0"), |release, request| release.answer(request).unsized_body());
    let last = Site::honest(release("3.0.0"));
    let mut random = Random::new("small disk");
    let elsewhere = TempDir::new().unwrap();
    for site in [&announced, &unannounced] {
        for (app_is_there, data_is_there) in [(true, true), (true, false), (false, true)] {
            let mut outcomes = [0, 0];
            let sizes = (2 * ARTIFACT_BYTES - SMALLEST_BYTES) / PAGE_BYTES + 1;
            for pages in sample(sizes, rounds(3, 30, u64::MAX), &mut random) {
                let bytes = SMALLEST_BYTES + pages * PAGE_BYTES;
                let disk = Disk::new(bytes).unwrap();
                let on = |there: bool| if there { disk.directory.path() } else { elsewhere.path() };
                let app = App::in_directories(on(app_is_there), on(data_is_there));
                let update = site.update(&app).await;
                match update.download_and_install(Default::default(), Default::default()).await {
                    Ok(()) => app.assert_is(&site.release.artifact),
                    Err(error) => {
                        assert_eq!(error.code(), ErrorCode::NoSpace, "{bytes} bytes: {error}");
                        app.assert_untouched();
                        outcomes[0] += 1;
                    }
                }
                outcomes[1] += 1;
                app.updater(site.endpoint()).check().await.unwrap();
                app.assert_only_staged_is_left(&format!("{bytes} bytes")).await;
                disk.enlarge();
                last.update(&app)
                    .await
                    .download_and_install(Default::default(), Default::default())
                    .await
                    .unwrap();
                app.assert_is(&last.release.artifact);
                app.assert_nothing_left();
            }
            let [refused, all] = outcomes;
            println!("{refused} of {all} disks were too small");
            assert!(0 < refused && refused < all, "{refused} of {all} disks were too small");
        }
    }
    #[cfg(feature = "release")]
    try_sizes_with_a_delta(&mut random).await;
}

/// A disk that is too small for patching may have room for the artifact, or for neither.
#[cfg(feature = "release")]
async fn try_sizes_with_a_delta(random: &mut Random) {
    use crate::support::{Published, Shelf, image};

    let (old, new) = (image(60, 1), image(60, 2));
    let shelf = Shelf::new(&new, vec![Published::new(&old, &new)]);
    let mut outcomes = [0; 3];
    let most = old.len() + 2 * new.len();
    for pages in sample(most / PAGE_BYTES, rounds(12, 60, u64::MAX), random) {
        let bytes = old.len() + SMALLEST_BYTES + pages * PAGE_BYTES;
        let disk = Disk::new(bytes).unwrap();
        let app = App::in_directories(disk.directory.path(), disk.directory.path()).holding(old.clone());
        let before = shelf.full_downloads();
        let update = shelf.update(&app).await;
        match update.download_and_install(Default::default(), Default::default()).await {
            Ok(()) => {
                app.assert_is(&new);
                outcomes[1 + shelf.full_downloads() - before] += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), ErrorCode::NoSpace, "{bytes} bytes: {error}");
                app.assert_untouched();
                outcomes[0] += 1;
            }
        }
        app.updater(shelf.endpoint()).check().await.unwrap();
        app.assert_only_staged_is_left(&format!("{bytes} bytes")).await;
    }
    let [refused, patched, downloaded] = outcomes;
    println!("{refused} too small, {patched} patched, {downloaded} downloaded");
    assert!(refused > 0 && patched > 0, "{outcomes:?}");
}
