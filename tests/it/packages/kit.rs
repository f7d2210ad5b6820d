//! [`Installed`]: an application that is really installed from a package, and removed again by the end of the test.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use cargo_packager_updater::{
    Config, DownloadOptions, Format, InstallOptions, Result, Target, Updater, updater::Update,
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{HANG, MANIFEST, Reply, Server, Signer};

/// There is one package database, for the tests of this process, and for another run of them.
static MACHINE: Mutex<()> = Mutex::new(());
const OTHER_RUNS: &str = "/run/updater-test.lock";

/// Whoever is started again as the new version says as which user.
const TELL_THE_USER: &str = "[ -z \"$UPDATER_TEST_DATA\" ] || id -un > \"$UPDATER_TEST_DATA/ran\"\n";

/// What is put into a package.
pub(crate) struct Content {
    pub(crate) name: String,
    /// The package's own version, which can be another one than the application's.
    pub(crate) version: String,
    pub(crate) app: Vec<u8>,
    pub(crate) depends: Option<&'static str>,
    /// For this processor, in the spelling of the package manager; else for every one.
    pub(crate) architecture: Option<&'static str>,
    /// A file beside the application with this name.
    pub(crate) more: Option<&'static str>,
    /// Of the configuration file in /etc.
    pub(crate) configuration: Option<&'static str>,
    /// A maintainer script (deb) and what it says.
    pub(crate) script: Option<(&'static str, &'static str)>,
}

pub(crate) struct Installed {
    pub(crate) format: Format,
    pub(crate) name: String,
    pub(crate) directory: TempDir,
    _machine: (MutexGuard<'static, ()>, File),
}

/// Runs a program that has to succeed.
pub(crate) fn run(program: impl AsRef<OsStr>, args: &[&str]) -> String {
    let Output { status, stdout, stderr } = Command::new(&program).args(args).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{:?} {args:?}: {stdout}{stderr}", program.as_ref());
    stdout.into_owned()
}

impl Installed {
    /// Version 1.0.0 of an application of this name.
    pub(crate) fn new(format: Format, name: &str) -> Self {
        Self::with(format, name, |_| ())
    }

    pub(crate) fn with(format: Format, name: &str, change: impl FnOnce(&mut Content)) -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests install packages, which only root can");
        let machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = File::create(OTHER_RUNS).unwrap();
        alone.lock().unwrap();
        let name = format!("updater-test-{name}-{format}");
        let this = Self { format, name, directory: TempDir::new().unwrap(), _machine: (machine, alone) };
        let _ = this.remove();
        let package = this.directory.path().join(this.file_name());
        fs::write(&package, this.package("1.0.0", change)).unwrap();
        let package = package.to_str().unwrap();
        match format {
            Format::Rpm => run("rpm", &["--upgrade", package]),
            Format::Pacman => run("pacman", &["--upgrade", "--noconfirm", package]),
            _ => run("dpkg", &["--install", package]),
        };
        this.assert_version("1.0.0");
        this
    }

    pub(crate) fn app(&self) -> PathBuf {
        Path::new("/opt").join(&self.name).join("app")
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        Path::new("/etc").join(format!("{}.conf", self.name))
    }

    /// A package of this version.
    pub(crate) fn package(&self, version: &str, change: impl FnOnce(&mut Content)) -> Vec<u8> {
        let mut content = Content {
            name: self.name.clone(),
            version: version.to_owned(),
            app: format!("#!/bin/sh\necho {version}\n{TELL_THE_USER}").into_bytes(),
            depends: None,
            architecture: None,
            more: None,
            configuration: None,
            script: None,
        };
        change(&mut content);
        let root = TempDir::new_in(self.directory.path()).unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        content.write(root.path());
        match self.format {
            Format::Rpm => content.rpm(root.path()),
            Format::Pacman => content.pacman(root.path()),
            _ => content.deb(root.path()),
        }
    }

    fn file_name(&self) -> String {
        let ending = if self.format == Format::Pacman { "pkg.tar.zst" } else { self.format.as_str() };
        format!("{}.{ending}", self.name)
    }

    /// Announces the package for this format, and something else for the platform as such.
    pub(crate) fn offer(&self, version: &str, package: &[u8]) -> Server {
        let comment = format!("timestamp:1\tfile:{}\tversion:{version}", self.file_name());
        let signature = Signer::author().sign(package, &comment);
        let (version, package, format) = (version.to_owned(), package.to_owned(), self.format);
        Server::start(move |request| match request.path.as_str() {
            MANIFEST => {
                let target = Target::current().unwrap();
                let entry = |format: Format| json!({"url": request.url("/package"), "signature": signature, "format": format.as_str()});
                let platforms = json!({
                    target.to_string(): entry(Format::AppImage),
                    format!("{target}-{format}"): entry(format),
                });
                Reply::ok(json!({"version": version, "platforms": platforms}).to_string())
            }
            _ => Reply::ok(package.clone()),
        })
    }

    pub(crate) fn config(&self, server: &Server) -> Config {
        Config {
            endpoints: vec![server.url(MANIFEST)],
            pubkey: Signer::author().pubkey().into(),
            executable_path: Some(self.app()),
            data_dir: Some(self.directory.path().join("data")),
            ..Config::default()
        }
    }

    pub(crate) async fn check(&self, running: &str, server: &Server) -> Option<Update> {
        Updater::new(running, self.config(server)).unwrap().check().await.unwrap()
    }

    /// Updates version 1.0.0 to what is offered.
    pub(crate) async fn update(&self, server: &Server) -> Result<()> {
        let update = self.check("1.0.0", server).await.expect("an update is offered");
        assert_eq!(update.target(), format!("{}-{}", Target::current().unwrap(), self.format));
        install(&update).await
    }

    /// What the package manager says of it.
    pub(crate) fn version(&self) -> String {
        let args: &[&str] = match self.format {
            Format::Rpm => &["rpm", "--query", "--queryformat", "%{VERSION}", &self.name],
            Format::Pacman => &["pacman", "--query", &self.name],
            _ => &["dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", &self.name],
        };
        run(args[0], &args[1..])
            .replace(&self.name, "")
            .replace("-1\n", "")
            .replace(" installed", "")
            .trim()
            .to_owned()
    }

    /// It is installed completely, runs, and no file of the updater's is left anywhere.
    pub(crate) fn assert_version(&self, version: &str) {
        assert_eq!(self.version(), version);
        assert!(
            fs::read(self.app()).unwrap().starts_with(b"\x7fELF") || run(self.app(), &[]).trim() == version
        );
        self.assert_nothing_left();
    }

    /// Unit tests that run at the same time have copies there for a moment.
    pub(crate) fn assert_nothing_left(&self) {
        let copies = || -> Vec<_> {
            let names = fs::read_dir("/var/tmp").unwrap().map(|entry| entry.unwrap().file_name());
            names.filter(|name| name.to_string_lossy().starts_with("crabnebula-updater.")).collect()
        };
        let left = copies();
        let started = Instant::now();
        while copies().iter().any(|name| left.contains(name)) {
            assert!(started.elapsed() < HANG, "left behind: {left:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn remove(&self) -> Output {
        let args: &[&str] = match self.format {
            Format::Rpm => &["rpm", "--erase", "--noscripts", &self.name],
            Format::Pacman => &["pacman", "--remove", "--noconfirm", "--nosave", &self.name],
            _ => &["dpkg", "--purge", "--force-all", &self.name],
        };
        // A maintainer script that fails would keep it.
        for script in ["prerm", "postrm"] {
            let _ = fs::remove_file(format!("/var/lib/dpkg/info/{}.{script}", self.name));
        }
        Command::new(args[0]).args(&args[1..]).output().unwrap()
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let Output { status, stdout, stderr } = self.remove();
        let left = [self.app().parent().unwrap().to_owned(), self.configuration()];
        let left: Vec<_> = left.iter().filter(|path| path.exists()).collect();
        if !std::thread::panicking() {
            let said = [stdout, stderr].concat();
            assert!(status.success(), "{} cannot be removed: {}", self.name, String::from_utf8_lossy(&said));
            assert!(left.is_empty(), "left behind: {left:?}");
        }
    }
}

pub(crate) async fn install(update: &Update) -> Result<()> {
    update.download_and_install(DownloadOptions::default(), InstallOptions::default()).await
}

impl Content {
    fn write(&self, root: &Path) {
        let app = root.join("opt").join(&self.name).join("app");
        fs::create_dir_all(app.parent().unwrap()).unwrap();
        fs::write(&app, &self.app).unwrap();
        fs::set_permissions(&app, fs::Permissions::from_mode(0o755)).unwrap();
        if let Some(more) = self.more {
            fs::write(app.with_file_name(more), "more").unwrap();
        }
        if let Some(configuration) = self.configuration {
            fs::create_dir(root.join("etc")).unwrap();
            fs::write(root.join(format!("etc/{}.conf", self.name)), configuration).unwrap();
        }
    }

    fn deb(&self, root: &Path) -> Vec<u8> {
        let control = root.join("DEBIAN");
        fs::create_dir(&control).unwrap();
        let depends = self.depends.map_or_else(String::new, |name| format!("Depends: {name}\n"));
        let fields = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Test <test@example.com>\nDescription: test\n{depends}",
            self.name,
            self.version,
            self.architecture.unwrap_or("all")
        );
        fs::write(control.join("control"), fields).unwrap();
        if self.configuration.is_some() {
            fs::write(control.join("conffiles"), format!("/etc/{}.conf\n", self.name)).unwrap();
        }
        if let Some((name, text)) = self.script {
            fs::write(control.join(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(control.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let package = root.with_extension("deb");
        let args = ["-Zgzip", "-z1", "--root-owner-group", "--build"];
        run("dpkg-deb", &[&args[..], &[root.to_str().unwrap(), package.to_str().unwrap()]].concat());
        fs::read(package).unwrap()
    }

    fn rpm(&self, root: &Path) -> Vec<u8> {
        let Self { name, version, .. } = self;
        let (root, top) = (root.to_str().unwrap(), root.with_extension("rpm"));
        let requires = self.depends.map_or_else(String::new, |name| format!("Requires: {name}\n"));
        let spec = format!(
            "%define __os_install_post %{{nil}}\n%define _build_id_links none\n%define _binary_payload w1.gzdio\n\
             Name: {name}\nVersion: {version}\nRelease: 1\nSummary: test\nLicense: MIT\n\
             AutoReqProv: no\n{requires}%description\ntest\n%install\ncp -a {root}/. %{{buildroot}}\n%files\n/opt/{name}\n"
        );
        let arch = self.architecture.unwrap_or(std::env::consts::ARCH);
        fs::create_dir(&top).unwrap();
        fs::write(top.join("app.spec"), spec).unwrap();
        let topdir = format!("--define=_topdir {}", top.display());
        run(
            "rpmbuild",
            &["-bb", "--quiet", "--target", arch, &topdir, top.join("app.spec").to_str().unwrap()],
        );
        fs::read(top.join(format!("RPMS/{arch}/{name}-{version}-1.{arch}.rpm"))).unwrap()
    }

    fn pacman(&self, root: &Path) -> Vec<u8> {
        let depends = self.depends.map_or_else(String::new, |name| format!("depend = {name}\n"));
        let info = format!(
            "pkgname = {0}\npkgbase = {0}\npkgver = {1}-1\npkgdesc = test\nurl = x\nbuilddate = 1\npackager = test\nsize = 4\n\
             arch = {2}\n{depends}",
            self.name,
            self.version,
            self.architecture.unwrap_or("any")
        );
        fs::write(root.join(".PKGINFO"), info).unwrap();
        let package = root.with_extension("pkg.tar.zst");
        let (from, to) = (root.to_str().unwrap(), package.to_str().unwrap());
        // As makepkg does, which says that names are UTF-8.
        let tar = ["LC_ALL=C.UTF-8", "tar", "--format=pax", "--owner=0", "--group=0", "--zstd"];
        run("env", &[&tar[..], &["-cf", to, "-C", from, ".PKGINFO", "opt"]].concat());
        fs::read(package).unwrap()
    }
}
