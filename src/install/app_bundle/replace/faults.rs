//! Replacing a bundle, of which any system call on a file can be the last one, can fail, or can see the power lost.

#[path = "../../../../tests/support/call.rs"]
mod call;
#[path = "../../../../tests/support/durable.rs"]
mod durable;
#[path = "../../../../tests/support/sample.rs"]
mod sample;
#[path = "../../../../tests/support/skip.rs"]
mod skip;
#[path = "../../../../tests/support/watch.rs"]
mod watch;

mod death;
mod io_errors;
mod power_loss;
mod rivals;

use std::{collections::BTreeSet, fs, os::unix::fs::MetadataExt, sync::LazyLock};

use rustix::io::Errno;

use super::{
    exchange::{ASIDE, BESIDE},
    scene::{LAYOUTS, Packed, Scene, never_failing, packed, small},
    tests::rounds::{Random, rounds},
    *,
};
use crate::{
    archive::testing::{Builder, snapshot},
    install::swap::prefix,
    signature::testing::verified,
    system::{OsSystem, failing::Layout},
};
use call::{Call, Does};
use durable::Durable;
use sample::sample;
use skip::skip;
use watch::{OneFails, Tally, Verdict, can_watch, watch};

static NEXT: LazyLock<Packed> = LazyLock::new(|| packed(&large("2")));
static LAST: LazyLock<Packed> = LazyLock::new(|| packed(&large("3")));

/// With a file that takes some writes, and what only a whole walk finds.
fn large(version: &str) -> Builder {
    let framework = "X.app/Contents/Frameworks/F.framework/Versions";
    let bytes: Vec<u8> =
        (0..80_000_u32).flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_le_bytes()).collect();
    small(version)
        .file(&format!("{framework}/{version}/F"), 0o755, &bytes)
        .directory(&format!("{framework}/{version}/Headers"), 0o750)
        .link(&format!("{framework}/Current"), version)
}

/// An installed bundle, and what killed installations left. Where directories cannot be exchanged, the last of them
/// was killed between its two steps.
fn scene(layout: Layout) -> Scene {
    let scene = Scene::with(&NEXT.0);
    let half = beside(&scene, BESIDE).join("Contents/MacOS");
    fs::create_dir_all(&half).unwrap();
    fs::write(half.join("X"), "half").unwrap();
    if layout == Layout::NoExchange {
        fs::rename(&scene.target, beside(&scene, ASIDE)).unwrap();
    }
    scene
}

fn beside(scene: &Scene, ending: &str) -> PathBuf {
    scene.target.with_file_name(format!("{}1.{ending}", prefix(&scene.target)))
}

/// A check and an installation, in which `decide` says what becomes of each call on a file.
fn replace_watched(
    base: &Path,
    layout: Layout,
    mut decide: impl FnMut(&Call) -> Verdict,
) -> Result<Progress> {
    let target = base.join("Applications/My App.app");
    let artifact = verified(&base.join("archive"));
    let system: Arc<dyn System> = Arc::new(OsSystem);
    watch(
        &[base],
        || {
            sweep(&target, &*system);
            PreparedBundle::new(&target, artifact, &system)?.commit(&mut |_| Ok(()))
        },
        |call| match decide(call) {
            Verdict::Happens if call.exchanges() && layout == Layout::NoExchange => {
                Verdict::Fails(Errno::INVAL)
            }
            verdict => verdict,
        },
    )
}

/// What can befall a replacement, counted from 0.
#[derive(Debug, Default)]
struct Cases {
    total: usize,
    /// Where something is renamed.
    decisive: Vec<usize>,
}

impl Cases {
    fn add(&mut self, is_decisive: bool) {
        if is_decisive {
            self.decisive.push(self.total);
        }
        self.total += 1;
    }

    /// All decisive ones, and of the others so many.
    fn choose(&self, wanted: u64, random: &mut Random) -> BTreeSet<usize> {
        self.decisive.iter().copied().chain(sample(self.total, wanted, random)).collect()
    }
}

/// The bundle is complete. Gives whether it is the new one.
#[track_caller]
fn assert_complete(scene: &Scene, case: &str) -> bool {
    let found = snapshot(&scene.target);
    let updated = found == NEXT.1;
    assert!(updated || found == scene.old, "{case}: half a bundle: {:?}", found.keys());
    assert_eq!(fs::metadata(&scene.target).unwrap().mode() & 0o7777, 0o755, "{case}");
    updated
}

/// After the next check the bundle is complete and nothing else is there, and the next update works. Gives whether it
/// was the new one.
#[track_caller]
fn assert_recovers(scene: &Scene, layout: Layout, case: &str) -> bool {
    // Between two steps, a crash may leave it under another name until then.
    if layout == Layout::OneFileSystem || scene.target.exists() {
        assert_complete(scene, case);
    }
    scene.assert_swept();
    let updated = assert_complete(scene, case);
    scene.put_archive(&LAST.0);
    scene.replace(&never_failing(layout)).unwrap_or_else(|error| panic!("{case}: the next fails: {error}"));
    assert!(snapshot(&scene.target) == LAST.1, "{case}: the next one is not what was installed");
    scene.assert_alone();
    updated
}
