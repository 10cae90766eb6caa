//! A table whose rows are named by small integers and reused. The first is 1: 0 names nothing.

/// Values by slot.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    rows: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) const fn new() -> Self {
        Slab { rows: Vec::new(), free: Vec::new() }
    }

    /// Stores `value` and returns its slot. Inlined, so that the value is made where it is to stand.
    #[inline(always)]
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.rows[row(slot)] = Some(value);
                slot
            }
            None => self.grow(value),
        }
    }

    #[cold]
    fn grow(&mut self, value: T) -> u32 {
        self.rows.push(Some(value));
        self.rows.len() as u32
    }

    /// The value in `slot`; nothing for 0 and every other slot that is not in use.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Option<&T> {
        self.rows.get(row(slot))?.as_ref()
    }

    /// Frees the slot of a value, dropped where it stands.
    #[inline]
    pub(crate) fn clear(&mut self, slot: u32) {
        if let Some(value @ Some(_)) = self.rows.get_mut(row(slot)) {
            *value = None;
            self.free.push(slot);
        }
    }

    /// Takes the value out and frees its slot.
    #[inline]
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let value = self.rows.get_mut(row(slot))?.take()?;
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

/// Where `slot` is; for 0 beyond every table.
#[inline]
fn row(slot: u32) -> usize {
    slot.wrapping_sub(1) as usize
}
