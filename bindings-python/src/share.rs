//! Objects that are passed by a token instead of a name.

use crate::error::OrRaise;
use crate::event::Event;
use crate::handle::Handle;
use crate::job::Job;
use crate::mapping::Mapping;
use crate::mutex::Mutex;
use crate::queue::{Mode, Queue};
use crate::semaphore::Semaphore;
use crate::timer::Timer;
use crate::watchdog::Watchdog;
use byname::engine::{self, Access, Kind};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The kind that a class stands for; `None` for `Handle`, which stands for all.
fn kind_of(class: &Bound<'_, PyType>) -> Option<Kind> {
    let py = class.py();
    let kinds = [
        (py.get_type::<Event>(), Kind::Event),
        (py.get_type::<Job>(), Kind::Job),
        (py.get_type::<Mapping>(), Kind::Mapping),
        (py.get_type::<Mutex>(), Kind::Mutex),
        (py.get_type::<Queue>(), Kind::Queue),
        (py.get_type::<Semaphore>(), Kind::Semaphore),
        (py.get_type::<Timer>(), Kind::Timer),
        (py.get_type::<Watchdog>(), Kind::Watchdog),
    ];
    kinds.into_iter().find(|(known, _)| class.is(known)).map(|(_, kind)| kind)
}

/// The object of a token, as a value of its own class.
pub(crate) fn open<'py>(class: &Bound<'py, PyType>, token: &str, access: Access, mode: Mode) -> PyResult<Bound<'py, PyAny>> {
    let (py, kind) = (class.py(), kind_of(class));
    let opened = py.detach(|| engine::from_share(token, kind, mode.first(), access)).or_raise()?;
    let (kind, inner) = (opened.kind().or_raise()?, opened.by_ref());
    let handle = PyClassInitializer::from(Handle::over(opened));
    Ok(match kind {
        Kind::Event => Bound::new(py, handle.add_subclass(Event))?.into_any(),
        Kind::Job => Bound::new(py, handle.add_subclass(Job))?.into_any(),
        Kind::Mapping => Bound::new(py, handle.add_subclass(Mapping::with(access)))?.into_any(),
        Kind::Mutex => Bound::new(py, handle.add_subclass(Mutex))?.into_any(),
        Kind::Queue => Bound::new(py, mode.complete(py, handle, inner)?)?.into_any(),
        Kind::Semaphore => Bound::new(py, handle.add_subclass(Semaphore))?.into_any(),
        Kind::Timer => Bound::new(py, handle.add_subclass(Timer))?.into_any(),
        Kind::Watchdog => Bound::new(py, handle.add_subclass(Watchdog))?.into_any(),
        _ => Bound::new(py, handle)?.into_any(),
    })
}
