//! The commands and their options, as clap reads them.

use std::{net::IpAddr, path::PathBuf};

use cargo_packager_updater::Format;
use clap::{Args, Parser, Subcommand};

use crate::key::Secret;

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed, 2 wrong usage.
With --json the result, or {\"ok\": false, \"error\": {\"code\", \"message\"}}, is one line of JSON on standard output; \
wrong usage is told on standard error as text.";

const KEY_HELP: &str = "\
Environment:
  CARGO_PACKAGER_SIGN_PRIVATE_KEY           the private key, as text or as a file's path
  CARGO_PACKAGER_SIGN_PRIVATE_KEY_PASSWORD  its password
Prefer these to options: other users of this machine can see a command's arguments.";

/// Keys, signatures, manifests, deltas and a local server for the updates of desktop applications.
#[derive(Parser)]
#[command(name = "cargo-packager-updater", version, after_help = AFTER_HELP)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Arguments {
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make keys, sign artifacts, verify signatures
    #[command(subcommand)]
    Signer(SignerCommand),
    /// Make and check the manifest that applications ask for
    #[command(subcommand)]
    Manifest(ManifestCommand),
    /// Make differential updates
    #[command(subcommand)]
    Delta(DeltaCommand),
    /// Serve a directory and its manifest, to try an update on this machine
    #[command(after_help = "Ends on SIGINT or SIGTERM.")]
    Serve(ServeArgs),
}

#[derive(Subcommand)]
pub(crate) enum SignerCommand {
    /// Make a key pair
    #[command(after_help = KEY_HELP)]
    Generate(GenerateArgs),
    /// Sign artifacts: writes FILE.sig beside each
    #[command(after_help = KEY_HELP)]
    Sign(SignArgs),
    /// Verify an artifact and show what its signature says
    Verify(VerifyArgs),
}

#[derive(Args)]
pub(crate) struct GenerateArgs {
    /// Write the private key to this new file, and the public key beside it with `.pub`, instead of printing both
    #[arg(long)]
    pub(crate) path: Option<PathBuf>,
    /// Password for the private key; asked for when neither this nor the environment has it
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) password: Option<Secret>,
    /// Replace existing files: what the old key signed will not fit the new one
    #[arg(long, requires = "path")]
    pub(crate) force: bool,
    /// Never ask: without a password use an empty one
    #[arg(long)]
    pub(crate) ci: bool,
}

#[derive(Args)]
pub(crate) struct KeyArgs {
    /// The private key: base64 or text of the key file, or its path
    #[arg(long, allow_hyphen_values = true, value_name = "KEY")]
    pub(crate) private_key: Option<Secret>,
    /// The private key's password
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) password: Option<Secret>,
}

#[derive(Args)]
pub(crate) struct SignArgs {
    /// The artifacts
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The artifact's version, which applications then compare with the announced one
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// What it runs on, such as linux-x86_64; several with commas between
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// What it is: appimage, app, nsis, wix, deb, rpm or pacman
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The release channel it is for
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// The application's identifier
    #[arg(long)]
    pub(crate) app: Option<String>,
}

#[derive(Args)]
pub(crate) struct VerifyArgs {
    /// The artifact
    pub(crate) file: PathBuf,
    /// The public key, or its file's path
    #[arg(long, value_name = "KEY")]
    pub(crate) pubkey: String,
    /// The signature's file; default FILE.sig, else FILE.minisig
    #[arg(long)]
    pub(crate) signature: Option<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum ManifestCommand {
    /// Make a manifest from a directory of signed artifacts
    #[command(after_help = "\
Every file with a signature (FILE.sig or FILE.minisig) beside it is taken. Its target and format are what the \
signature says, else what the name tells.

With --previous, deltas from the artifacts of these releases are made, signed with the private key (as `signer sign` takes \
it) and written beside the new artifacts; one above 60 % of the artifact is left out.")]
    Create(CreateArgs),
    /// Add one signed artifact to a manifest
    Add(AddArgs),
    /// Sign a manifest, so that an old one cannot be passed off as the newest
    #[command(after_help = KEY_HELP)]
    Sign(SignManifestArgs),
    /// Find what would keep applications from updating
    Check(CheckArgs),
}

#[derive(Args)]
pub(crate) struct CreateArgs {
    /// The directory with the artifacts
    pub(crate) dir: PathBuf,
    /// The version of the release
    #[arg(long)]
    pub(crate) version: String,
    /// Where the artifacts will be: the URL of the directory
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: String,
    /// The file to write; default DIR/latest.json
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Release notes
    #[arg(long, conflicts_with = "notes_file")]
    pub(crate) notes: Option<String>,
    /// A file with the release notes
    #[arg(long, value_name = "FILE")]
    pub(crate) notes_file: Option<PathBuf>,
    /// Time of publication, RFC 3339; default now
    #[arg(long, value_name = "TIME")]
    pub(crate) pub_date: Option<String>,
    /// Verify every artifact with this public key, or its file's path
    #[arg(long, value_name = "KEY")]
    pub(crate) pubkey: Option<String>,
    /// Take artifacts whose signature has no version
    #[arg(long)]
    pub(crate) allow_unversioned: bool,
    /// Directories of earlier releases: makes, signs and announces deltas from their artifacts
    #[arg(long, value_name = "DIR", num_args = 1..)]
    pub(crate) previous: Vec<PathBuf>,
    /// The private key for deltas: base64 or text of the key file, or its path
    #[arg(long, allow_hyphen_values = true, value_name = "KEY", requires = "previous")]
    pub(crate) private_key: Option<Secret>,
    /// The private key's password
    #[arg(long, allow_hyphen_values = true, requires = "previous")]
    pub(crate) password: Option<Secret>,
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// The manifest
    pub(crate) manifest: PathBuf,
    /// The artifact, with its signature beside it
    pub(crate) file: PathBuf,
    /// Where the artifact will be
    #[arg(long)]
    pub(crate) url: String,
    /// What it runs on, where neither signature nor name tell
    #[arg(long)]
    pub(crate) target: Option<String>,
    /// What it is, where neither signature nor name tell
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Take an artifact whose signature has no version
    #[arg(long)]
    pub(crate) allow_unversioned: bool,
}

#[derive(Args)]
pub(crate) struct SignManifestArgs {
    /// The manifest; its signed part is written into it
    pub(crate) manifest: PathBuf,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Sign for a longer time what this key has signed before for --version, --app and --channel, and nothing else
    #[arg(long, requires = "version")]
    pub(crate) renew: bool,
    /// The version that is to be renewed, from a source that the server has no hand in
    #[arg(long, requires = "renew")]
    pub(crate) version: Option<String>,
    /// Days that applications accept it
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) valid_days: u32,
    /// A number higher than that of any manifest before; default the seconds since 1970
    #[arg(long, value_name = "NUMBER")]
    pub(crate) sequence: Option<u64>,
    /// The application's identifier; others that trust the key refuse the manifest
    #[arg(long)]
    pub(crate) app: Option<String>,
    /// The release channel it is for
    #[arg(long)]
    pub(crate) channel: Option<String>,
}

#[derive(Args)]
pub(crate) struct CheckArgs {
    /// The manifest
    pub(crate) manifest: PathBuf,
    /// Verify the signed part with this public key, or its file's path
    #[arg(long, value_name = "KEY")]
    pub(crate) manifest_pubkey: Option<String>,
    /// Verify the artifacts with this public key, or its file's path
    #[arg(long, value_name = "KEY", requires = "artifacts")]
    pub(crate) pubkey: Option<String>,
    /// The directory with the artifacts to verify, named as at the end of their URLs
    #[arg(long, value_name = "DIR", requires = "pubkey")]
    pub(crate) artifacts: Option<PathBuf>,
    /// The manifest that this one replaces
    #[arg(long, value_name = "FILE")]
    pub(crate) previous: Option<PathBuf>,
    /// Pass signatures without a version, unless the previous manifest's had one
    #[arg(long)]
    pub(crate) allow_unversioned: bool,
}

#[derive(Subcommand)]
pub(crate) enum DeltaCommand {
    /// Make what applications that have OLD download instead of NEW: writes and signs NEW.delta
    #[command(after_help = KEY_HELP)]
    Create(DeltaCreateArgs),
    /// Make NEW of OLD and a delta, as applications do
    Apply(DeltaApplyArgs),
}

#[derive(Args)]
pub(crate) struct DeltaCreateArgs {
    /// The artifact that applications have
    pub(crate) old: PathBuf,
    /// The artifact that they shall have
    pub(crate) new: PathBuf,
    /// The file to write; default NEW.delta
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The version of NEW; default what its signature says
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Do not sign, to see the size alone: no application takes it
    #[arg(long, conflicts_with_all = ["private_key", "password", "version"])]
    pub(crate) unsigned: bool,
}

#[derive(Args)]
pub(crate) struct DeltaApplyArgs {
    /// The artifact that the delta is for
    pub(crate) old: PathBuf,
    /// The delta; its signature is not looked at
    pub(crate) delta: PathBuf,
    /// The file to write
    pub(crate) new: PathBuf,
}

#[derive(Args)]
pub(crate) struct ServeArgs {
    /// The directory to serve
    pub(crate) dir: PathBuf,
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// The address to listen on; any other than 127.0.0.1 lets other machines in
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The manifest's path in the directory, for GET /update/{target}/{arch}/{current_version}
    #[arg(long, value_name = "FILE", default_value = "latest.json")]
    pub(crate) manifest: PathBuf,
}
