import numpy as np
import pytest

from tests.reference.activations import ACTIVATIONS
from tests.reference.finite_differences import gradient


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivative(name):
    forward, derivative = ACTIVATIONS[name]
    # No point lies within a step of a kink (0, 1, 2.5, 3 and 6).
    z = np.linspace(-8.0, 8.0, 40)
    expected = gradient(lambda: forward(z).sum(), z)
    np.testing.assert_allclose(
        derivative(z), expected, rtol=1e-7, atol=1e-9 * max(1.0, np.abs(expected).max())
    )


@pytest.mark.parametrize(
    ("name", "at_minus_1", "at_2"),
    [
        ("tanh", -0.7615941559557649, 0.9640275800758169),
        ("sigmoid", 0.2689414213699951, 0.8807970779778823),
        ("hard_sigmoid", 1 / 3, 5 / 6),
        ("hard_sigmoid_keras2", 0.3, 0.9),
        ("relu", 0.0, 2.0),
        ("elu", -0.6321205588285577, 2.0),
        ("softplus", 0.3132616875182228, 2.1269280110429725),
        ("softsign", -0.5, 2 / 3),
        ("gelu", -0.15865525393145707, 1.9544997361036416),
        ("silu", -0.2689414213699951, 1.7615941559557646),
        ("linear", -1.0, 2.0),
        ("gelu_tanh", -0.15880800939172324, 1.954597694087775),
        ("hard_silu", -1 / 3, 5 / 3),
        ("mish", -0.30340146137410895, 1.9439589595339946),
        ("log_sigmoid", -1.3132616875182228, -0.1269280110429725),
        ("exponential", 0.36787944117144233, 7.38905609893065),
        ("relu6", 0.0, 2.0),
        ("leaky_relu", -0.2, 2.0),
        ("hard_tanh", -1.0, 1.0),
        ("selu", -1.1113307378125625, 2.101401974710961),
    ],
)
def test_values(name, at_minus_1, at_2):
    forward, _ = ACTIVATIONS[name]
    np.testing.assert_allclose(forward(np.array([-1.0, 2.0])), [at_minus_1, at_2], rtol=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_inputs_stay_finite(name):
    z = np.array([-1e4, -745.0, 745.0, 1e4])
    for function in ACTIVATIONS[name]:
        assert np.isfinite(function(z)).all()
