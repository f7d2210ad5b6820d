//! [`Authority`]: certifies servers with the `openssl` program.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use rustls::{
    ALL_VERSIONS, ServerConfig, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tempfile::TempDir;

const CONFIGURATION: &str = "
[ca]
default_ca = here
[here]
database = index.txt
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
[any]
commonName = supplied
";
const LOOPBACK: &str = "IP:127.0.0.1";
const TWO_DAYS: [&str; 2] = ["-days", "2"];

/// Lives as long as the test.
pub(crate) struct Authority {
    dir: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self { dir: TempDir::new().unwrap() };
        fs::write(authority.path("ca.conf"), CONFIGURATION).unwrap();
        fs::write(authority.path("index.txt"), "").unwrap();
        authority.make_self_signed("ca");
        authority.openssl(&["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "server.key"]);
        authority
    }

    /// Is to be trusted: for `SSL_CERT_FILE`.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// For this machine, today.
    pub(crate) fn sound(&self) -> Arc<ServerConfig> {
        self.certify(LOOPBACK, TWO_DAYS)
    }

    pub(crate) fn for_another_host(&self) -> Arc<ServerConfig> {
        self.certify("DNS:example.com", TWO_DAYS)
    }

    /// For this machine, between two times like `20200101000000Z`.
    pub(crate) fn valid_between(&self, start: &str, end: &str) -> Arc<ServerConfig> {
        self.certify(LOOPBACK, ["-startdate", start, "-enddate", end])
    }

    /// Nobody vouches for this one.
    pub(crate) fn self_signed(&self) -> Arc<ServerConfig> {
        self.make_self_signed("self");
        self.identity("self.pem", "self.key", ALL_VERSIONS)
    }

    /// For this machine, today, by this version of TLS only.
    pub(crate) fn sound_by(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        self.sign(LOOPBACK, TWO_DAYS);
        self.identity("server.pem", "server.key", &[version])
    }

    /// The same, but whoever shows it does not have its key.
    pub(crate) fn stolen(&self, version: &'static SupportedProtocolVersion) -> Arc<ServerConfig> {
        self.sign(LOOPBACK, TWO_DAYS);
        self.make_self_signed("thief");
        self.identity("server.pem", "thief.key", &[version])
    }

    fn certify<const N: usize>(&self, name: &str, validity: [&str; N]) -> Arc<ServerConfig> {
        self.sign(name, validity);
        self.identity("server.pem", "server.key", ALL_VERSIONS)
    }

    fn sign<const N: usize>(&self, name: &str, validity: [&str; N]) {
        fs::write(self.path("extensions"), format!("subjectAltName={name}\nextendedKeyUsage=serverAuth\n"))
            .unwrap();
        self.openssl(&["req", "-new", "-key", "server.key", "-subj", "/CN=server", "-out", "request"]);
        let signer =
            ["ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"];
        let certificate = ["-in", "request", "-extfile", "extensions", "-out", "server.pem"];
        self.openssl(&[signer.as_slice(), &certificate, &validity].concat());
    }

    fn make_self_signed(&self, name: &str) {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.pem"));
        let new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", &key];
        let subject = ["-subj", "/CN=Test", "-addext", "subjectAltName=IP:127.0.0.1", "-out", &certificate];
        self.openssl(&[["req", "-x509"].as_slice(), &new_key, &subject, &TWO_DAYS].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let output = Command::new("openssl")
            .args(arguments)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output();
        let output = output.unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {complaint}");
    }

    fn identity(
        &self,
        certificate: &str,
        key: &str,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let chain = vec![CertificateDer::from_pem_file(self.path(certificate)).unwrap()];
        let key = PrivateKeyDer::from_pem_file(self.path(key)).unwrap();
        let key = ring::sign::any_supported_type(&key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            // Unlike `with_single_cert`, this takes a key that is not the certificate's.
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))));
        Arc::new(config)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
