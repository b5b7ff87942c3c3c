"""Ask any model any question, once: answers are kept in one ledger."""
