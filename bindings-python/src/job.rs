//! The job.

use crate::coroutine::{Answer, Coroutine, Request};
use crate::error::OrRaise;
use crate::handle::Handle;
use crate::namespace::Namespace;
use crate::notifications::JobNotifications;
use crate::state::{JobAccounting, JobLimits};
use crate::{args, block, time};
use byname::engine::{self, Access, HandleRef, JobEntrance, Kind, Spec};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// A set of processes that share limits, an account and an end.
///
/// A member is one for life, and so are all its later children, whatever they do: a daemon's double fork does not lead out.
/// With `kill_on_close=True` all of them are killed when the last process that has the job open closes it or dies, by
/// SIGKILL included. A job is signalled by `terminate`, and by nothing else: not by becoming empty (contract JL2).
/// `Job(name, …)` makes it, or opens it if it exists: `created` tells. `with` closes the handle at the end.
///
/// >>> import byname, sys
/// >>> with byname.Job(kill_on_close=True) as job:
/// ...     child = job.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
/// ...     job.pids == [child.pid]
/// ...     job.terminate(1)
/// ...     job.wait(), child.wait()
/// True
/// (True, -9)
#[pyclass(frozen, extends = Handle, module = "byname")]
pub(crate) struct Job;

#[pymethods]
impl Job {
    #[new]
    #[pyo3(signature = (name=None, kill_on_close=false, *, namespace=None, access=Access::ALL))]
    fn new(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::kill_on_close)] kill_on_close: bool,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<PyClassInitializer<Job>> {
        Ok(Handle::create(py, name, Spec::Job { kill_on_close }, namespace, access)?.add_subclass(Job))
    }

    /// Opens an existing job; raises NotFoundError if there is none of that name (contract 8.1).
    ///
    /// >>> import byname
    /// >>> with byname.Job("build") as made, byname.Job.open("build") as found:
    /// ...     found.created
    /// False
    #[staticmethod]
    #[pyo3(signature = (name, *, namespace=None, access=Access::ALL))]
    fn open(
        py: Python<'_>,
        name: Option<&Bound<'_, PyAny>>,
        namespace: Option<&Bound<'_, Namespace>>,
        #[pyo3(from_py_with = args::access)] access: Access,
    ) -> PyResult<Py<Job>> {
        Py::new(py, Handle::open(py, name, Kind::Job, namespace, access)?.add_subclass(Job))
    }

    /// Puts the process `pid`, of the caller's PID namespace, into the job. Children that it has already stay where they are
    /// (contract 8.2).
    ///
    /// Raises InvalidArgumentError where there is no such process; AccessDeniedError if it has ended, is in the job already,
    /// or in another one that this one is not inside of; LimitReachedError (1816), and it is killed, where the job is full.
    ///
    /// >>> import byname, subprocess
    /// >>> child = subprocess.Popen(["sleep", "1000"])
    /// >>> with byname.Job(kill_on_close=True) as job:
    /// ...     job.assign(child.pid)
    /// ...     job.pids == [child.pid]
    /// True
    /// >>> child.wait()  # the last handle was closed
    /// -9
    #[pyo3(signature = (pid))]
    fn assign(slf: &Bound<'_, Self>, #[pyo3(from_py_with = args::pid)] pid: i64) -> PyResult<()> {
        let handle = inner(slf);
        slf.py().detach(|| handle.assign(pid)).or_raise()
    }

    /// A `subprocess.Popen` whose process is in the job before its program begins. It takes what that takes; a `preexec_fn` of
    /// the caller's runs after it has entered.
    ///
    /// Raises LimitReachedError (1816) where the job is full, and what `subprocess.Popen` raises.
    ///
    /// >>> import byname
    /// >>> with byname.Job() as job, job.Popen(["true"]) as child:
    /// ...     child.wait(), job.accounting.total_processes
    /// (0, 1)
    #[pyo3(name = "Popen", signature = (*args, **options))]
    fn popen<'py>(slf: &Bound<'py, Self>, args: &Bound<'py, PyTuple>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        let (py, handle) = (slf.py(), inner(slf));
        let options = options.map_or_else(|| Ok(PyDict::new(py)), |options| options.copy())?;
        let then = options.get_item("preexec_fn")?.filter(|then| !then.is_none()).map(Bound::unbind);
        options.set_item("preexec_fn", Entrance { entrance: handle.job_entrance().or_raise()?, then })?;
        let child = py.import("subprocess")?.getattr("Popen")?.call(args, Some(&options))?;
        handle.note_spawned(child.getattr("pid")?.extract()?).or_raise()?;
        Ok(child)
    }

    /// Kills all its processes at once, and those of jobs inside it, by SIGKILL; the job is signalled from then on (contract
    /// 8.1, JL3, JL11).
    ///
    /// `Process.exit_code` tells `code` for all of them as long as the job is open; a parent sees the signal.
    ///
    /// >>> import byname
    /// >>> job = byname.Job()
    /// >>> job.terminate(0)  # nobody is in it
    /// >>> job.wait(0)
    /// True
    #[pyo3(signature = (code))]
    fn terminate(slf: &Bound<'_, Self>, #[pyo3(from_py_with = args::code)] code: u32) -> PyResult<()> {
        inner(slf).terminate_job(code).or_raise()
    }

    /// The living processes in it, and in jobs inside it, as the caller's PID namespace numbers them.
    #[getter]
    fn pids(slf: &Bound<'_, Self>) -> PyResult<Vec<u32>> {
        inner(slf).job_pids().or_raise()
    }

    /// Whether the process `pid` is in it, or in a job inside it. Raises InvalidArgumentError where there is no such process.
    ///
    /// >>> import byname, os
    /// >>> byname.Job().contains(os.getpid())
    /// False
    #[pyo3(signature = (pid))]
    fn contains(slf: &Bound<'_, Self>, #[pyo3(from_py_with = args::pid)] pid: i64) -> PyResult<bool> {
        inner(slf).job_has(pid).or_raise()
    }

    /// What it limits, as a JobLimits (contract 8.4).
    #[getter]
    fn limits(slf: &Bound<'_, Self>) -> PyResult<JobLimits> {
        Ok(inner(slf).job_limits().or_raise()?.into())
    }

    /// Sets all its limits: what is left out is lifted (contract 8.4).
    ///
    /// `active_processes`: the most processes at a time; `memory`: the most bytes that they have together; `kill_on_close`: as
    /// in the constructor. Raises InvalidArgumentError for a limit out of range, UnsupportedError where the system has no
    /// controller that could hold it; then nothing is changed.
    ///
    /// >>> import byname
    /// >>> job = byname.Job()
    /// >>> job.limit(kill_on_close=True)
    /// >>> job.limits
    /// JobLimits(active_processes=None, memory=None, kill_on_close=True)
    #[pyo3(signature = (*, active_processes=None, memory=None, kill_on_close=false))]
    fn limit(
        slf: &Bound<'_, Self>,
        active_processes: Option<&Bound<'_, PyAny>>,
        memory: Option<&Bound<'_, PyAny>>,
        #[pyo3(from_py_with = args::kill_on_close)] kill_on_close: bool,
    ) -> PyResult<()> {
        let active_processes = args::limit("active_processes", active_processes)?;
        let memory = args::limit("memory", memory)?;
        // What is beyond 32 bits is as far out of the core's range as the largest of them.
        let active_processes = active_processes.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let handle = inner(slf);
        slf.py().detach(|| handle.set_job_limits(engine::JobLimits { active_processes, memory, kill_on_close })).or_raise()
    }

    /// What it has come to, as a JobAccounting: processes, time, memory (contract 8.5).
    #[getter]
    fn accounting(slf: &Bound<'_, Self>) -> PyResult<JobAccounting> {
        Ok(inner(slf).job_accounting().or_raise()?.into())
    }

    /// Begins to tell this process what happens in it, as JobNotifications: first who is in it, then who comes, who goes, and that
    /// nobody is left (contract 8.7).
    ///
    /// Who is put in by this process is told in any case; who is put in by another one, or forked by a member, if it lives long enough to be
    /// seen: up to a twentieth of a second. Raises InvalidArgumentError where this process has them already, LimitReachedError
    /// where no descriptor or watch is left to be told by.
    ///
    /// >>> import byname
    /// >>> with byname.Job() as job, job.notifications() as told, job.Popen(["true"]) as child:
    /// ...     first = told.get()
    /// ...     first.message, first.pid == child.pid
    /// ('new', True)
    fn notifications(slf: &Bound<'_, Self>) -> PyResult<Py<JobNotifications>> {
        JobNotifications::over(slf.py(), inner(slf).job_notifications().or_raise()?)
    }

    /// What keeps its processes together: "cgroup2", or "processes" where there is no control group of version 2: marks, and a walk over them.
    #[getter]
    fn backend(slf: &Bound<'_, Self>) -> PyResult<&'static str> {
        inner(slf).job_backend().or_raise()
    }

    /// Waits until it has been terminated: True, or False when `timeout` seconds are up. Zero only looks, None waits for ever.
    ///
    /// >>> import byname
    /// >>> byname.Job().wait(timeout=0.01)
    /// False
    #[pyo3(signature = (timeout=None))]
    fn wait(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        block::wait(slf.as_super(), timeout)
    }

    /// Waits without blocking the thread: True, or False when `timeout` seconds are up.
    ///
    /// >>> import asyncio, byname
    /// >>> asyncio.run(byname.Job().wait_async(timeout=0.01))
    /// False
    #[pyo3(signature = (timeout=None))]
    fn wait_async(slf: &Bound<'_, Self>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Coroutine> {
        let request = Request::one(slf.as_super(), time::timeout(timeout)?);
        Ok(Coroutine::new("Job.wait_async", request, Answer::Flag))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(slf: &Bound<'_, Self>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        slf.as_super().get().close()
    }
}

fn inner(slf: &Bound<'_, Job>) -> HandleRef {
    slf.as_super().get().inner()
}

/// What a forked child of `Job.Popen` does first: it enters, then what the caller wanted.
#[pyclass(frozen, module = "byname")]
struct Entrance {
    entrance: JobEntrance,
    then: Option<Py<PyAny>>,
}

#[pymethods]
impl Entrance {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.entrance.enter().or_raise()?;
        self.then.as_ref().map_or(Ok(()), |then| then.call0(py).map(drop))
    }
}
