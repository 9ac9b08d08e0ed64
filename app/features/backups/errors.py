"""The errors of backups. Each message is a sentence for the operator."""


class BackupRefused(Exception):
    """Nothing is backed up or restored. The message says why, and what to do."""


class PlaceAway(BackupRefused):
    """The place for backups cannot be used."""


class ArchiveDamaged(BackupRefused):
    """The archive is not whole, or is not what it says."""
