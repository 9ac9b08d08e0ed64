"""Serve Django's admin for the kit's users: the default at /admin/, tuned at /tuned/, an export.

At /api/users, Django REST framework serves them to programs.

`python -m benchmarks.peers.django_admin prepare` creates Django's own tables and an administrator.
`… tune` creates the index for the tuned admin. gunicorn serves `application`.
"""

import csv
import os
import sys
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

COLUMNS = (
    "email", "first_name", "last_name", "role", "confirmed", "created_at", "last_seen_at",
)  # fmt: skip
SEARCHED = ("email", "first_name", "last_name")
PROJECT_COLUMNS = ("name", "owner", "status", "budget", "hours", "due_on", "created_at")


def database(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "/" + parts.path.lstrip("/"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"},
        }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": None,
    }


settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": database(os.environ["DATABASE_URL"])},
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
        "rest_framework",
        "rest_framework.authtoken",
        "benchmarks.peers",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="/static/",
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAdminUser"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.LimitOffsetPagination",
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)
django.setup()

# Django must be set up before these imports.
from django.contrib import admin  # noqa: E402
from django.contrib.auth.decorators import login_required  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.paginator import Paginator  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.http import HttpRequest, StreamingHttpResponse  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import filters, generics, serializers  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

from benchmarks.peers.models import Person, Project, Role  # noqa: E402


class PersonAdmin(admin.ModelAdmin):
    """A model admin with the first options in Django's documentation."""

    list_display = COLUMNS
    list_filter = ("role", "confirmed")
    search_fields = SEARCHED


class EstimatingPaginator(Paginator):
    """Uses the engine's estimate of the number of rows, unless a filter requires a count."""

    @property
    def count(self) -> int:
        if self.object_list.query.where:
            return super().count
        query = "SELECT max(id) FROM users"
        if connection.vendor == "postgresql":
            query = "SELECT reltuples::bigint FROM pg_class WHERE relname = 'users'"
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0] or 0


class TunedPersonAdmin(PersonAdmin):
    """A model admin with the usual advice for large tables."""

    show_full_result_count = False
    paginator = EstimatingPaginator


class ProjectAdmin(admin.ModelAdmin):
    """A model admin of a table that `manage.py new` wrote."""

    list_display = PROJECT_COLUMNS
    list_filter = ("status",)
    search_fields = ("name", "notes")


admin.site.register(Person, PersonAdmin)
admin.site.register(Project, ProjectAdmin)
tuned = admin.AdminSite(name="tuned")
tuned.register(Person, TunedPersonAdmin)


class RoleSerializer(serializers.ModelSerializer):
    class Meta:
        model = Role
        fields = ("id", "name")


class PersonSerializer(serializers.ModelSerializer):
    role = RoleSerializer()

    class Meta:
        model = Person
        fields = ("id", *COLUMNS)


class PeopleView(generics.ListAPIView):
    """A list with the classes that the documentation of Django REST framework begins with."""

    queryset = Person.objects.select_related("role").order_by("-created_at", "-id")
    serializer_class = PersonSerializer
    filter_backends = (filters.SearchFilter,)
    search_fields = SEARCHED


class Echo:
    def write(self, value: str) -> str:
        return value


@login_required(login_url="/admin/login/")
def export(_request: HttpRequest) -> StreamingHttpResponse:
    """Stream all users with iterator(), as Django's documentation does for large CSV files."""
    people = Person.objects.select_related("role")
    return streamed(people, COLUMNS)


@login_required(login_url="/admin/login/")
def export_projects(_request: HttpRequest) -> StreamingHttpResponse:
    columns = (*PROJECT_COLUMNS, "notes")
    return streamed(Project.objects.select_related("owner"), columns)


def streamed(rows: QuerySet, columns: tuple[str, ...]) -> StreamingHttpResponse:
    writer = csv.writer(Echo())

    def lines() -> Iterator[str]:
        yield writer.writerow(columns)
        for row in rows.order_by("pk").iterator(2000):
            yield writer.writerow([getattr(row, column) for column in columns])

    return StreamingHttpResponse(lines(), content_type="text/csv")


urlpatterns = [
    path("admin/", admin.site.urls),
    path("tuned/", tuned.urls),
    path("api/users", PeopleView.as_view()),
    path("export.csv", export),
    path("projects.csv", export_projects),
]
# Django serves no files without DEBUG, except by the handler of its development server.
application = StaticFilesHandler(get_wsgi_application())


def prepare() -> None:
    call_command("migrate", verbosity=0)
    password = os.environ["ADMIN_PASSWORD"]
    administrator = User.objects.create_superuser("administrator", password=password)
    Token.objects.create(user=administrator, key=password)


def tune() -> None:
    if connection.vendor == "postgresql":
        # icontains compares UPPER(column), for which a plain trigram index does not work.
        columns = ", ".join(f"upper({column}::text) gin_trgm_ops" for column in SEARCHED)
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE INDEX peers_search ON users USING gin ({columns})")


if __name__ == "__main__":
    sys.exit({"prepare": prepare, "tune": tune}[sys.argv[1]]())
