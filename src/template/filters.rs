//! Filters beyond minijinja's own.
