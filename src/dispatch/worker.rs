//! (owner: dispatch)
