"""Tests of L{smartdyn.support}."""
