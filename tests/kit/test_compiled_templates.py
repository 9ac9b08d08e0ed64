"""Processes read the code of templates that `build_assets` wrote."""

from jinja2 import DictLoader, Environment

from app.kit import compiled_templates
from app.kit.compiled_templates import CompiledTemplates


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
    for content in (b"", file.read_bytes()[:-5], b"rubbish"):
        file.write_bytes(content)
        pages, _mails = environments({"page.html": "A"}, tmp_path)
        assert pages.get_template("page.html").render() == "A"


def test_the_command_compiles_every_template(app, tmp_path, monkeypatch):
    monkeypatch.setattr(compiled_templates, "FOLDER", tmp_path)
    monkeypatch.setattr("app.kit.assets.build", lambda _app: None)
    result = app.test_cli_runner().invoke(args=["build_assets"])
    assert result.exit_code == 0, result.output
    assert len([*tmp_path.iterdir()]) == len(app.jinja_env.list_templates())
