//! The contract as a reference model, and whether what the library did can be explained by it.

pub(crate) mod dispatcher;
pub(crate) mod explain;
