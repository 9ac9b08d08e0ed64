"""The pages of visitors and users with passkeys. Importing this package registers them."""

from app.features.passkeys.account import managing, registering

__all__ = ["managing", "registering"]
