//! Changes of an application's options that several tests make.

use cargo_packager_updater::Config;

use super::Signer;

pub(crate) type Change = fn(&mut Config);

pub(crate) fn stable(config: &mut Config) {
    config.channel = Some("stable".to_owned());
}

pub(crate) fn beta(config: &mut Config) {
    config.channel = Some("beta".to_owned());
}

pub(crate) fn required(config: &mut Config) {
    config.require_signed_manifest = true;
}

/// Artifacts of the author, manifests of somebody else: a key that is used every week is kept elsewhere.
pub(crate) fn manifests_of_another(config: &mut Config) {
    config.manifest_pubkeys = Some(Signer::stranger().pubkey().into());
}
