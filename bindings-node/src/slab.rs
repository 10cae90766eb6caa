//! A table whose rows are named by small integers and reused.

/// Values by slot.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    rows: Vec<Option<T>>,
    free: Vec<i32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { rows: Vec::new(), free: Vec::new() }
    }

    /// Stores `value` and returns its slot.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> i32 {
        match self.free.pop() {
            Some(slot) => {
                self.rows[slot as usize] = Some(value);
                slot
            }
            None => self.grow(value),
        }
    }

    #[cold]
    fn grow(&mut self, value: T) -> i32 {
        self.rows.push(Some(value));
        (self.rows.len() - 1) as i32
    }

    /// The value in `slot`; nothing for -1 and every other slot that is not in use.
    #[inline]
    pub(crate) fn get(&self, slot: i32) -> Option<&T> {
        self.rows.get(slot as u32 as usize)?.as_ref()
    }

    /// Takes the value out and frees its slot.
    #[inline]
    pub(crate) fn remove(&mut self, slot: i32) -> Option<T> {
        let value = self.rows.get_mut(slot as u32 as usize)?.take()?;
        self.free.push(slot);
        Some(value)
    }
}

impl<T> Slab<T> {
    /// Every value that is still in.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.rows.into_iter().flatten()
    }
}
