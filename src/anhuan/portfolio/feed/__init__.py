"""A bank's nightly delivery: from files in the bank's own form to typed rows and findings."""
