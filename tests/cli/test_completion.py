"""Completion: the scripts, where they are installed, and what they answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine
from tests.support.programs import find

_ROOT = Path(__file__).parents[2]
_PROGRAM = (
    "import atexit, sys\n"
    "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    "from ca_service.app import main\n"
    "main()\n"
)


def completed(*words: str, shell: str = "bash") -> tuple[list[str], set[str]]:
    """Return what the command answers a shell for the last word, and the modules that it imported."""
    environ = os.environ | {
        "PYTHONPATH": str(_ROOT),
        "_CA_SERVICE_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": " ".join(("ca-service", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environ, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.splitlines(), set(done.stderr.split())


def test_commands_are_completed_without_being_imported() -> None:
    found, loaded = completed("re")
    assert found == ["plain,requests", "plain,renew", "plain,revoke", "plain,release"]
    assert not {name for name in loaded if name.startswith("ca_service.cli.re")}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--inst",), "plain,--instance"),
        (("cluster", "bu"), "plain,bundle"),
        (("sign", "--add"), "plain,--add-host-name"),
        (("sign", "--format", "p7"), "plain,p7b"),
        (("sign", "uccx"), "file,uccx"),
        (("fit", "--chain", "ro"), "file,ro"),
        (("--token-file", "to"), "file,to"),
    ],
)
def test_names_options_values_and_files_are_completed(words: tuple[str, ...], wanted: str) -> None:
    assert completed(*words)[0] == [wanted]


def test_bash_completes_with_the_script(new_ca: CommandLine, here: Path) -> None:
    program = here / "ca-service"
    program.write_text(f"#!{sys.executable}\nfrom ca_service.app import main\nmain()\n")
    program.chmod(0o755)
    (here / "script").write_text(new_ca("completion", "bash").stdout)
    typed = "COMP_WORDS=(ca-service clu); COMP_CWORD=1; _ca_service_completion ca-service; echo ${COMPREPLY[@]}"
    environ = os.environ | {"PYTHONPATH": str(_ROOT), "PATH": f"{here}:{os.environ['PATH']}"}
    shell = [find("bash"), "--norc", "-c", f"source ./script; complete -p ca-service; {typed}"]
    done = subprocess.run(shell, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["complete -o nosort -F _ca_service_completion ca-service", "cluster"]


@pytest.mark.parametrize(
    ("shell", "place", "part"),
    [
        ("bash", "data/bash-completion/completions/ca-service", "complete -o nosort"),
        ("zsh", "data/zsh/site-functions/_ca-service", "#compdef ca-service"),
        ("fish", "config/fish/completions/ca-service.fish", "complete --no-files --command ca-service"),
    ],
)
def test_a_script_is_installed_where_its_shell_looks_for_it(
    new_ca: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch, shell: str, place: str, part: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(here / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "config"))
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    answer = new_ca.answer("completion", "--install")
    assert answer["file"] == str(here / place)
    assert part in answer["script"]
    assert (here / place).read_text().rstrip() == answer["script"].rstrip()


def test_another_script_there_is_not_replaced_unless_wanted(
    new_ca: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here))
    place = here / "fish/completions/ca-service.fish"
    place.parent.mkdir(parents=True)
    place.write_text("my own")
    assert new_ca.rule("completion", "fish", "--install", code=1) == "file.exists"
    assert place.read_text() == "my own"
    assert new_ca("completion", "fish", "--install", "--force").exit_code == 0


def test_without_xdg_the_folders_of_the_home_are_used(
    new_ca: CommandLine, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(here))
    new_ca.answer("completion", "zsh", "--install")
    new_ca.answer("completion", "fish", "--install")
    assert (here / ".local/share/zsh/site-functions/_ca-service").is_file()
    assert (here / ".config/fish/completions/ca-service.fish").is_file()


def test_an_unknown_shell_has_to_be_named(new_ca: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")
    assert new_ca.rule("completion", code=2) == "usage"
    assert "Name the shell: bash, zsh, fish." in new_ca("completion").stderr
