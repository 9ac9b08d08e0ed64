"""Define Django models for the kit's tables, which the kit's migrations manage."""

from django.db import models


class Role(models.Model):
    name = models.CharField(max_length=64)

    class Meta:
        managed = False
        db_table = "roles"

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    first_name = models.CharField(max_length=64)
    last_name = models.CharField(max_length=64)
    email = models.CharField(max_length=254)
    role = models.ForeignKey(Role, models.DO_NOTHING, null=True)
    confirmed = models.BooleanField()
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "users"
        verbose_name_plural = "people"
