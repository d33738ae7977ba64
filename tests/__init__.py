"""The tests: each folder asks one kind of question (CONTRIBUTING.md has the table)."""
