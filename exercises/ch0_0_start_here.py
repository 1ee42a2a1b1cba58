"""The warm-up exercise of 0_start_here: how many numbers a layer holds."""

from exercises import Case, Exercise


def layer_size(n_in, n_out):
    """How many numbers a layer holds. n_in, n_out: inputs and outputs, integers -> an integer."""
    return (n_in + 1) * n_out


EXERCISES = [
    Exercise(
        number="0.0.1",
        title="The numbers in a layer",
        level=1,
        minutes=3,
        points=1,
        statement=(
            "A layer holds a weight for every pair of an input and an output, and a bias for every output. "
            "Return how many numbers that is.\n\n"
            "For example `layer_size(3, 2)` is `8`, the numbers in `W` and `b` above."
        ),
        hints=(
            (
                "I don't see where 8 comes from.",
                "Write the shapes of W and b on paper and count the numbers in each of them.",
            ),
            (
                "My answer is right for the example and wrong elsewhere.",
                "Take a layer with 2 inputs and 5 outputs. How many biases does it have: as many as it has "
                "inputs, or as many as it has outputs?",
            ),
        ),
        solution=layer_size,
        cases=(
            Case("the biases forgotten, or only one of them counted", args=(3, 2), hint=0, expected=8),
            Case("a bias for every input, instead of every output", args=(2, 5), hint=1, expected=15),
            Case("a rule that fits the example only", args=(64, 10), hint=1, expected=650),
        ),
        wrong={
            "the weights without the biases": lambda n_in, n_out: n_in * n_out,
            "one bias for the whole layer": lambda n_in, n_out: n_in * n_out + 1,
            "a bias for every input": lambda n_in, n_out: n_in * n_out + n_in,
            "inputs and outputs added": lambda n_in, n_out: n_in + n_out,
            "two biases, as in the example": lambda n_in, n_out: n_in * n_out + 2,
            "the answer to the example": lambda n_in, n_out: 8,
            "printed instead of returned": lambda n_in, n_out: print((n_in + 1) * n_out),
        },
    ),
]
