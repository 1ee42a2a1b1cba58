"""The warm-up exercise of 0_start_here: how many numbers a layer holds."""

from exercises import Case, Exercise


def layer_size(n_in, n_out):
    """How many numbers a layer holds. n_in, n_out: inputs and outputs, integers -> an integer."""
    return (n_in + 1) * n_out


EXERCISES = [
    Exercise(
        "0.0.1",
        level=1,
        minutes=3,
        points=1,
        solution=layer_size,
        cases=(
            Case(args=(3, 2), expected=8, name="the biases forgotten, or only one of them counted"),
            Case(args=(2, 5), expected=15, name="a bias for every input, instead of every output"),
            Case(args=(64, 10), expected=650, name="a rule that fits the example only"),
        ),
        wrong={
            "the_weights_without_the_biases": (lambda n_in, n_out: n_in * n_out, 0),
            "one_bias_for_the_whole_layer": (lambda n_in, n_out: n_in * n_out + 1, 0),
            "a_bias_for_every_input": (lambda n_in, n_out: n_in * n_out + n_in, 0),
            "inputs_and_outputs_added": (lambda n_in, n_out: n_in + n_out, 0),
            "two_biases_as_in_the_example": (lambda n_in, n_out: n_in * n_out + 2, 1),
            "the_answer_to_the_example": (lambda n_in, n_out: 8, 1),
            "printed_instead_of_returned": (lambda n_in, n_out: print((n_in + 1) * n_out), 0),
        },
    ),
]
