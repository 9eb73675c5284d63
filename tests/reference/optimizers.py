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

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False):
        self.learning_rate, self.epsilon = learning_rate, epsilon
        self.largest = {} if amsgrad else None
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
            velocity = self.velocities[k]
            if self.largest is not None:
                velocity = self.largest[k] = max(velocity, self.largest.get(k, 0.0))
            parameters[k] -= alpha * self.momentums[k] / (math.sqrt(velocity) + self.epsilon)


class _Rule:
    """Settings by name, and moments that begin with one number."""

    def __init__(self, *settings):
        self.settings, self.iterations, self.moments = settings, 0, {}

    def moment(self, name, parameters, start=0.0):
        return self.moments.setdefault(name, [start] * len(parameters))


class Nadam(_Rule):
    """learning_rate, beta_1, beta_2, epsilon."""

    product = 1.0

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, beta_1, beta_2, epsilon = self.settings
        t = self.iterations = self.iterations + 1
        now = beta_1 * (1.0 - 0.5 * 0.96**t)
        following = beta_1 * (1.0 - 0.5 * 0.96 ** (t + 1))
        self.product *= now
        m, v = self.moment("m", parameters), self.moment("v", parameters)
        for k, g in enumerate(map(float, gradients)):
            m[k] = beta_1 * m[k] + (1.0 - beta_1) * g
            v[k] = beta_2 * v[k] + (1.0 - beta_2) * g * g
            ahead = following * m[k] / (1.0 - self.product * following)
            here = (1.0 - now) * g / (1.0 - self.product)
            spread = math.sqrt(v[k] / (1.0 - beta_2**t))
            parameters[k] -= rate * (ahead + here) / (spread + epsilon)


class Adamax(_Rule):
    """learning_rate, beta_1, beta_2, epsilon."""

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, beta_1, beta_2, epsilon = self.settings
        self.iterations += 1
        m, u = self.moment("m", parameters), self.moment("u", parameters)
        for k, g in enumerate(map(float, gradients)):
            m[k] = beta_1 * m[k] + (1.0 - beta_1) * g
            u[k] = max(beta_2 * u[k], abs(g))
            parameters[k] -= rate * m[k] / ((1.0 - beta_1**self.iterations) * (u[k] + epsilon))


class RMSprop:
    """Gradients over the root of their mean square, or of their variance."""

    def __init__(self, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False):
        self.settings = learning_rate, rho, momentum, epsilon, centered
        self.moments = None

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, rho, momentum, epsilon, centered = self.settings
        if self.moments is None:
            self.moments = [[0.0] * len(parameters) for _ in range(3)]
        squares, means, steps = self.moments
        for k, g in enumerate(map(float, gradients)):
            squares[k] = rho * squares[k] + (1.0 - rho) * g * g
            means[k] = rho * means[k] + (1.0 - rho) * g
            spread = squares[k] - (means[k] ** 2 if centered else 0.0)
            steps[k] = momentum * steps[k] + rate * g / math.sqrt(spread + epsilon)
            parameters[k] -= steps[k]


class Lion(_Rule):
    """learning_rate, beta_1, beta_2."""

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, beta_1, beta_2 = self.settings
        m = self.moment("m", parameters)
        for k, g in enumerate(map(float, gradients)):
            mixed = beta_1 * m[k] + (1.0 - beta_1) * g
            parameters[k] -= rate * (mixed > 0) - rate * (mixed < 0)
            m[k] = beta_2 * m[k] + (1.0 - beta_2) * g


class Adagrad(_Rule):
    """learning_rate, initial accumulator, epsilon."""

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, start, epsilon = self.settings
        squares = self.moment("squares", parameters, start)
        for k, g in enumerate(map(float, gradients)):
            squares[k] += g * g
            parameters[k] -= rate * g / math.sqrt(squares[k] + epsilon)


class Adadelta(_Rule):
    """learning_rate, rho, epsilon."""

    def update(self, parameters, gradients):
        """Change the 1-D `parameters` in place."""
        rate, rho, epsilon = self.settings
        squares, steps = self.moment("squares", parameters), self.moment("steps", parameters)
        for k, g in enumerate(map(float, gradients)):
            squares[k] = rho * squares[k] + (1.0 - rho) * g * g
            step = math.sqrt(steps[k] + epsilon) * g / math.sqrt(squares[k] + epsilon)
            steps[k] = rho * steps[k] + (1.0 - rho) * step * step
            parameters[k] -= rate * step
