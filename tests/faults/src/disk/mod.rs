//! The disk beneath the program: the library that stands before it, the trace that it writes, what a crash may leave of
//! that, and the helper that opens what was left.

pub mod audit;
pub mod image;
pub mod recover;
pub mod shim;
pub mod trace;
