"""The law of the house, checked: shape, imports, docs, purity. Fast, and first in CI."""
