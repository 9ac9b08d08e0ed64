"""The folder of compiled templates, which the processes of a test run share."""

import os
from pathlib import Path

import pytest

from tests import compiled_templates


@pytest.fixture
def another_run(monkeypatch, tmp_path):
    """Let a run begin that keeps its folder in `tmp_path`, and return that."""
    monkeypatch.delenv(compiled_templates.VARIABLE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_process_that_made_the_folder_removes_it(another_run):
    remove = compiled_templates.make_folder()
    remove_in_another_process = compiled_templates.make_folder()
    folder = Path(os.environ[compiled_templates.VARIABLE])
    (folder / "template.cache").touch()

    remove_in_another_process()
    assert [*another_run.iterdir()] == [folder]

    remove()
    assert [*another_run.iterdir()] == []
    assert compiled_templates.VARIABLE not in os.environ


def test_processes_share_the_folder_of_the_one_that_shares_out_the_tests(request):
    is_shared_out = hasattr(request.config, "workerinput")
    process = os.getppid() if is_shared_out else os.getpid()
    folder = Path(os.environ[compiled_templates.VARIABLE])
    assert folder.name.startswith(f"compiled-templates-{process}-")
