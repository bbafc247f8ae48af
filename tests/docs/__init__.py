"""The documents that are made from the code, and the checks that hold the others against it."""
