"""The page of proofs, written from what the runs have left."""
