# One image for web, worker and migrations; `docker compose up --build` runs them together.

FROM python:3.12-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /srv/app
RUN python -m venv /srv/venv
ENV PATH=/srv/venv/bin:$PATH
COPY requirements/installer.txt requirements/common.txt requirements/
RUN pip install --require-hashes -r requirements/installer.txt \
    && pip install --no-build-isolation --require-hashes -r requirements/common.txt
COPY . .
# Building needs no secret; naming a key keeps one from being made and left in the image.
RUN FLASK_CONFIG=development SECRET_KEY=none-needed-to-build python manage.py build_assets
# Nothing can write bytecode later: each process would compile the code anew as it starts.
RUN python -m compileall -q app settings *.py

FROM python:3.12-slim
ENV PATH=/srv/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 FLASK_CONFIG=unix PORT=8000
# pg_dump, pg_restore and psql of the feature `backups`, of the version of compose.yaml's server.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /srv/app --no-create-home app
COPY --from=build /srv/venv /srv/venv
COPY --from=build /srv/app /srv/app
WORKDIR /srv/app
# The image of Python has no bytecode of the standard library: this writes that of the modules in use.
RUN PYTHONDONTWRITEBYTECODE= FLASK_CONFIG=development SECRET_KEY=none-needed-to-build python -c "from manage import app"
# Everything above belongs to root; only what the application writes is its own.
RUN install -d -m 700 -o app -g app instance files
# By number, so that Kubernetes can tell that it is not root.
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
    CMD ["python", "scripts/healthcheck.py"]
CMD ["gunicorn", "-c", "gunicorn.conf.py", "--bind", "0.0.0.0:8000", "manage:app"]
