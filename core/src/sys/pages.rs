//! Memory that programs see: the pages of a view.
//!
//! *Who may write what.* Whoever maps the same file, at any time, also processes that know nothing of byname. So nothing here makes a Rust reference to the bytes but
//! to atomics, and a copy is made of atomic loads and stores: of whole words where the address allows it.

use super::errno;
use super::file::File;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What may be done to pages, and who sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) write: bool,
    /// What is written stays ours.
    pub(crate) private: bool,
    pub(crate) execute: bool,
}

/// Mapped pages; unmapped on drop.
#[derive(Debug)]
pub(crate) struct Pages {
    address: usize,
    len: usize,
}

impl Pages {
    /// Maps `len` bytes, 1 or more, of the file at `offset`; exactly at `base`, where that is not 0 (EEXIST: something is there).
    pub(crate) fn map(file: &File, offset: u64, len: usize, how: Use, base: usize) -> Result<Pages, i32> {
        let prot = libc::PROT_READ | if how.write { libc::PROT_WRITE } else { 0 } | if how.execute { libc::PROT_EXEC } else { 0 };
        let shared = if how.private { libc::MAP_PRIVATE } else { libc::MAP_SHARED };
        let flags = shared | if base == 0 { 0 } else { libc::MAP_FIXED_NOREPLACE };
        // SAFETY: new pages, where nothing is mapped: MAP_FIXED_NOREPLACE replaces nothing, and without it the kernel chooses.
        let p = unsafe { libc::mmap(base as *mut libc::c_void, len, prot, flags, file.fd(), offset as libc::off_t) };
        if p == libc::MAP_FAILED {
            return Err(errno());
        }
        let pages = Pages { address: p as usize, len };
        if base != 0 && pages.address != base { Err(libc::EEXIST) } else { Ok(pages) } // a kernel before 4.17 takes the base for a hint
    }

    pub(crate) fn address(&self) -> usize {
        self.address
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether `len` bytes at `offset` are inside.
    pub(crate) fn has(&self, offset: usize, len: usize) -> bool {
        offset.checked_add(len).is_some_and(|end| end <= self.len)
    }

    /// Copies out. Panics beyond the end.
    pub(crate) fn read(&self, offset: usize, buf: &mut [u8]) {
        assert!(self.has(offset, buf.len()), "a read leaves its view");
        let (head, words) = parts(self.address + offset, buf.len());
        let (first, rest) = buf.split_at_mut(head);
        let (middle, last) = rest.split_at_mut(words * 8);
        first.iter_mut().enumerate().for_each(|(i, byte)| *byte = self.byte(offset + i).load(Relaxed));
        for (i, chunk) in middle.chunks_exact_mut(8).enumerate() {
            chunk.copy_from_slice(&self.word64(offset + head + i * 8).load(Relaxed).to_ne_bytes());
        }
        last.iter_mut().enumerate().for_each(|(i, byte)| *byte = self.byte(offset + head + words * 8 + i).load(Relaxed));
    }

    /// Copies in; the pages must be writable. Panics beyond the end.
    pub(crate) fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(self.has(offset, bytes.len()), "a write leaves its view");
        let (head, words) = parts(self.address + offset, bytes.len());
        let (first, rest) = bytes.split_at(head);
        let (middle, last) = rest.split_at(words * 8);
        first.iter().enumerate().for_each(|(i, byte)| self.byte(offset + i).store(*byte, Relaxed));
        for (i, chunk) in middle.chunks_exact(8).enumerate() {
            let mut eight = [0; 8];
            eight.copy_from_slice(chunk);
            self.word64(offset + head + i * 8).store(u64::from_ne_bytes(eight), Relaxed);
        }
        last.iter().enumerate().for_each(|(i, byte)| self.byte(offset + head + words * 8 + i).store(*byte, Relaxed));
    }

    fn byte(&self, offset: usize) -> &AtomicU8 {
        // SAFETY: inside the pages (the callers have asserted it), which are mapped for as long as `self` is; anybody may share an atomic.
        unsafe { &*((self.address + offset) as *const AtomicU8) }
    }

    /// A word of the pages, which must be inside and aligned.
    pub(crate) fn word32(&self, offset: usize) -> &AtomicU32 {
        assert!(self.has(offset, 4) && (self.address + offset).is_multiple_of(4), "no word of the view");
        // SAFETY: inside the pages, which are mapped for as long as `self` is, and aligned; anybody may share an atomic.
        unsafe { &*((self.address + offset) as *const AtomicU32) }
    }

    /// As [`Self::word32`].
    pub(crate) fn word64(&self, offset: usize) -> &AtomicU64 {
        assert!(self.has(offset, 8) && (self.address + offset).is_multiple_of(8), "no word of the view");
        // SAFETY: as for the narrower one.
        unsafe { &*((self.address + offset) as *const AtomicU64) }
    }

    /// Writes what is dirty among `len` bytes from `offset` on to the file.
    pub(crate) fn flush(&self, offset: usize, len: usize) -> Result<(), i32> {
        assert!(self.has(offset, len), "a flush leaves its view");
        let first = offset / PAGE * PAGE; // offsets of views are multiples of any page
        // SAFETY: a range of our own pages; it changes nothing that anybody reads.
        match unsafe { libc::msync((self.address + first) as *mut libc::c_void, offset + len - first, libc::MS_SYNC) } {
            0 => Ok(()),
            _ => Err(errno()),
        }
    }
}

/// The largest page that a kernel has whose pages divide 64 KiB.
const PAGE: usize = 65536;

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: pages that we mapped, with this length; whoever used them borrowed `self`, or was told how long they last.
        unsafe { libc::munmap(self.address as *mut libc::c_void, self.len) };
    }
}

/// How many of `len` bytes stand before the first aligned word, and how many words follow.
fn parts(address: usize, len: usize) -> (usize, usize) {
    let head = (address.wrapping_neg() % 8).min(len);
    (head, (len - head) / 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn bytes_come_back_from_any_place_in_any_length() {
        let file = File::unnamed(Path::new("/dev/shm")).unwrap();
        file.set_size(4096).unwrap();
        let pages = Pages::map(&file, 0, 4096, Use { write: true, private: false, execute: false }, 0).unwrap();
        for (offset, len) in (0..9).flat_map(|offset| (0..40).map(move |len| (offset, len))) {
            let bytes: Vec<u8> = (0..len).map(|i| (offset * 41 + i) as u8 | 1).collect();
            pages.write(0, &[0; 64]);
            pages.write(offset, &bytes);
            let mut all = [9; 64];
            pages.read(0, &mut all);
            let mut wanted = [0; 64];
            wanted[offset..offset + len].copy_from_slice(&bytes);
            assert_eq!(all, wanted, "{len} at {offset}");
            let mut back = vec![0; len];
            pages.read(offset, &mut back);
            assert_eq!(back, bytes);
        }
        assert!(pages.has(4096, 0) && !pages.has(4096, 1) && !pages.has(usize::MAX, 2));
    }
}
