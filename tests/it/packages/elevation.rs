//! An ordinary user's application: pkexec and sudo, as they really answer.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use cargo_packager_updater::Format;

use super::{
    app,
    kit::{Content, Installed, run},
};
use crate::support::{HANG, Server};

const USER: &str = "updater-test";
const SUDOERS: &str = "/etc/sudoers.d/updater-test";
const RULES: &str = "/etc/polkit-1/rules.d/00-updater-test.rules";
const BUS: &str = "/run/dbus/system_bus_socket";
const AS_USER: [&str; 6] = ["setpriv", "--reuid", USER, "--regid", USER, "--clear-groups"];

/// A user, and the application that this user runs.
struct Scene {
    app: Installed,
    server: Server,
}

impl Scene {
    fn new(name: &str) -> Self {
        Self::with(Format::Deb, name, |_| ())
    }

    fn with(format: Format, name: &str, change: impl FnOnce(&mut Content)) -> Self {
        let app = app::installed(format, name);
        let server = app.offer("2.0.0", &app.package("2.0.0", change));
        // A test that was killed may have left the user.
        let _ = Command::new("userdel").arg(USER).output();
        run("useradd", &["--system", "--no-create-home", "--user-group", USER]);
        let data = app.directory.path().join("data");
        fs::create_dir(&data).unwrap();
        for directory in [app.directory.path(), &data] {
            run("chown", &[USER, directory.to_str().unwrap()]);
        }
        Self { app, server }
    }

    /// Without a terminal.
    fn update(&self) -> String {
        app::run(&self.app, &self.server, &[&["setsid", "--wait"][..], &AS_USER].concat())
    }

    fn update_at_a_terminal(&self, typed: &str) -> String {
        self.at_a_terminal(typed, "")
    }

    fn update_in_the_background_of_a_terminal(&self) -> String {
        self.at_a_terminal("", "&")
    }

    /// `job` ends the line that a shell with job control is given.
    fn at_a_terminal(&self, typed: &str, job: &str) -> String {
        let script = r#"typed=$1 job=$2; shift 2
            { sleep 2; printf '%s\n' "$typed"; sleep 20; } | script -qec "set -m; $* $job
                wait" /dev/null &
            wait $!"#;
        let wrapper = [&["sh", "-c", script, "sh", typed, job][..], &AS_USER].concat();
        app::run(&self.app, &self.server, &wrapper)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_file(SUDOERS);
        let _ = Command::new("userdel").arg(USER).output();
    }
}

fn allow_sudo(rule: &str) {
    fs::write(SUDOERS, format!("Defaults:{USER} passwd_tries=1, !fqdn\n{USER} ALL=(ALL) {rule}\n")).unwrap();
    fs::set_permissions(SUDOERS, fs::Permissions::from_mode(0o440)).unwrap();
}

/// The authority that pkexec asks, and what it is told to answer to this user.
struct Polkit(Vec<Child>);

impl Polkit {
    fn answering(result: &str) -> Self {
        let rule = format!(
            "polkit.addRule(function (action, subject) {{\n  if (subject.user == '{USER}' && \
             action.id == 'org.freedesktop.policykit.exec') return polkit.Result.{result}\n}})\n"
        );
        fs::write(RULES, rule).unwrap();
        let mut daemons = Vec::new();
        if UnixStream::connect(BUS).is_err() {
            fs::create_dir_all("/run/dbus").unwrap();
            daemons.push(daemon("dbus-daemon", &["--system", "--nofork", "--nopidfile"]));
            wait_for("the bus", || UnixStream::connect(BUS).is_ok());
        }
        daemons.push(daemon("/usr/lib/polkit-1/polkitd", &["--replace"]));
        let this = Self(daemons);
        wait_for("polkitd", || {
            let pid = std::process::id().to_string();
            let asked = Command::new("pkcheck")
                .args(["--action-id", "org.freedesktop.policykit.exec", "--process", &pid])
                .output();
            asked.is_ok_and(|output| output.status.success())
        });
        this
    }
}

impl Drop for Polkit {
    fn drop(&mut self) {
        let _ = fs::remove_file(RULES);
        for daemon in self.0.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        if UnixStream::connect(BUS).is_err() {
            let _ = fs::remove_file(BUS);
        }
    }
}

fn daemon(program: &str, args: &[&str]) -> Child {
    Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn wait_for(what: &str, ready: impl Fn() -> bool) {
    let started = Instant::now();
    while !ready() {
        assert!(started.elapsed() < HANG, "{what} does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn assert_denied(scene: &Scene, said: &str, reason: &str) {
    assert!(said.contains("refused: ERR_UPDATER_ELEVATION_DENIED") && said.contains(reason), "{said}");
    assert!(said.contains("offered again: true"), "{said}");
    scene.app.assert_version("1.0.0");
}

#[test]
#[ignore = "needs root"]
fn pkexec_installs_what_the_authority_allows() {
    let scene = Scene::new("pkexec");
    let _polkit = Polkit::answering("YES");
    app::assert_updated(&scene.app, &scene.update(), USER);
}

#[test]
#[ignore = "needs root"]
fn what_the_authority_forbids_is_not_installed() {
    let scene = Scene::new("forbidden");
    let _polkit = Polkit::answering("NO");
    assert_denied(&scene, &scene.update(), "pkexec ended with exit code 127");
}

#[test]
#[ignore = "needs root"]
fn where_nobody_can_be_asked_nothing_is_installed() {
    let scene = Scene::new("nobody");
    allow_sudo("NOPASSWD: ALL");
    let _polkit = Polkit::answering("AUTH_ADMIN");
    assert_denied(&scene, &scene.update(), "authentication agent");
}

#[test]
#[ignore = "needs root"]
fn sudo_installs_at_a_terminal_what_pkexec_does_not() {
    let scene = Scene::new("sudo");
    let _polkit = Polkit::answering("NO");
    allow_sudo("NOPASSWD: ALL");
    app::assert_updated(&scene.app, &scene.update_at_a_terminal(""), USER);
}

#[test]
#[ignore = "needs root"]
fn in_the_background_of_a_terminal_nobody_can_be_asked_there() {
    let scene = Scene::new("background");
    let _polkit = Polkit::answering("NO");
    allow_sudo("NOPASSWD: ALL");
    let said = scene.update_in_the_background_of_a_terminal();
    assert_denied(&scene, &said, "pkexec ended with exit code 127");
    assert!(!said.contains("sudo ended"), "{said}");
}

/// rpm is left out: here every user has a database.
#[test]
#[ignore = "needs root"]
fn what_would_fail_is_refused_before_anybody_is_asked_for_a_password() {
    for format in [Format::Deb, Format::Pacman] {
        let scene = Scene::with(format, "early", |content| content.depends = Some("updater-test-nowhere"));
        let said = scene.update();
        assert!(said.contains("refused: ERR_UPDATER_INSTALLER_FAILED"), "{format}: {said}");
        assert!(said.contains("updater-test-nowhere"), "{format}: {said}");
        scene.app.assert_version("1.0.0");
    }
}

#[test]
#[ignore = "needs root"]
fn a_wrong_password_is_a_refusal() {
    let scene = Scene::new("password");
    let _polkit = Polkit::answering("NO");
    allow_sudo("ALL");
    assert_denied(&scene, &scene.update_at_a_terminal("wrong"), "incorrect password attempt");
}

#[test]
#[ignore = "needs root"]
fn where_apt_get_is_missing_dpkg_installs() {
    let app = app::installed(Format::Deb, "dpkg");
    let hidden = "mount --bind /dev/null /usr/bin/apt-get && exec \"$@\"";
    let without_apt = ["unshare", "--mount", "sh", "-c", hidden, "sh"];
    let refused = app.package("2.0.0", |content| content.depends = Some("updater-test-nowhere"));
    let said = app::run(&app, &app.offer("2.0.0", &refused), &without_apt);
    assert!(said.contains("refused: ERR_UPDATER_UNSUPPORTED_FORMAT"), "{said}");
    assert!(said.contains("depends on (updater-test-nowhere)"), "{said}");
    let older = app.package("0.9.0", |_| ());
    let said = app::run(&app, &app.offer("2.0.0", &older), &without_apt);
    assert!(
        said.contains("refused: ERR_UPDATER_INSTALLER_FAILED") && said.contains("will not downgrade"),
        "{said}"
    );
    app.assert_version("1.0.0");
    drop(app);
    let app = app::installed(Format::Deb, "dpkg-alone");
    let server = app.offer("2.0.0", &app.package("2.0.0", |_| ()));
    app::assert_updated(&app, &app::run(&app, &server, &without_apt), "root");
}
