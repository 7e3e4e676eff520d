//! `kind: log`: one JSON line per delivery on standard output, for trying rules out.
