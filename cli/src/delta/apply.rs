//! `delta apply`: what an application makes of a delta, tried by hand.

use std::io::Write;

use cargo_packager_updater::release::Delta;
use serde_json::json;

use crate::{
    args::DeltaApplyArgs,
    failure::Failure,
    file::{Access, Draft, open_artifact},
    output::Output,
};

pub(super) fn run(args: &DeltaApplyArgs, output: &Output) -> Result<(), Failure> {
    let (old, _) = open_artifact(&args.old)?;
    let (delta, _) = open_artifact(&args.delta)?;
    let failed = |error| Failure::io("write", &args.new, error);
    let mut draft = Draft::write(&args.new, &[], Access::Everybody)?;
    let mut scratch = tempfile::tempfile().map_err(failed)?;
    let spinner = output.spinner();
    spinner.set_message(format!("Applying {}", args.delta.display()));
    let applied = Delta::apply(&old, &delta, &mut scratch, draft.as_file_mut());
    spinner.finish_and_clear();
    applied.map_err(Failure::about(args.delta.display()))?;
    let file = draft.as_file_mut();
    file.flush().and_then(|()| file.sync_all()).map_err(failed)?;
    draft.replace()?;
    let text = format!("Wrote {}", args.new.display());
    output.result(&text, &json!({"ok": true, "new": args.new.to_string_lossy()}))
}
