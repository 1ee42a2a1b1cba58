"""torchao lies apart: found when it is asked for, and by nobody else."""

import subprocess
import sys

import pytest

from helpers.chapters.torchao_apart import FOLDER, load_torchao


def test_where_it_is_missing_the_error_names_the_folder_and_the_command(tmp_path):
    with pytest.raises(ModuleNotFoundError, match="make setup") as error:
        load_torchao(tmp_path)
    assert str(tmp_path) in str(error.value)
    assert str(tmp_path) not in sys.path


@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"torchao is not installed in {FOLDER}: make setup")
def test_it_is_imported_without_a_word_and_transformers_does_not_see_it_before():
    program = (
        "from transformers.utils import is_torchao_available as there\n"
        "assert not there()\n"
        "from helpers.chapters.torchao_apart import load_torchao\n"
        "print(load_torchao().quantization.quantize_.__name__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120
    )
    assert (run.stdout, run.stderr) == ("quantize_\n", "")
