"""Tests of passkeys."""
