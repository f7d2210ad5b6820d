use crate::install::windows::arguments::{
    NSIS_DIRECTORY, msi, nsis,
    readers::{split, split_as_msiexec, switches_seen_by_the_stub},
};

/// Arguments, parted by zero bytes. Whatever is not refused reaches the installer as it is.
pub fn arguments(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let args: Vec<String> = text.split('\0').map(str::to_owned).collect();
    if let Ok(line) = nsis(&args) {
        check_nsis(&args, &line);
    }
    if let Ok(line) = msi(&args) {
        assert_eq!(split_as_msiexec(&line), args, "{line}");
    }
}

fn check_nsis(args: &[String], line: &str) {
    let (directories, others): (Vec<&String>, Vec<&String>) =
        args.iter().partition(|arg| arg.starts_with(NSIS_DIRECTORY));
    let directory = directories.first().map(|directory| format!(" {directory}")).unwrap_or_default();
    let before = line.strip_suffix(&directory).expect("the directory is last");
    assert_eq!(split(before), others.iter().map(|arg| arg.as_str()).collect::<Vec<_>>(), "{line}");
    let switches = others.into_iter().filter(|arg| matches!(arg.as_str(), "/S" | "/NCRC"));
    let expected: Vec<&String> = switches.chain(directories).collect();
    assert_eq!(switches_seen_by_the_stub(line).iter().collect::<Vec<_>>(), expected, "{line}");
}
