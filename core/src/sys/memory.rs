//! Mapping memory.

use super::errno;
use super::file::File;

/// A range of addresses that stays ours for the life of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Region {
    address: usize,
    len: usize,
}

impl Region {
    /// Reserves addresses without memory behind them.
    pub(crate) fn reserve(len: usize) -> Result<Region, i32> {
        Region::map(0, len, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE, None, 0)
    }

    /// Memory that a child of a fork finds zeroed.
    pub(crate) fn private_wiped_on_fork(len: usize) -> Result<Region, i32> {
        let region = Region::map(0, len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None, 0)?;
        region.advise(libc::MADV_WIPEONFORK)?;
        Ok(region)
    }

    /// Memory that a child of a fork does not have, and that the out-of-memory reaper leaves alone until the kernel
    /// has read our robust list (it takes private memory first).
    pub(crate) fn shared_not_forked(len: usize) -> Result<Region, i32> {
        let region = Region::map(0, len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS, None, 0)?;
        region.advise(libc::MADV_DONTFORK)?;
        Ok(region)
    }

    /// Maps `len` bytes of the file at `offset` over this region at `at`; core dumps leave them out.
    pub(crate) fn map_file(&self, at: usize, len: usize, file: &File, offset: u64) -> Result<(), i32> {
        assert!(at + len <= self.len, "a mapping leaves its region");
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        let part = Region::map(self.address + at, len, libc::PROT_READ | libc::PROT_WRITE, flags, Some(file), offset)?;
        part.advise(libc::MADV_DONTDUMP)
    }

    /// Maps `len` bytes of the file, to be read only; core dumps leave them out.
    pub(crate) fn of_file_to_read(len: usize, file: &File) -> Result<Region, i32> {
        let region = Region::map(0, len, libc::PROT_READ, libc::MAP_SHARED, Some(file), 0)?;
        region.advise(libc::MADV_DONTDUMP)?;
        Ok(region)
    }

    /// Maps `len` bytes of the file; core dumps leave them out.
    pub(crate) fn of_file(len: usize, file: &File) -> Result<Region, i32> {
        let region = Region::map(0, len, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, Some(file), 0)?;
        region.advise(libc::MADV_DONTDUMP)?;
        Ok(region)
    }

    /// Gives the addresses back.
    ///
    /// # Safety
    /// - Nobody uses them, or a reference into them, from here on.
    pub(crate) unsafe fn unmap(self) {
        // SAFETY: a mapping of ours, of this length; the caller vouches that it is not used any more.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.len) };
    }

    /// One that was taken apart into its address and length.
    pub(crate) fn of_parts(address: usize, len: usize) -> Region {
        Region { address, len }
    }

    pub(crate) fn address(&self) -> usize {
        self.address
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn map(at: usize, len: usize, prot: i32, flags: i32, file: Option<&File>, offset: u64) -> Result<Region, i32> {
        let fd = file.map_or(-1, File::fd);
        // SAFETY: with `at` 0 the kernel chooses free addresses; MAP_FIXED is only passed by `map_file`, for addresses
        // inside a region that we reserved and that nothing else uses.
        let p = unsafe { libc::mmap(at as *mut libc::c_void, len, prot, flags, fd, offset as libc::off_t) };
        if p == libc::MAP_FAILED { Err(errno()) } else { Ok(Region { address: p as usize, len }) }
    }

    fn advise(&self, advice: i32) -> Result<(), i32> {
        // SAFETY: the range is a mapping of ours; none of the advices used changes what we read before a fork.
        match unsafe { libc::madvise(self.address as *mut libc::c_void, self.len, advice) } {
            0 => Ok(()),
            _ => Err(errno()),
        }
    }
}
