use super::*;
use crate::system::failing::{FailingSystem, Layout};

impl Tree for FailingSystem {
    fn create_root(&self, path: &Path) -> io::Result<File> {
        self.real()?.create_root(path)
    }

    fn open_root(&self, path: &Path) -> io::Result<File> {
        self.real()?.open_root(path)
    }

    fn owner_and_mode(&self, root: &File) -> io::Result<(Owner, u32)> {
        self.real()?.owner_and_mode(root)
    }

    fn create_dir_in(&self, root: &File, path: &Path) -> io::Result<()> {
        self.real()?.create_dir_in(root, path)
    }

    fn create_file_in(&self, root: &File, path: &Path) -> io::Result<File> {
        self.real()?.create_file_in(root, path)
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.real()?.write(file, bytes)
    }

    fn finish_file(
        &self,
        file: &File,
        mode: u32,
        modified: SystemTime,
        owner: Option<Owner>,
    ) -> io::Result<()> {
        self.real()?.finish_file(file, mode, modified, owner)
    }

    fn create_link_in(
        &self,
        root: &File,
        target: &Path,
        path: &Path,
        owner: Option<Owner>,
    ) -> io::Result<()> {
        self.real()?.create_link_in(root, target, path, owner)
    }

    fn finish_dir_in(&self, root: &File, path: &Path, mode: u32, owner: Option<Owner>) -> io::Result<()> {
        self.real()?.finish_dir_in(root, path, mode, owner)
    }

    fn adopt_root(&self, root: &File, replaced: &File) -> io::Result<()> {
        self.real()?.adopt_root(root, replaced)
    }

    fn sync_tree(&self, root: &File) -> io::Result<()> {
        self.real()?.sync_tree(root)
    }

    fn exchange(&self, root: &File, from: &Path, to: &Path) -> io::Result<()> {
        let real = self.real()?;
        if self.layout == Layout::NoExchange {
            return Err(Errno::INVAL.into());
        }
        real.exchange(root, from, to)?;
        self.note_swap();
        Ok(())
    }

    fn touch(&self, root: &File) -> io::Result<()> {
        self.real()?.touch(root)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        self.real()?.remove_tree(path)
    }
}
