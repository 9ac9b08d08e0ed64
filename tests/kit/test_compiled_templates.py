"""Processes read the code of templates that `build_assets` wrote."""

from functools import partial
from pathlib import Path

from jinja2 import DictLoader, Environment, FileSystemLoader

from app.kit import compiled_templates
from app.kit.compiled_templates import CompiledTemplates
from app.kit.mail import templates

# Files that editors and file managers leave beside templates.
NO_TEMPLATES = (
    *(".DS_Store", "Thumbs.db", "._page.html", ".page.html.swp", ".#page.html", "#page.html#"),
    *("page.html~", "page.html.orig", "picture.png"),
)


def environments(texts, folder):
    """Return environments of pages and of mails as a new process has them."""
    kept = CompiledTemplates(folder)
    pages = Environment(loader=DictLoader(texts), bytecode_cache=kept, autoescape=True)
    return pages, pages.overlay(trim_blocks=True, lstrip_blocks=True)


def test_a_process_compiles_what_has_changed_alone(tmp_path, monkeypatch):
    compiled = []
    compile_template = Environment.compile

    def compile_and_note(self, source, name=None, *arguments):
        compiled.append(name)
        return compile_template(self, source, name, *arguments)

    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    texts = {
        "page.html": "{% if 1 %}\nA\n{% endif %}",
        "emails/a.txt": "{% if 1 %}\nB\n{% endif %}",
    }
    pages, mails = environments(texts, tmp_path)
    compiled_templates.write(pages, mails)
    written = sorted(tmp_path.iterdir())
    assert len(written) == 2
    assert all(path.stat().st_mode & 0o777 == 0o644 for path in written)

    monkeypatch.setattr(Environment, "compile", compile_and_note)
    pages, mails = environments(texts, tmp_path)
    assert pages.get_template("page.html").render() == "\nA\n"
    assert mails.get_template("emails/a.txt").render() == "B\n"
    assert compiled == []

    changed = {**texts, "page.html": "C"}
    for _ in range(2):
        pages, _mails = environments(changed, tmp_path)
        assert pages.get_template("page.html").render() == "C"
    assert compiled == ["page.html", "page.html"]  # Processes write nothing.
    assert sorted(tmp_path.iterdir()) == written


def test_code_that_is_cut_off_is_compiled_again(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    pages, mails = environments({"page.html": "A"}, tmp_path)
    compiled_templates.write(pages, mails)
    (file,) = tmp_path.iterdir()
    code = file.read_bytes()
    for content in (b"", code[:15], code[:40], code[:-5], b"rubbish"):
        file.write_bytes(content)
        pages, _mails = environments({"page.html": "A"}, tmp_path)
        assert pages.get_template("page.html").render() == "A"


def test_a_build_leaves_nothing_of_what_came_before(tmp_path, monkeypatch):
    """A former release, a template that is gone, and a build that was cut off leave files."""
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    monkeypatch.setattr(compiled_templates, "COMPILER", "an older Jinja")
    compiled_templates.write(*environments({"page.html": "A", "gone.html": "B"}, tmp_path))
    monkeypatch.undo()
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    (tmp_path / "__jinja2_1.cache.tmp").touch()
    older = {*tmp_path.iterdir()}
    compiled_templates.write(*environments({"page.html": "A"}, tmp_path))
    (file,) = tmp_path.iterdir()
    assert file not in older


def test_a_filter_runs_in_the_process_that_renders(app, tmp_path):
    """Also one of a constant, which Jinja calls as it compiles: settings may differ there."""
    texts = {"page.html": "{{ 'a'|sign }}{{ 'a'|sign ~ 1 }}{% set b = 'a'|sign %}{{ b }}"}
    shown = []
    for sign in ("old", "new"):
        options = {
            **app.jinja_options,
            "bytecode_cache": CompiledTemplates(tmp_path, may_write=True),
        }
        pages = app.jinja_environment(app, loader=DictLoader(texts), **options)
        pages.filters["sign"] = lambda _value, sign=sign: sign
        shown.append(pages.get_template("page.html").render())
    assert shown == ["oldold1old", "newnew1new"]
    assert len([*tmp_path.iterdir()]) == 1


def test_code_is_for_the_way_of_escaping_that_is_asked_for(tmp_path):
    for escapes, expected in ((False, "<"), (True, "&lt;")):
        kept = CompiledTemplates(tmp_path, may_write=True)
        pages, _mails = environments({"page.html": "{{ text }}"}, tmp_path)
        pages.autoescape, pages.bytecode_cache = escapes, kept
        assert pages.get_template("page.html").render(text="<") == expected


def test_builds_at_the_same_time_succeed(tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    texts = {f"{number}.html": "A" for number in range(3)}
    chmod = Path.chmod

    def renamed_meanwhile(self, mode):
        if self.suffix == ".tmp":
            self.unlink()
        chmod(self, mode)

    (tmp_path / "0.tmp").touch()
    monkeypatch.setattr(Path, "chmod", renamed_meanwhile)
    compiled_templates.write(*environments(texts, tmp_path))
    assert len([*tmp_path.iterdir()]) == 3


def test_a_worker_passes_over_what_is_no_template(app, tmp_path, monkeypatch):
    """Its start ended with a UnicodeDecodeError, or the syntax error of a backup."""
    folder = tmp_path / "emails" / "welcome"
    folder.mkdir(parents=True)
    for name in NO_TEMPLATES:
        (folder / name).write_bytes(b"\xff{% if %}")
    (folder / "body.html").write_text("A")
    monkeypatch.setattr(app.jinja_env, "loader", FileSystemLoader(tmp_path))
    monkeypatch.delitem(app.extensions, "email_templates", raising=False)
    templates.load_templates()
    assert [name for _, name in templates.environment().cache] == ["emails/welcome/body.html"]
    app.extensions.pop("email_templates", None)


def test_the_command_says_which_template_is_wrong(app, tmp_path, monkeypatch):
    """Files that editors and file managers leave beside templates are none."""
    folder = tmp_path / "templates"
    folder.mkdir()
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path / "compiled")
    monkeypatch.setattr("app.kit.assets.build", lambda _app: None)
    monkeypatch.setattr(app.jinja_env, "loader", FileSystemLoader(folder))
    monkeypatch.delitem(app.extensions, "email_templates", raising=False)
    for name in NO_TEMPLATES:
        (folder / name).write_bytes(b"\xff{% if %}")
    build = partial(app.test_cli_runner().invoke, args=["build_assets"])
    result = build()
    assert result.exit_code == 0, result.output
    for content, problem in (
        (b"A\n{% if %}", "page.html, line 2: Expected an expression"),
        (b"\xff", "page.html, line 1: This is not UTF-8."),
    ):
        (folder / "page.html").write_bytes(content)
        result = build()
        assert result.exit_code == 1
        assert problem in result.output
    app.extensions.pop("email_templates", None)


def test_a_folder_that_cannot_be_written_fails_no_build(app, tmp_path, monkeypatch):
    """As the folder `__pycache__` that root made before."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path / "file" / "templates")
    monkeypatch.setattr("app.kit.assets.build", lambda _app: None)
    result = app.test_cli_runner().invoke(args=["build_assets"])
    assert result.exit_code == 0, result.output
    assert "Each process compiles the templates itself" in result.output


def test_the_command_compiles_every_template(app, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    monkeypatch.setattr("app.kit.assets.build", lambda _app: None)
    result = app.test_cli_runner().invoke(args=["build_assets"])
    assert result.exit_code == 0, result.output
    found = app.jinja_env.list_templates(filter_func=compiled_templates.is_template)
    assert len([*tmp_path.iterdir()]) == len(found)
