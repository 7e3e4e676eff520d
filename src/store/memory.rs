//! (owner: store)
