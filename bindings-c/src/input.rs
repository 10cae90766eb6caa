//! Pointers, strings and arrays as C passes them.
//!
//! NULL is checked here, in every build; whether a pointer that is not NULL points to something is the caller's word.

use crate::handle::byname_handle;
use crate::status::Failure;
use byname::engine::HandleRef;
use byname::{Error, ErrorKind};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Where a result goes. It is written once, after everything else has succeeded.
pub(crate) struct Out<T>(NonNull<T>);

impl<T> Out<T> {
    /// # Safety
    /// - `pointer` is NULL or valid for writing a `T` until the call returns.
    #[inline]
    pub(crate) unsafe fn required(pointer: *mut T, parameter: &'static str) -> Result<Out<T>, Failure> {
        NonNull::new(pointer).map(Out).ok_or_else(|| null(parameter))
    }

    /// # Safety
    /// - `pointer` is NULL or valid for writing a `T` until the call returns.
    #[inline]
    pub(crate) unsafe fn optional(pointer: *mut T) -> Option<Out<T>> {
        NonNull::new(pointer).map(Out)
    }

    #[inline]
    pub(crate) fn write(self, value: T) {
        // SAFETY: valid for writing until the call returns, by the contract of both constructors.
        unsafe { self.0.write(value) }
    }
}

#[cold]
pub(crate) fn null(parameter: &'static str) -> Failure {
    Error::invalid_argument(format!("{parameter} is NULL; pass a pointer")).into()
}

/// The name of an object; NULL is no name.
///
/// # Safety
/// - `name` is NULL or a NUL-terminated string that lives and does not change for `'a`.
pub(crate) unsafe fn name<'a>(name: *const c_char) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the same contract.
    let bytes = unsafe { bytes(name) };
    bytes
        .map(std::str::from_utf8)
        .transpose()
        .map_err(|e| Error::invalid_name(format!("the name is not UTF-8 from byte {} on; convert it", e.valid_up_to())).into())
}

/// A string that is not a name; NULL is none.
///
/// # Safety
/// - `text` is NULL or a NUL-terminated string that lives and does not change for `'a`.
pub(crate) unsafe fn text<'a>(text: *const c_char, parameter: &'static str) -> Result<Option<&'a str>, Failure> {
    // SAFETY: the same contract.
    let bytes = unsafe { bytes(text) };
    bytes
        .map(std::str::from_utf8)
        .transpose()
        .map_err(|e| Error::invalid_argument(format!("{parameter} is not UTF-8 from byte {} on; convert it", e.valid_up_to())).into())
}

/// # Safety
/// - `text` is NULL or a NUL-terminated string that lives and does not change for `'a`.
unsafe fn bytes<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: not NULL here, the rest by this function's contract.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// Calls `with` with the handles of an array; those of an ordinary wait need no allocation.
///
/// # Safety
/// - `handles` is NULL or points to `n` handles that do not change until the call returns.
pub(crate) unsafe fn with_objects<R>(
    handles: *const byname_handle,
    n: usize,
    with: impl FnOnce(&[HandleRef]) -> Result<R, Failure>,
) -> Result<R, Failure> {
    const FEW: usize = 64;
    if n == 0 {
        return with(&[]);
    }
    if handles.is_null() {
        return Err(null("handles"));
    }
    if n > isize::MAX as usize / size_of::<byname_handle>() {
        return Err(Error::invalid_argument(format!("n is {n}, more handles than memory can hold")).into());
    }
    // SAFETY: not NULL, `n` handles by this function's contract, and their size fits an isize.
    let objects = unsafe { std::slice::from_raw_parts(handles, n) }.iter().map(|h| HandleRef::from_id(h.id));
    if n <= FEW {
        let mut few = [const { MaybeUninit::uninit() }; FEW];
        for (place, object) in few.iter_mut().zip(objects) {
            place.write(object);
        }
        // SAFETY: the loop has written the first `n` of them, and MaybeUninit<T> is laid out as T.
        return with(unsafe { std::slice::from_raw_parts(few.as_ptr().cast::<HandleRef>(), n) });
    }
    let mut many = Vec::new();
    if many.try_reserve_exact(n).is_err() {
        return Err(Failure::new(ErrorKind::NoSpace, format!("no memory for a wait over {n} handles")));
    }
    many.extend(objects);
    with(&many)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_utf8_or_refused_by_what_they_are() {
        let bad = c"ab\xff";
        // SAFETY: literals are NUL-terminated and live for ever; NULL is allowed.
        unsafe {
            assert_eq!(name(std::ptr::null()).unwrap(), None);
            assert_eq!(name(c"gr\u{fc}n".as_ptr()).unwrap(), Some("gr\u{fc}n"));
            assert!(format!("{:?}", name(bad.as_ptr()).unwrap_err()).contains("InvalidName"));
            assert!(format!("{:?}", text(bad.as_ptr(), "session").unwrap_err()).contains("InvalidArgument"));
        }
    }

    #[test]
    fn arrays_keep_their_order_on_both_sides_of_the_allocation() {
        for n in [1usize, 63, 64, 65, 1000] {
            // Wild handles that stay distinct.
            let handles: Vec<_> = (1..=n as u64).map(|i| byname_handle { id: i << 32 }).collect();
            let wanted: Vec<_> = handles.iter().map(|h| HandleRef::from_id(h.id).id()).collect();
            assert!(n == 1 || wanted.first() != wanted.last());
            // SAFETY: the vector holds n handles.
            let ids = unsafe { with_objects(handles.as_ptr(), n, |objects| Ok(objects.iter().map(|o| o.id()).collect::<Vec<_>>())) };
            assert_eq!(ids.unwrap(), wanted);
        }
        // SAFETY: NULL and zero are allowed; an absurd count is refused before the pointer is used.
        unsafe {
            assert_eq!(with_objects(std::ptr::null(), 0, |objects| Ok(objects.len())).unwrap(), 0);
            assert!(with_objects(std::ptr::null(), 1, |objects| Ok(objects.len())).is_err());
            assert!(with_objects(NonNull::dangling().as_ptr(), usize::MAX, |objects| Ok(objects.len())).is_err());
        }
    }
}
