"""Passkeys, with which users sign in by fingerprint, face or screen lock (WebAuthn)."""
