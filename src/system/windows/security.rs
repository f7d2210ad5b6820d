//! Whose a file or directory is, and who may open it.

use std::{fs::File, io, os::windows::io::AsRawHandle, path::Path, ptr};

use windows_sys::Win32::{
    Foundation::{CloseHandle, ERROR_ALREADY_EXISTS, HANDLE, LocalFree},
    Security::{
        ACL,
        Authorization::{
            ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
            ConvertStringSecurityDescriptorToSecurityDescriptorW, GetSecurityInfo, SDDL_REVISION_1,
            SE_FILE_OBJECT, SetSecurityInfo,
        },
        DACL_SECURITY_INFORMATION, GetSecurityDescriptorDacl, GetTokenInformation,
        OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, PSID,
        SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
    },
    Storage::FileSystem::{CreateDirectoryW, FILE_READ_ATTRIBUTES, READ_CONTROL, WRITE_DAC},
    System::Threading::{GetCurrentProcess, OpenProcessToken},
};

use super::{checked, file::is_plain_dir, open_dir, text::wide};

/// Who may do anything to any file anyway, and owns what an elevated process makes.
const ADMINISTRATORS: &str = "S-1-5-32-544";
const SYSTEM: &str = "S-1-5-18";

/// Makes a directory, and those above it, for this user, the system and administrators only.
pub(crate) fn create_private_dir(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_private_dir(parent)?;
    }
    let user = current_user()?;
    let descriptor = Descriptor::parse(&format!("O:{user}{}", closed_to_others(&user)))?;
    let attributes = SECURITY_ATTRIBUTES {
        nLength: size_of::<SECURITY_ATTRIBUTES>().try_into().unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    };
    // SAFETY: the text ends with a zero, and the descriptor outlives the call.
    let done = checked(unsafe { CreateDirectoryW(wide(directory).as_ptr(), &raw const attributes) });
    match done {
        // Another process was quicker; whose it is, is looked at where it is used.
        Err(error) if error.raw_os_error() == Some(ERROR_ALREADY_EXISTS.cast_signed()) => Ok(()),
        result => result,
    }
}

/// The directory is this user's own: nobody else can have put something into it.
pub(crate) fn check_private_dir(directory: &Path) -> io::Result<()> {
    let handle = open_dir(directory, READ_CONTROL | FILE_READ_ATTRIBUTES)?;
    if !is_plain_dir(&handle)? {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory"));
    }
    if !is_own(&handle)? {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user"));
    }
    let wanted = closed_to_others(&current_user()?);
    if !is_same_list(&access_list(&handle)?, &wanted) {
        set_access_list(&open_dir(directory, READ_CONTROL | WRITE_DAC)?, &wanted)?;
    }
    Ok(())
}

/// Whether an open file belongs to this user, or to somebody who may do anything anyway.
pub(super) fn is_own(file: &File) -> io::Result<bool> {
    let owner = owner(file)?;
    Ok([ADMINISTRATORS, SYSTEM].contains(&&*owner) || owner == current_user()?)
}

/// A list of access rights in the security descriptor definition language: protected from what directories above would
/// add (`P`), inherited by what is in it (`OICI`), everything (`FA`) to three.
fn closed_to_others(user: &str) -> String {
    format!("D:P(A;OICI;FA;;;{user})(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)")
}

/// Flags before the entries may tell more than was set: that inheritance was computed, for one.
fn is_same_list(found: &str, wanted: &str) -> bool {
    let entries = |list: &str| list.find('(').and_then(|start| list.get(start..).map(str::to_owned));
    found.starts_with("D:P") && entries(found) == entries(wanted)
}

fn owner(file: &File) -> io::Result<String> {
    let mut owner: PSID = ptr::null_mut();
    let descriptor = descriptor_of(file, OWNER_SECURITY_INFORMATION, &raw mut owner)?;
    let text = sid_text(owner);
    drop(descriptor);
    text
}

fn access_list(file: &File) -> io::Result<String> {
    let descriptor = descriptor_of(file, DACL_SECURITY_INFORMATION, ptr::null_mut())?;
    let mut text = ptr::null_mut();
    // SAFETY: the descriptor is valid, the pointer may be written to, and the length is not wanted.
    checked(unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            descriptor.0,
            SDDL_REVISION_1,
            DACL_SECURITY_INFORMATION,
            &raw mut text,
            ptr::null_mut(),
        )
    })?;
    Ok(take_text(text))
}

fn set_access_list(directory: &File, list: &str) -> io::Result<()> {
    let descriptor = Descriptor::parse(list)?;
    let (mut present, mut defaulted) = (0, 0);
    let mut acl: *mut ACL = ptr::null_mut();
    // SAFETY: the descriptor is valid, and the others may be written to.
    checked(unsafe {
        GetSecurityDescriptorDacl(descriptor.0, &raw mut present, &raw mut acl, &raw mut defaulted)
    })?;
    // SAFETY: the handle is open, and the list lies in the descriptor, which outlives the call.
    failed(unsafe {
        SetSecurityInfo(
            directory.as_raw_handle(),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
            ptr::null_mut(),
            ptr::null_mut(),
            acl,
            ptr::null(),
        )
    })
}

/// The owner points into the descriptor.
fn descriptor_of(file: &File, what: u32, owner: *mut PSID) -> io::Result<Descriptor> {
    let mut descriptor = Descriptor(ptr::null_mut());
    let mut unused: *mut ACL = ptr::null_mut();
    let acl = if what & DACL_SECURITY_INFORMATION == 0 { ptr::null_mut() } else { &raw mut unused };
    // SAFETY: the handle is open, and the pointers may be written to, or are null for what is not wanted.
    failed(unsafe {
        GetSecurityInfo(
            file.as_raw_handle(),
            SE_FILE_OBJECT,
            what,
            owner,
            ptr::null_mut(),
            acl,
            ptr::null_mut(),
            &raw mut descriptor.0,
        )
    })?;
    Ok(descriptor)
}

fn current_user() -> io::Result<String> {
    let mut token: HANDLE = ptr::null_mut();
    // SAFETY: the first handle stands for this process and needs no closing; the second may be written to.
    checked(unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) })?;
    let user = token_user(token);
    // SAFETY: the handle was opened here and is used no more.
    unsafe { CloseHandle(token) };
    user
}

fn token_user(token: HANDLE) -> io::Result<String> {
    // Room for the structure and the longest security identifier behind it, 68 bytes, at an address that suits both.
    let mut buffer = [0_u64; 32];
    let (size, mut needed) = (u32::try_from(size_of_val(&buffer)).unwrap_or_default(), 0);
    // SAFETY: the token is open, and the buffer may be written to for as many bytes as is said.
    checked(unsafe {
        GetTokenInformation(token, TokenUser, buffer.as_mut_ptr().cast(), size, &raw mut needed)
    })?;
    // SAFETY: the function has filled the buffer with this structure, whose pointer leads into the same buffer.
    sid_text(unsafe { (*buffer.as_ptr().cast::<TOKEN_USER>()).User.Sid })
}

/// `sid` is valid: it was just given by the system.
fn sid_text(sid: PSID) -> io::Result<String> {
    let mut text = ptr::null_mut();
    // SAFETY: the identifier is valid, and the pointer may be written to.
    checked(unsafe { ConvertSidToStringSidW(sid, &raw mut text) })?;
    Ok(take_text(text))
}

/// Copies text that the system gave away, and frees it.
fn take_text(text: *mut u16) -> String {
    // SAFETY: functions that succeeded give text that ends with a zero, allocated with LocalAlloc, and keep no pointer.
    unsafe {
        let length = (0..).take_while(|&index| *text.add(index) != 0).count();
        let copy = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        LocalFree(text.cast());
        copy
    }
}

/// A security descriptor that the system allocated.
struct Descriptor(PSECURITY_DESCRIPTOR);

impl Descriptor {
    fn parse(text: &str) -> io::Result<Self> {
        let mut descriptor = Self(ptr::null_mut());
        // SAFETY: the text ends with a zero, the pointer may be written to, and the size is not wanted.
        checked(unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                wide(text).as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor.0,
                ptr::null_mut(),
            )
        })?;
        Ok(descriptor)
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it is null, or was allocated with LocalAlloc, and nothing that points into it is used any more.
        unsafe { LocalFree(self.0) };
    }
}

/// These functions give the reason itself.
fn failed(error: u32) -> io::Result<()> {
    if error == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(error.cast_signed())) }
}
