"""Files in wheels: found without running their packages, and compared before they are read."""

import sys

import pytest

from helpers.chapters.wheels import wheel_file

SUM = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"  # of the five letters hello


def package(folder, name="read_only_files", content=b"hello"):
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("raise SystemExit('the code of this package was run')")
    (folder / name / "text.txt").write_bytes(content)
    return name


def test_a_file_is_found_in_the_folder_of_files_and_no_code_is_run(tmp_path):
    name = package(tmp_path)
    assert wheel_file(name, "text.txt", SUM, tmp_path) == tmp_path / name / "text.txt"
    assert name not in sys.modules


def test_a_file_is_found_among_the_packages_and_no_code_is_run(tmp_path, monkeypatch):
    name = package(tmp_path / "packages")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    assert wheel_file(name, "text.txt", SUM, tmp_path / "none").read_bytes() == b"hello"
    assert name not in sys.modules


def test_a_missing_file_is_refused_with_the_command_that_installs_it(tmp_path):
    name = package(tmp_path)
    for wanted, file in ((name, "other.txt"), ("no_such_package_here", "text.txt")):
        with pytest.raises(FileNotFoundError, match=r"--target .* -r requirements-files\.txt") as error:
            wheel_file(wanted, file, SUM, tmp_path)
        assert f"{wanted}/{file} is not installed" in str(error.value)


def test_another_file_is_refused_by_its_checksum(tmp_path):
    name = package(tmp_path, content=b"hellO")
    with pytest.raises(ValueError, match=r"text\.txt: 5 bytes with sha256 .*, expected 2cf24dba"):
        wheel_file(name, "text.txt", SUM, tmp_path)
