"""For 5.2e: a small GPT of the reader's own text, kept in a file, and the program that writes with it.

    python -m helpers.chapters.my_gpt my_gpt --prompt "The room "

``my_gpt`` is the folder in which 5.2e has kept a model. The file holds the weights, and in its metadata the
alphabet and the number of heads; nothing in it can be executed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from helpers.chapters.gpt import GPT
from helpers.files import replacing

FILE = "gpt.safetensors"
SHORTEST = 2_000  # characters of a text to learn from; a tenth of them is held out


def own_text(path: str | Path) -> tuple[str, str]:
    """The text of a file in UTF-8: its first nine tenths to learn from, the rest to judge by.

    Raises FileNotFoundError, and ValueError for another encoding or fewer than 2,000 characters.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: OWN_TEXT must be the path of a text file, or None")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not in UTF-8 (byte {error.start}): open it in an editor and save it as UTF-8"
        ) from None
    if len(text) < SHORTEST:
        raise ValueError(
            f"{path} has {len(text):,} characters: at least {SHORTEST:,} are needed, better 100,000"
        )
    cut = len(text) * 9 // 10
    return text[:cut], text[cut:]


def keep(gpt: GPT, alphabet: Sequence[str], heads: int, folder: str | Path) -> Path:
    """Write the weights of a GPT, its alphabet and its number of heads to folder/gpt.safetensors, whole."""
    about = {"alphabet": json.dumps([*alphabet]), "heads": str(heads)}
    with replacing(Path(folder) / FILE) as file:
        save_file(gpt.state_dict(), file, metadata=about)
    return Path(folder) / FILE


def load_kept(folder: str | Path) -> tuple[GPT, list[str]]:
    """The GPT that ``keep`` wrote, and its alphabet.

    Raises FileNotFoundError, and ValueError for a file of another kind or of another model.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {FILE} in the folder {folder}: run 5.2e, which writes one to FOLDER"
        )
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is no safetensors file ({error}): keep the model again") from None
    try:
        alphabet = json.loads(about["alphabet"])
        V, D = weights["wte.weight"].shape
        layers = sum(name.endswith("ln_1.weight") for name in weights)
        gpt = GPT(V, len(weights["wpe.weight"]), D, layers, int(about["heads"]))
        gpt.load_state_dict(weights)
    except (KeyError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"{path} is a file of another model ({reason}): it needs the weights of the GPT of 5.2c, and "
            "alphabet and heads in its metadata, as `keep` writes them"
        ) from None
    if len(alphabet) != V:
        raise ValueError(f"{path} is a file of another model: {V} tokens, but {len(alphabet)} characters")
    return gpt.eval(), alphabet


def numbers_of(text: str, alphabet: Sequence[str]) -> Tensor:
    """The numbers of the characters of a text (T,). Raises ValueError for characters the model never read."""
    if not text:
        raise ValueError("the prompt is empty: the model goes on after at least one character")
    place = {character: number for number, character in enumerate(alphabet)}
    if unknown := sorted({*text} - {*place}):
        raise ValueError(
            f"the model has never read {', '.join(map(repr, unknown))}: leave out what is not in "
            f"its alphabet, {''.join(alphabet)!r}"
        )
    return torch.tensor([place[character] for character in text])


@torch.no_grad()
def write(
    gpt: GPT,
    ids: Tensor,
    length: int,
    choose: Callable[[Tensor], Tensor] = lambda logits: logits,
    seed: int = 0,
) -> Tensor:
    """Go on after tokens (T,) by ``length`` drawn ones -> (T + length,); ``choose`` may change the logits."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(length):
        window = ids[-len(gpt.wpe.weight) :]
        logits = gpt(window[None])[0, -1]  # of what comes after the last token
        p = choose(logits).softmax(0)
        drawn = torch.multinomial(p, 1, generator=generator)
        ids = torch.cat([ids, drawn])
    return ids


def main(arguments: Sequence[str] | None = None) -> int:
    """Load a kept GPT and let it write. Exit status 2 with one line on stderr where that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m helpers.chapters.my_gpt", description=main.__doc__)
    parser.add_argument("folder", help="the folder in which 5.2e has kept the model")
    parser.add_argument("--prompt", default="The ", help="what the text begins with")
    parser.add_argument("--length", type=int, default=200, help="so many characters more (default: 200)")
    parser.add_argument("--temperature", type=float, default=0.7, help="above 0 (default: 0.7)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, another text (default: 0)")
    given = parser.parse_args(arguments)
    if not given.temperature > 0 or given.length < 1:
        parser.error("--temperature must be above 0 and --length at least 1")
    try:
        gpt, alphabet = load_kept(given.folder)
        ids = numbers_of(given.prompt, alphabet)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    torch.set_num_threads(1)
    written = write(gpt, ids, given.length, lambda logits: logits / given.temperature, given.seed)
    print("".join(alphabet[number] for number in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
