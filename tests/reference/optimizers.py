"""Optimizers as Keras 3 computes them: plain loops over parameters and gradients, in float64."""

import math


class SGD:
    """Gradient descent with optional momentum."""

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False):
        self.learning_rate, self.momentum, self.nesterov = learning_rate, momentum, nesterov
        self.velocity = None

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        if self.velocity is None:
            self.velocity = [0.0] * len(parameters)
        for k, gradient in enumerate(gradients):
            step = -self.learning_rate * float(gradient)
            self.velocity[k] = self.momentum * self.velocity[k] + step
            if self.nesterov:
                parameters[k] += self.momentum * self.velocity[k] + step
            else:
                parameters[k] += self.velocity[k]


class Adam:
    """Adam with Keras's place for epsilon: beside sqrt(v), before the bias correction."""

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.beta_1, self.beta_2 = beta_1, beta_2
        self.iterations = 0
        self.momentums = self.velocities = None

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        if self.momentums is None:
            self.momentums = [0.0] * len(parameters)
            self.velocities = [0.0] * len(parameters)
        self.iterations += 1
        correction_1 = 1.0 - self.beta_1**self.iterations
        correction_2 = 1.0 - self.beta_2**self.iterations
        alpha = self.learning_rate * math.sqrt(correction_2) / correction_1
        for k, gradient in enumerate(map(float, gradients)):
            self.momentums[k] += (gradient - self.momentums[k]) * (1.0 - self.beta_1)
            self.velocities[k] += (gradient**2 - self.velocities[k]) * (1.0 - self.beta_2)
            parameters[k] -= (
                alpha * self.momentums[k] / (math.sqrt(self.velocities[k]) + self.epsilon)
            )
