//! Which rules can match an event at all: an index over each rule's most selective equality test.
