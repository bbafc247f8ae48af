"""Tests of the emulated nodes."""
