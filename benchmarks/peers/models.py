"""Define Django models for tables that the kit's migrations manage."""

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

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class Project(models.Model):
    """A row of the table that `manage.py new` writes for benchmarks/declared_table.py."""

    name = models.CharField(max_length=200)
    owner = models.ForeignKey(Person, models.DO_NOTHING)
    status = models.CharField(
        max_length=6, choices=[(one, one.title()) for one in ("draft", "active", "done")]
    )
    budget = models.BigIntegerField()
    hours = models.IntegerField()
    due_on = models.DateField()
    notes = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "projects"
