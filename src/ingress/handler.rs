//! (owner: ingress)
