//! Option objects: types and ranges are checked here, meanings in the engine.

use std::{path::PathBuf, time::Duration};

use cargo_packager_updater::{Config, Error, InstallMode, Pubkeys, RelaunchOptions, Result, WindowsConfig};
use napi::{Either, Env, Unknown, ValueType};

use crate::{exit::process_args, value::Given};

const NAMES: [&str; 19] = [
    "endpoints",
    "pubkey",
    "windows",
    "target",
    "executablePath",
    "headers",
    "downloadHeaders",
    "timeout",
    "proxy",
    "allowDowngrades",
    "requireSignedVersion",
    "requireSignedManifest",
    "manifestPubkeys",
    "appId",
    "channel",
    "dangerousInsecureTransportProtocol",
    "dataDir",
    "maxDownloadSize",
    "keepArtifact",
];

/// One public key or several, in the form that they were given.
pub(crate) type Pubkey = Either<String, Vec<String>>;

pub(crate) struct Options {
    pub(crate) version: String,
    pub(crate) config: Config,
    pub(crate) pubkey: Pubkey,
}

impl Options {
    pub(crate) fn read<'env>(env: &'env Env, version: Unknown<'env>, options: Unknown<'env>) -> Result<Self> {
        let version = read_version(&Given::argument(env, "currentVersion", version))?;
        let options = &Given::argument(env, "options", options);
        options.refuse_misspelt(&NAMES)?;
        let pubkey = read_pubkey(&required(options, "pubkey")?)?;
        let optional_string = |key| read_optional(options, key, Given::string);
        let flag = |key| Ok::<_, Error>(read_optional(options, key, Given::boolean)?.unwrap_or_default());
        let headers =
            |key| Ok::<_, Error>(read_optional(options, key, Given::string_map)?.unwrap_or_default());
        let config = Config {
            endpoints: required(options, "endpoints")?.strings()?,
            pubkey: Pubkeys(match pubkey.clone() {
                Either::A(key) => vec![key],
                Either::B(keys) => keys,
            }),
            windows: read_optional(options, "windows", read_windows)?,
            target: optional_string("target")?,
            executable_path: optional_string("executablePath")?.map(PathBuf::from),
            headers: headers("headers")?,
            download_headers: headers("downloadHeaders")?,
            timeout: read_optional(options, "timeout", Given::whole_number)?.map(Duration::from_millis),
            proxy: optional_string("proxy")?,
            allow_downgrades: flag("allowDowngrades")?,
            require_signed_version: flag("requireSignedVersion")?,
            require_signed_manifest: flag("requireSignedManifest")?,
            manifest_pubkeys: read_optional(options, "manifestPubkeys", Given::strings)?.map(Pubkeys),
            app_id: optional_string("appId")?,
            channel: optional_string("channel")?,
            dangerous_insecure_transport_protocol: flag("dangerousInsecureTransportProtocol")?,
            data_dir: optional_string("dataDir")?.map(PathBuf::from),
            max_download_size: read_optional(options, "maxDownloadSize", Given::whole_number)?,
            keep_artifact: read_optional(options, "keepArtifact", Given::boolean)?,
            ..Config::default()
        };
        Ok(Self { version, config, pubkey })
    }
}

pub(crate) fn read_relaunch(options: &Given) -> Result<RelaunchOptions> {
    let mut relaunch = RelaunchOptions { args: process_args(options.env), executable_path: None };
    if let Some(options) = options.options(&["args", "executablePath"])? {
        if let Some(args) = read_optional(&options, "args", Given::strings)? {
            relaunch.args = Some(args.into_iter().map(Into::into).collect());
        }
        relaunch.executable_path =
            read_optional(&options, "executablePath", Given::string)?.map(PathBuf::from);
    }
    Ok(relaunch)
}

pub(crate) fn read_signal<'env>(options: &Given<'env>) -> Result<Option<Given<'env>>> {
    options.options(&["signal"])?.map_or(Ok(None), |options| options.member("signal"))
}

pub(crate) fn read_optional<'env, T>(
    options: &Given<'env>,
    key: &str,
    read: impl FnOnce(&Given<'env>) -> Result<T>,
) -> Result<Option<T>> {
    options.member(key)?.map(|member| read(&member)).transpose()
}

fn required<'env>(options: &Given<'env>, key: &str) -> Result<Given<'env>> {
    options.member(key)?.ok_or_else(|| Error::InvalidOption {
        option: key.to_owned(),
        value: "undefined".to_owned(),
        reason: "is required".to_owned(),
    })
}

fn read_version(version: &Given) -> Result<String> {
    version.string().map_err(|_| Error::InvalidVersion {
        value: version.to_string(),
        reason: "must be a string".to_owned(),
    })
}

fn read_pubkey(pubkey: &Given) -> Result<Pubkey> {
    match pubkey.kind() {
        ValueType::String => pubkey.string().map(Either::A),
        ValueType::Object => pubkey.strings().map(Either::B),
        _ => Err(pubkey.refuse("must be a string or an array of strings")),
    }
}

fn read_windows(windows: &Given) -> Result<WindowsConfig> {
    windows.refuse_misspelt(&["installerArgs", "installMode"])?;
    Ok(WindowsConfig {
        installer_args: read_optional(windows, "installerArgs", Given::strings)?.unwrap_or_default(),
        install_mode: read_optional(windows, "installMode", read_install_mode)?.unwrap_or_default(),
    })
}

fn read_install_mode(mode: &Given) -> Result<InstallMode> {
    match mode.string()?.as_str() {
        "basicUi" | "BasicUi" => Ok(InstallMode::BasicUi),
        "quiet" | "Quiet" => Ok(InstallMode::Quiet),
        "passive" | "Passive" => Ok(InstallMode::Passive),
        _ => Err(mode.refuse("must be \"basicUi\", \"quiet\" or \"passive\"")),
    }
}
