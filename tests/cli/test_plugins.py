"""Other packages add commands; a broken one costs a warning."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
import typer

from treadle.cli import plugins


@pytest.fixture
def installed(monkeypatch):
    def install(**commands):
        points = []
        for name, value in commands.items():
            module = ModuleType(f"plugin_{name}")
            module.app = value
            monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
            points.append(EntryPoint(name, f"{module.__name__}:app", plugins.GROUP))
        monkeypatch.setattr(plugins, "entry_points", lambda *, group: points)
        return points

    return install


def hello_app():
    app = typer.Typer()

    @app.command()
    def hello(name: str):
        """Say hello."""
        print("hello", name)

    return app


def test_a_command_of_another_package_runs_and_is_listed(treadle_command, installed):
    installed(greet=hello_app())
    assert treadle_command("greet", "you") == (0, ["hello you"], "")
    code, out, _ = treadle_command("--help")
    assert code == 0
    assert any(line.split() == ["greet", "Say", "hello."] for line in out)


def test_a_broken_one_is_a_warning_and_our_commands_go_on(treadle_command, installed):
    points = installed(odd=object())
    points.append(EntryPoint("gone", "treadle_nothing:app", plugins.GROUP))
    code, out, err = treadle_command("--help")
    assert code == 0
    assert any(line.split()[:1] == ["map"] for line in out)
    assert "warning: the command 'gone' of treadle_nothing:app cannot be used" in err
    assert "is no typer.Typer" in err


def test_they_are_not_loaded_for_other_commands(treadle_command, installed, monkeypatch):
    installed(odd=object())
    monkeypatch.setattr(plugins, "_load", lambda point: pytest.fail(f"loaded {point.name}"))
    assert treadle_command("map", "mine.py:size", "nowhere")[0] == 2
