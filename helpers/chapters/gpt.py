"""The GPT of 5.2c, word for word (a test compares the two), for the parts that come after it."""

from torch import Tensor, nn
from torch.nn import functional as F


def split(x: Tensor, size: int) -> Tensor:
    """The D numbers of each position, cut into heads: (B, T, D) -> (B, heads, T, size)."""
    in_heads = x.unflatten(2, (-1, size))  # (B, T, heads, size)
    return in_heads.transpose(1, 2)


class Attention(nn.Module):
    """Causal attention of D numbers per position in some heads: (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        self.size = D // heads
        self.c_attn, self.c_proj = nn.Linear(D, 3 * D), nn.Linear(D, D)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of x (B, T, D), each (B, heads, T, size)."""
        q, k, v = self.c_attn(x).chunk(3, dim=2)  # each (B, T, D)
        return split(q, self.size), split(k, self.size), split(v, self.size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D); no position sees what comes after it."""
        q, k, v = self.heads(x)
        answers = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, heads, T, size)
        joined = answers.transpose(1, 2).flatten(2)  # (B, T, D)
        return self.c_proj(joined)


class MLP(nn.Module):
    """Two linear layers and GPT-2's GELU, at each position by itself: (B, T, D) -> (B, T, D)."""

    def __init__(self, D: int) -> None:
        super().__init__()
        self.c_fc, self.c_proj = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        wide = F.gelu(self.c_fc(x), approximate="tanh")  # (B, T, 4D)
        return self.c_proj(wide)


class Block(nn.Module):
    """GPT-2's block: attention, then the MLP, a layer norm before each, a shortcut round each."""

    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(D), Attention(D, heads)
        self.ln_2, self.mlp = nn.LayerNorm(D), MLP(D)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    """A GPT-2 of V tokens and windows of ``length``: tokens (B, T) -> logits of the next ones (B, T, V)."""

    def __init__(self, V: int, length: int, D: int, layers: int, heads: int) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(V, D), nn.Embedding(length, D)
        self.h = nn.ModuleList(Block(D, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(D)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, V), for T up to ``length``."""
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]  # (B, T, D)
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


def from_gpt2(state: dict[str, Tensor], heads: int) -> GPT:
    """Our GPT with the weights of a GPT-2, by their names there.

    All sizes stand in the shapes but for the number of heads. What else the state holds (stored masks, the
    output layer, which is ``wte`` again) is not needed.
    """
    V, D = state["wte.weight"].shape
    layers = sum(name.endswith("ln_1.weight") for name in state)
    gpt = GPT(V, len(state["wpe.weight"]), D, layers, heads)
    for name, weight in gpt.state_dict().items():
        matrix = ".c_" in name and name.endswith("weight")  # the library stores these transposed
        weight.copy_(state[name].T if matrix else state[name])
    return gpt.eval()
