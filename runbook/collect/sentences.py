"""What is said of a file of which nothing, or nothing that counts, was read. No word in it is from outside."""

UNCLEAR = "It is not clear what this file is; it was not judged."
UNTOLD = "Nothing in it was recognised."
COMPLAINT = "Somebody tells of a trouble here, and nothing that was handed over shows it happen."
FAILING = "It has words of a failure, and nothing in it was recognised: please read it."
OURS = frozenset({UNCLEAR, UNTOLD, COMPLAINT, FAILING})
"""A password may be a word of these, "nothing": they stay as they are."""
