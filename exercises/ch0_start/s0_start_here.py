"""The warm-up exercise of 0_start_here: how many numbers a layer holds. The words: s0_start_here.en.md."""

from exercises import Case, Exercise


def layer_size(n_in, n_out):
    """How many numbers a layer holds. n_in, n_out: inputs and outputs, integers -> an integer."""
    return (n_in + 1) * n_out


def draw_layer(rng):
    return tuple(rng.integers(1, 40, size=2).tolist())


def forgets_the_biases(n_in, n_out):
    return n_in * n_out


def takes_one_bias_for_the_whole_layer(n_in, n_out):
    return n_in * n_out + 1


def takes_a_bias_for_every_input(n_in, n_out):
    return n_in * n_out + n_in


def adds_inputs_and_outputs(n_in, n_out):
    return n_in + n_out


def takes_two_biases_as_in_the_example(n_in, n_out):
    return n_in * n_out + 2


def returns_the_number_of_the_example(n_in, n_out):
    return 8


def prints_instead_of_returning(n_in, n_out):
    print((n_in + 1) * n_out)


EXERCISES = (
    Exercise(
        "0.0.1",
        level=1,
        minutes=3,
        points=1,
        solution=layer_size,
        cases=(
            Case((3, 2), expected=8, name="the biases forgotten, or only one of them counted"),
            Case((2, 5), expected=15, name="a bias for every input, instead of every output"),
            Case((64, 10), expected=650, name="a rule that fits the example only"),
        ),
        wrong={
            forgets_the_biases: 0,
            takes_one_bias_for_the_whole_layer: 0,
            takes_a_bias_for_every_input: 1,
            adds_inputs_and_outputs: 0,
            takes_two_biases_as_in_the_example: 1,
            returns_the_number_of_the_example: 1,
            prints_instead_of_returning: None,
        },
        draw=draw_layer,
    ),
)
