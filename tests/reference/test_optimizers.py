import numpy as np
import pytest

from tests.reference.optimizers import SGD, Adam


def run(optimizer, gradients):
    parameters = np.ones(np.shape(gradients)[1])
    steps = []
    for gradient in gradients:
        optimizer.update(parameters, gradient)
        steps.append(parameters.copy())
    return np.array(steps)


def test_sgd_values_published_by_keras():
    """From sgd_test.py, test_correctness_with_golden."""
    steepness = np.arange(0.1, 1.1, 0.1)
    golden = [0.9999 - 0.01 * steps * steepness for steps in range(5)]
    found = run(SGD(0.01, nesterov=True), [np.full(10, 0.01), *[steepness] * 4])
    np.testing.assert_allclose(found, golden, rtol=1e-14)


def test_momentum_by_hand():
    gradients = [[1.0], [1.0]]
    np.testing.assert_allclose(run(SGD(0.1, 0.9), gradients), [[0.9], [0.71]])
    np.testing.assert_allclose(run(SGD(0.1, 0.9, nesterov=True), gradients), [[0.81], [0.539]])


def test_adam_values_published_by_keras():
    """From adam_test.py: test_single_step and (amsgrad makes no difference) test_..._golden."""
    parameters = np.array([1.0, 2.0, 3.0, 4.0])
    Adam(learning_rate=0.5).update(parameters, [1.0, 6.0, 7.0, 2.0])
    np.testing.assert_allclose(parameters, [0.5, 1.5, 2.5, 3.5], rtol=1e-4)
    gradients = [np.full(10, 0.01), *[np.arange(0.1, 1.1, 0.1)] * 4]
    golden = np.tile([[0.999], [0.9982], [0.9974], [0.9965], [0.9955]], (1, 10))
    np.testing.assert_allclose(run(Adam(), gradients), golden, rtol=5e-4)


def test_epsilon_stands_before_the_bias_correction():
    """With gradient = epsilon the first step tells the two places apart: 0.5 or 0.03."""
    epsilon = 1e-7
    parameters = np.zeros(1)
    Adam(learning_rate=1.0, epsilon=epsilon).update(parameters, [epsilon])
    root = np.sqrt(1.0 - 0.999)
    np.testing.assert_allclose(parameters, -root / (root + 1.0), rtol=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_beside_pytorch(nesterov):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(6, 5))
    parameter = torch.ones(5, dtype=torch.float64, requires_grad=True)
    peer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9, nesterov=nesterov)
    found = run(SGD(0.1, 0.9, nesterov), gradients)
    for gradient, row in zip(gradients, found):
        parameter.grad = torch.from_numpy(gradient)
        peer.step()
        np.testing.assert_allclose(row, parameter.detach().numpy(), rtol=1e-12)


def test_adam_beside_pytorch_where_epsilon_has_no_say():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    gradients = rng.normal(size=(6, 5))
    parameter = torch.ones(5, dtype=torch.float64, requires_grad=True)
    peer = torch.optim.Adam([parameter], lr=0.1, eps=0.0)
    found = run(Adam(0.1, epsilon=0.0), gradients)
    for gradient, row in zip(gradients, found):
        parameter.grad = torch.from_numpy(gradient)
        peer.step()
        np.testing.assert_allclose(row, parameter.detach().numpy(), rtol=1e-12)
