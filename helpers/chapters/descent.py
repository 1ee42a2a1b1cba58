"""Descent and its relatives as 2.3a, b and e write them, for the parts after, and pictures of their paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from helpers.plotting import use_course_style

Update = Callable[[np.ndarray, np.ndarray], np.ndarray]  # a place and its slope -> the next place


def valley(theta: Any) -> Any:
    """The bent valley L = (1 - x)² + 10 (y - x²)²: theta (2, ...), x and y -> (...). Minimum 0 at (1, 1).

    Rosenbrock, *An automatic method for finding the greatest or least value of a function*, 1960, with 10
    for his 100.
    """
    x, y = theta
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


def valley_gradient(theta: Any) -> np.ndarray:
    """The gradient of ``valley``: theta (2, ...) -> (2, ...)."""
    x, y = theta
    return np.array([-2 * (1 - x) - 40 * x * (y - x**2), 20 * (y - x**2)])


def descend(
    gradient: Callable[[np.ndarray], np.ndarray], start: Any, update: Update, steps: int
) -> np.ndarray:
    """Path (steps + 1, *shape) from start (*shape): each place is update(the place before, its gradient)."""
    path = [np.array(start, dtype=float)]
    for _ in range(steps):
        path.append(update(path[-1], gradient(path[-1])))
    return np.array(path)


def gd(rate: float) -> Update:
    """Gradient descent: the update for this learning rate (Cauchy, 1847)."""
    return lambda theta, g: theta - rate * g


def momentum(rate: float, beta: float = 0.9, ahead: bool = False) -> Update:
    """Polyak's momentum, or Nesterov's (ahead=True): an update, to be used for one path only."""
    v = 0.0

    def update(theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        nonlocal v
        v = beta * v + g
        return theta - rate * (g + beta * v if ahead else v)

    return update


def adagrad(rate: float, eps: float = 1e-10) -> Update:
    """AdaGrad (Duchi, Hazan and Singer, JMLR, 2011): an update, to be used for one path only."""
    s = 0.0

    def update(theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        nonlocal s
        s = s + g**2
        return theta - rate * g / (np.sqrt(s) + eps)

    return update


def rmsprop(rate: float, rho: float = 0.99, eps: float = 1e-8) -> Update:
    """RMSprop (Tieleman and Hinton, Coursera, 2012): an update, to be used for one path only."""
    v = 0.0

    def update(theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        nonlocal v
        v = rho * v + (1 - rho) * g**2
        return theta - rate * g / (np.sqrt(v) + eps)

    return update


def adam(rate: float, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Update:
    """Adam (Kingma and Ba, ICLR, 2015): an update, to be used for one path only."""
    m, v, t = 0.0, 0.0, 0

    def update(theta: np.ndarray, g: np.ndarray) -> np.ndarray:
        nonlocal m, v, t
        t += 1
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        return theta - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)

    return update


def newton(hessian: Callable[[np.ndarray], np.ndarray]) -> Update:
    """Newton's method; hessian(theta) -> (D, D) for theta of D numbers of any shape.

    Raises numpy.linalg.LinAlgError where the Hessian is singular.
    """
    return lambda theta, g: theta - np.linalg.solve(hessian(theta), g.ravel()).reshape(g.shape)


def ravine(angle: float, kappa: float) -> tuple[Callable, np.ndarray, Callable]:
    """A bowl with curvatures 1 and κ whose main directions are turned by an angle in degrees.

    -> gradient(theta (2,)) -> (2,); the start, (2, 1) turned likewise; loss(theta (2, ...)) -> (...): as
    ``fewest_steps`` wants them. Sums are written out, so that every processor gives the same bits.
    """
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    A = np.array([[c * c + kappa * s * s, (1 - kappa) * c * s], [(1 - kappa) * c * s, s * s + kappa * c * c]])

    def gradient(theta: np.ndarray) -> np.ndarray:
        return A[:, 0] * theta[0] + A[:, 1] * theta[1]

    def loss(theta: np.ndarray) -> np.ndarray:
        x, y = theta
        return (A[0, 0] * x * x + 2 * A[0, 1] * x * y + A[1, 1] * y * y) / 2

    return gradient, np.array([2 * c - s, 2 * s + c]), loss


def steps_until(values: Any, share: float) -> float:
    """First step from which all values (steps + 1,) stay at or below share · values[0]; inf if none does."""
    values = np.asarray(values, dtype=float)
    last_above = np.flatnonzero(~(values <= share * values[0]))[-1]  # nan is above
    return int(last_above) + 1 if last_above + 1 < len(values) else math.inf


def fewest_steps(
    optimiser: Callable[[float], Update],
    gradient: Callable[[np.ndarray], np.ndarray],
    start: Any,
    loss: Callable[[np.ndarray], Any],
    steps: int = 500,
) -> float:
    """Steps until the loss stays at or below a ten-thousandth of its start, at the best of 17 rates.

    optimiser(rate) -> an update; gradient and loss take one place (2,), and give (2,) and a number. The rates
    lie between 0.001 and 10, four per power of ten. inf: at no rate within ``steps``.
    """
    found = []
    with np.errstate(all="ignore"):  # a rate that is too large ends in inf or nan
        for rate in np.logspace(-3, 1, 17):
            path = descend(gradient, start, optimiser(rate), steps)
            found.append(steps_until([loss(theta) for theta in path], 1e-4))
    return min(found)


def plot_map(
    paths: Mapping[str, np.ndarray],
    *,
    arrows: Callable[[np.ndarray], np.ndarray] | None = None,
    window: Sequence[tuple[float, float]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Paths (steps + 1, 2) by name on the contour lines of the bent valley; a star at its minimum.

    ``window``: from where to where, in x and in y; None: all paths and the minimum, with a margin.
    ``arrows``, a gradient of (2, ...) -> (2, ...), adds arrows of one length against it.
    """
    use_course_style()
    ax = ax or plt.subplots(figsize=(5.6, 4.2))[1]
    places = np.vstack([*paths.values(), [[1, 1]]])
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.15 * (high - low).max()
    window = window or list(zip(low - margin, high + margin, strict=True))
    x, y = np.meshgrid(*(np.linspace(*side, 201) for side in window))
    height = valley(np.array([x, y]))
    lines = height.min() + (height.max() - height.min()) * np.logspace(-3.5, 0, 12)
    ax.contour(x, y, height, lines, colors="gray", linewidths=0.5)
    for (name, path), marker in zip(paths.items(), "osD^v", strict=False):
        ax.plot(*path.T, marker=marker, ms=3, lw=1.2, label=name)
    if arrows is not None:
        x, y = x[15::22, 15::22], y[15::22, 15::22]
        dx, dy = arrows(np.array([x, y]))
        length = np.hypot(dx, dy)
        ax.quiver(x, y, -dx / length, -dy / length, color="C3", angles="xy", scale=22, width=0.004)
        ax.set_aspect("equal")
    ax.plot(1, 1, "k*", ms=13)
    ax.legend(loc="upper center", fontsize=10, frameon=True, framealpha=0.9, edgecolor="none")
    ax.set(xlim=window[0], ylim=window[1])
    return ax


def plot_valley(paths: Mapping[str, np.ndarray]) -> list[Axes]:
    """Paths (steps + 1, 2) by name in the bent valley: left as a landscape, right as a map."""
    use_course_style()
    figure = plt.figure(figsize=(10.4, 4.6))
    land = figure.add_subplot(1, 2, 1, projection="3d", computed_zorder=False)
    x, y = np.meshgrid(np.linspace(-1.7, 1.6, 120), np.linspace(-0.6, 2.4, 120))
    height = np.sqrt(valley(np.array([x, y])))
    height[height > 6] = np.nan  # cut off, so that one can look in
    land.plot_surface(x, y, height, cmap="YlGnBu_r", alpha=0.75, linewidth=0, rcount=120, ccount=120)
    for (name, path), marker in zip(paths.items(), "osD^v", strict=False):
        land.plot(*path.T, np.sqrt(valley(path.T)) + 0.1, marker=marker, ms=3, lw=1.4, label=name)
    land.plot([1], [1], [0.1], "k*", ms=12)
    land.view_init(elev=58, azim=-100)
    land.set(xlabel="x", ylabel="y", xticks=(-1, 0, 1), yticks=(0, 1, 2), zticks=(0, 3, 6), zlabel="√loss")
    chart = plot_map(paths, ax=figure.add_subplot(1, 2, 2))
    chart.set(xlabel="x", ylabel="y")
    return [land, chart]


def plot_unit(x: Any, y: Any, path: np.ndarray) -> list[Axes]:
    """A logistic unit that learns: x (N,) and 0 or 1 (N,), its curves; its path (steps + 1, 2) over w, b."""
    use_course_style()
    x, y = np.asarray(x), np.asarray(y)
    left, right = plt.subplots(1, 2, figsize=(10, 3.4))[1]
    for kind, name in enumerate(("versicolor", "virginica")):
        one = x[y == kind]
        left.plot(one, kind + 0.03 * (np.arange(len(one)) % 5 - 2), "os"[kind], ms=4, alpha=0.6, label=name)
    line = np.linspace(x.min() - 0.2, x.max() + 0.2, 201)
    last = len(path) - 1
    for step, style in ((0, ":"), (5, "--"), (last, "-")):
        w, b = path[step]
        left.plot(line, 1 / (1 + np.exp(-(w * line + b))), style, color="C2", label=f"after {step} steps")
    left.set(xlabel="length of the petal, cm above the mean", ylabel="probability of virginica")
    left.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1, 0.12))

    w, b = np.meshgrid(np.linspace(-1, 11, 61), np.linspace(-3, 3, 61))
    z = w[..., None] * x + b[..., None]
    height = np.mean(np.logaddexp(0, z) - y * z, axis=-1)
    levels = height.min() + np.logspace(-3, 0, 10)
    right.contour(w, b, height, levels, colors="gray", linewidths=0.5)
    right.plot(*path.T, "o-", ms=3, lw=1)
    lowest = descend(lambda p: _unit_slope(p, x, y), path[-1], gd(8), 3_000)[-1]
    right.plot(*lowest, "k*", ms=13)
    right.set(xlabel="w", ylabel="b")
    return [left, right]


def _unit_slope(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    off = 1 / (1 + np.exp(-(theta[0] * x + theta[1]))) - y
    return np.array([np.mean(off * x), np.mean(off)])


def draw_tangents() -> list[Axes]:
    """The curve θ³ and its tangent at 2 in three windows, each narrower than the one before."""
    use_course_style()
    axes = plt.subplots(1, 3, figsize=(9, 2.6))[1]
    for ax, width in zip(axes, (1, 0.3, 0.03), strict=True):
        theta = np.linspace(2 - width, 2 + width, 101)
        ax.plot(theta, theta**3, label="θ³")
        ax.plot(theta, 8 + 12 * (theta - 2), "--", label="8 + 12 (θ − 2)")
        ax.plot(2, 8, "ko")
        ax.set(title=f"2 ± {width}", xlabel="θ")
    axes[0].legend(fontsize=10)
    return list(axes)


def draw_bowls(paths: Mapping[float, np.ndarray]) -> list[Axes]:
    """Paths (steps + 1,) of one parameter on the bowl θ², by learning rate, one picture each."""
    use_course_style()
    axes = plt.subplots(1, len(paths), figsize=(2.25 * len(paths), 2.6), sharey=True, squeeze=False)[1][0]
    theta = np.linspace(-2.6, 2.6, 101)
    for ax, (rate, path) in zip(axes, paths.items(), strict=True):
        ax.plot(theta, theta**2, color="lightgray")
        ax.plot(path, path**2, "o-", lw=1.2)
        ax.plot(path[0], path[0] ** 2, "ko", ms=7)
        ax.set(title=f"η = {rate}", xlabel="θ")
    axes[0].set_ylabel("loss")
    return list(axes)


def draw_wells(starts: Sequence[float]) -> list[Axes]:
    """A convex bowl θ² and the two wells (θ² - 1)² + 0.3 θ, each with a chord.

    Stars: 0, and where gradient descent (rate 0.05, 200 steps) ends in the wells from the given starts.
    """
    use_course_style()
    theta = np.linspace(-1.5, 1.5, 201)
    curves = {"convex": lambda x: x**2, "not convex": lambda x: (x**2 - 1) ** 2 + 0.3 * x}
    axes = plt.subplots(1, 2, figsize=(8.4, 3))[1]
    ends = descend(lambda x: 4 * x * (x**2 - 1) + 0.3, starts, gd(0.05), 200)[-1]
    chords = [[-1.35, 0.6], [-0.975, 0.975]]
    for ax, (name, curve), stars, chord in zip(
        axes, curves.items(), (np.zeros(1), ends), chords, strict=True
    ):
        chord = np.array(chord)
        ax.plot(theta, curve(theta))
        ax.plot(chord, curve(chord), "o--", label="chord")
        ax.plot(stars, curve(stars), "k*", ms=12)
        ax.set(title=name, xlabel="θ", ylabel="loss")
    axes[0].text(-1.28, 1.95, "θ", fontsize=13)
    axes[0].text(0.68, 0.2, "θ′, lower", fontsize=13)
    axes[0].legend(loc="upper center", fontsize=9)
    return list(axes)


def draw_ravines(kappas: Sequence[float]) -> list[Axes]:
    """15 steps from (10, 2) at the best rate, on bowls with curvatures 1 and κ: maps, one per κ."""
    use_course_style()
    axes = plt.subplots(1, len(kappas), figsize=(3.5 * len(kappas), 2.3), squeeze=False)[1][0]
    for ax, kappa in zip(axes, kappas, strict=True):
        curvatures = np.array([1.0, kappa])
        path = descend(lambda theta, a=curvatures: a * theta, [10, 2], gd(2 / (1 + kappa)), 15)
        x, y = np.meshgrid(np.linspace(-2, 11, 101), np.linspace(-3, 3, 101))
        ax.contour(x, y, x**2 + kappa * y**2, 8, colors="gray", linewidths=0.5)
        ax.plot(*path.T, "o-", ms=3, lw=1.2)
        ax.plot(0, 0, "k*", ms=13)
        ax.set(title=f"κ = {kappa}", xlabel="flat direction", xlim=(-2, 11), ylim=(-3, 3), aspect="equal")
    axes[0].set_ylabel("steep")
    return list(axes)


def plot_ravine(
    angles: Sequence[float], kappa: float, optimisers: Mapping[str, Callable[[], Update]], steps: int = 60
) -> list[Axes]:
    """Paths of optimisers by name on ``ravine`` turned by each angle in degrees: maps, one per angle.

    Each optimiser is a function without arguments that gives a fresh update.
    """
    use_course_style()
    axes = plt.subplots(1, len(angles), figsize=(4.4 * len(angles), 3.8), squeeze=False)[1][0]
    x, y = np.meshgrid(np.linspace(-1.5, 2.8, 151), np.linspace(-1.8, 2.5, 151))
    for ax, angle in zip(axes, angles, strict=True):
        gradient, start, loss = ravine(angle, kappa)
        ax.contour(x, y, loss(np.array([x, y])), np.logspace(-1, 2, 9), colors="gray", linewidths=0.5)
        for (name, optimiser), marker in zip(optimisers.items(), "osD^v", strict=False):
            path = descend(gradient, start, optimiser(), steps)
            ax.plot(*path.T, marker=marker, ms=3, lw=1.2, label=name)
        ax.plot(0, 0, "k*", ms=13)
        ax.set(title=f"turned by {angle}°", xlim=(-1.5, 2.8), ylim=(-1.8, 2.5), aspect="equal")
    axes[0].legend(fontsize=9, loc="lower left")
    return list(axes)


def plot_growth(kappas: Sequence[float], measured: Mapping[str, Any], predicted: Sequence[Any]) -> Axes:
    """Steps against condition numbers (K,), both axes logarithmic: measured by name, predicted as lines."""
    use_course_style()
    ax = plt.subplots(figsize=(5.6, 3.4))[1]
    for steps in predicted:
        ax.loglog(kappas, steps, color="gray", lw=1)
    for (name, steps), marker in zip(measured.items(), "os^D", strict=False):
        ax.loglog(kappas, steps, marker, label=name)
    ax.set(xlabel="condition number κ", ylabel="steps to a millionth", title="grey: predicted")
    ax.legend()
    return ax


def draw_scales(slopes: Any, rho: float) -> list[Axes]:
    """What divides slopes (T,) in AdaGrad and in RMSprop; and the lengths of their steps at a rate of 1."""
    use_course_style()
    slopes = np.asarray(slopes, dtype=float)
    t, total, average, roots = np.arange(1, len(slopes) + 1), 0.0, 0.0, []
    for g in slopes:
        total, average = total + g**2, rho * average + (1 - rho) * g**2
        roots.append((total**0.5, average**0.5))
    axes = plt.subplots(1, 2, figsize=(9.6, 3))[1]
    axes[0].bar(t, slopes, color="lightgray", label="slopes g")
    for root, name, line in zip(np.array(roots).T, ("AdaGrad", "RMSprop"), ("-", "--"), strict=True):
        axes[0].plot(t, root, line, lw=2, label=f"{name}'s root")
        axes[1].plot(t, slopes / root, line, lw=2, label=name)
    axes[0].set(xlabel="step", title="what divides the slope")
    axes[1].set(xlabel="step", title="length of the step", ylim=(0, None))
    for ax in axes:
        ax.legend(fontsize=9)
    return list(axes)


def draw_averages(slopes: Any) -> list[Axes]:
    """Adam's two averages of given slopes (T,): left m and √v, corrected; right the steps at a rate of 1."""
    use_course_style()
    slopes = np.asarray(slopes, dtype=float)
    t, m, v = np.arange(1, len(slopes) + 1), 0.0, 0.0
    both = []
    for g in slopes:
        m, v = 0.9 * m + (1 - 0.9) * g, 0.999 * v + (1 - 0.999) * g**2
        both.append((m, v))
    m, v = np.array(both).T
    m, root = m / (1 - 0.9**t), np.sqrt(v / (1 - 0.999**t))
    axes = plt.subplots(1, 2, figsize=(9.6, 3))[1]
    axes[0].bar(t, slopes, color="lightgray", label="slopes g")
    axes[0].plot(t, m, lw=2, label="average of g")
    axes[0].plot(t, root, "--", lw=2, label="root of the average of g²")
    axes[0].set(xlabel="step", title="the two averages, corrected")
    axes[0].legend(fontsize=9)
    axes[1].bar(t, -m / (root + 1e-8), color="C2")
    axes[1].axhline(0, color="black", lw=0.6)
    axes[1].set(xlabel="step", ylim=(-1.1, 1.1), title="step: − rate · blue / orange")
    return list(axes)


def draw_clouds(slopes: Mapping[int, Any], true: Any) -> list[Axes]:
    """Slopes of batches (K, D), by batch size, round the true one (D,): along it and across.

    "Across" is the direction at right angles to the true slope in which those of the first size vary most;
    both axes have the same scale.
    """
    use_course_style()
    true = np.ravel(true)
    along = true / np.linalg.norm(true)
    first = np.asarray(next(iter(slopes.values())))
    rest = first - np.outer(first @ along, along)
    across = np.linalg.svd(rest - rest.mean(axis=0), full_matrices=False)[2][0]
    axes = plt.subplots(1, len(slopes), figsize=(3.2 * len(slopes), 3.5), sharex=True, sharey=True)[1]
    for ax, (size, cloud) in zip(axes, slopes.items(), strict=True):
        ax.plot(np.asarray(cloud) @ along, np.asarray(cloud) @ across, ".", ms=5, alpha=0.6)
        ax.annotate("", (true @ along, 0), (0, 0), arrowprops={"arrowstyle": "->", "color": "C1", "lw": 2.5})
        ax.axvline(0, color="gray", lw=0.6)
        ax.set(title=f"batches of {size}", xlabel="along the true slope", aspect="equal")
    side = np.abs([first @ across, first @ along]).max() * 1.05
    axes[0].set(ylabel="across", xlim=(-side, side), ylim=(-side, side))
    return list(axes)


def plot_curves(curves: Mapping[str, Any]) -> Axes:
    """Losses (K,) by name after the epochs 1, 2, …, on a logarithmic axis."""
    use_course_style()
    ax = plt.subplots(figsize=(6.8, 3.6))[1]
    for (name, losses), marker in zip(curves.items(), "osD^vP*", strict=False):
        ax.semilogy(np.arange(1, len(losses) + 1), losses, marker=marker, ms=4, lw=1.3, label=name)
    ax.set(xlabel="epoch", ylabel="training loss")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_yticks([0.1, 0.2, 0.4, 0.8, 1.6], labels=["0.1", "0.2", "0.4", "0.8", "1.6"])
    ax.minorticks_off()
    ax.legend(fontsize=10)
    return ax


def plot_sweeps(rates: Any, sweeps: Mapping[str, Mapping[str, Any]]) -> list[Axes]:
    """Losses (K,) against learning rates (K,), both axes logarithmic: one picture per outer name."""
    use_course_style()
    figure, axes = plt.subplots(1, len(sweeps), figsize=(3.5 * len(sweeps), 3.4), sharey=True)
    for ax, (title, sweep) in zip(axes, sweeps.items(), strict=True):
        for (name, losses), marker in zip(sweep.items(), "osD^vP", strict=False):
            ax.loglog(rates, losses, marker=marker, ms=4, lw=1.2, label=name)
        ax.set(title=title, xlabel="learning rate", ylim=(0.12, 3))
        ax.set_yticks([0.15, 0.3, 0.6, 1.2, 2.4], labels=["0.15", "0.3", "0.6", "1.2", "2.4"])
        ax.minorticks_off()
    axes[0].set_ylabel("validation loss")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9)
    return list(axes)


def plot_stream(stream: Any, paths: Mapping[str, Any]) -> Axes:
    """Numbers (T,) that come one by one, and estimates (T + 1,) of their mean by name."""
    use_course_style()
    ax = plt.subplots(figsize=(7.2, 3.2))[1]
    ax.plot(np.arange(1, len(stream) + 1), stream, ".", color="lightgray", ms=4, label="numbers")
    for name, path in paths.items():
        ax.plot(path, lw=1.6, label=name)
    ax.set(xlabel="step", ylabel="θ")
    ax.legend(fontsize=9, loc="upper right", ncols=2)
    return ax


def plot_sizes(sizes: Any, steps: Any) -> Axes:
    """Steps until a loss is reached (K,), and pictures looked at on the way, against the batch sizes (K,)."""
    use_course_style()
    sizes, steps = np.asarray(sizes), np.asarray(steps)
    ax = plt.subplots(figsize=(6.4, 3.4))[1]
    ax.loglog(sizes, steps, "o-", label="steps")
    ax.loglog(sizes, steps * sizes, "s--", label="pictures")
    ax.set(xlabel="batch size", ylabel="until the loss is below 0.25")
    ax.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.legend(fontsize=10)
    return ax


def plot_falling(steps: Any, losses: Mapping[str, Any], lowest: float) -> Axes:
    """Losses (K,) by name against the number of the step (K,), on a logarithmic axis; a line at lowest."""
    use_course_style()
    ax = plt.subplots(figsize=(7.2, 3.4))[1]
    for name, values in losses.items():
        ax.semilogy(steps, values, lw=1.4, label=name)
    ax.axhline(lowest, color="gray", lw=0.8, ls=":", label="lowest possible")
    ax.set(xlabel="step", ylabel="training loss", ylim=(0.11, 4))
    ax.set_yticks([0.125, 0.25, 0.5, 1, 2, 4], labels=["0.125", "0.25", "0.5", "1", "2", "4"])
    ax.minorticks_off()
    ax.legend(fontsize=10)
    return ax


def draw_nearer() -> list[Axes]:
    """Why a step against the slope leads nearer to the minimum: one step in a bowl; d² against the rate."""
    use_course_style()
    theta, curvatures = np.array([3.0, 1.0]), np.array([0.5, 1.5])
    g = curvatures * theta
    step, square, product = 0.8, float(theta @ theta), float(g @ theta)
    after = square - 2 * step * product + step**2 * float(g @ g)
    left, right = plt.subplots(1, 2, figsize=(9.8, 3.5))[1]
    x, y = np.meshgrid(np.linspace(-3.8, 3.8, 101), np.linspace(-3.5, 3.5, 101))
    left.contour(x, y, 0.25 * x**2 + 0.75 * y**2, 8, colors="gray", linewidths=0.5)
    left.add_patch(plt.Circle((0, 0), square**0.5, fill=False, ls="--", color="C1"))
    left.annotate("", theta - step * g, theta, arrowprops={"arrowstyle": "->", "color": "C0", "lw": 2.5})
    left.plot(0, 0, "k*", ms=13)
    left.plot(*theta, "ko")
    left.text(theta[0] + 0.1, theta[1] + 0.15, "θ", fontsize=13)
    left.text(0.15, 0.2, "θ*", fontsize=13)
    left.text(0, 3.8, "as far from θ* as θ", color="C1", fontsize=10, ha="center", va="center")
    left.set(title="one step against the slope", aspect="equal", xticks=(), yticks=(), ylim=(-3.5, 4.2))
    rates = np.linspace(0, 2.2 * product / (g @ g), 101)
    right.plot(rates, square - 2 * rates * product + rates**2 * (g @ g), label="$d^2$ after the step")
    right.plot(
        rates, square - 2 * rates * product, "--", label="falls: $-2\\eta\\, g \\cdot (\\theta - \\theta^*)$"
    )
    right.plot(step, after, "o", color="C0", ms=8)
    right.annotate(
        f"the arrow: η = {step}", (step, after), (1.15, 5.2), arrowprops={"arrowstyle": "-"}, fontsize=10
    )
    right.axhline(square, color="gray", lw=0.8)
    right.text(0.02, square + 0.3, "r²", fontsize=12)
    right.set(xlabel="learning rate η", ylim=(0, 1.6 * square), title="squared distance from θ*")
    right.legend(fontsize=9, loc="upper center")
    return [left, right]


def plot_bound(steps: Any, promised: Mapping[str, Any], measured: Mapping[str, Any]) -> list[Axes]:
    """Gaps after steps (K,) by name: promised (K,); measured (2, K, W), of averaged and last places."""
    use_course_style()
    axes = plt.subplots(1, len(promised), figsize=(4.9 * len(promised), 3.6), sharey=True)[1]
    for ax, (name, bound) in zip(axes, promised.items(), strict=True):
        ax.loglog(steps, bound, "k--", lw=1.8, label="promised")
        for gaps, kind, style in zip(
            measured[name], ("averaged place", "last place"), ("o-", "s:"), strict=True
        ):
            ax.loglog(steps, gaps.mean(axis=1), style, ms=4, lw=1.3, label=kind)
            low, high = np.quantile(gaps, (0.1, 0.9), axis=1)
            ax.fill_between(steps, low, high, alpha=0.15)
        ax.set(title=f"rate {name}", xlabel="steps")
        ax.legend(fontsize=9, loc="lower left")
    axes[0].set_ylabel("loss above the lowest")
    return list(axes)


def plot_parabolas(starts: Sequence[float]) -> list[Axes]:
    """The bowl log cosh θ and the parabola that Newton's method fits at each start, with its minimum."""
    use_course_style()
    theta = np.linspace(-2.2, 2.2, 201)
    axes = plt.subplots(1, len(starts), figsize=(4.2 * len(starts), 2.9), sharey=True)[1]
    for ax, start in zip(axes, starts, strict=True):
        value, slope, curvature = np.log(np.cosh(start)), np.tanh(start), 1 - np.tanh(start) ** 2
        fitted = value + slope * (theta - start) + curvature / 2 * (theta - start) ** 2
        ax.plot(theta, np.log(np.cosh(theta)), label="log cosh θ")
        ax.plot(theta, fitted, "--", label="parabola at the start")
        landing = start - slope / curvature
        ax.plot([start, landing], [value, value - slope**2 / curvature / 2], "ko")
        ax.plot(0, 0, "k*", ms=11)
        ax.text(start + 0.1, value - 0.25, "start")
        ax.text(landing - 0.1, value - slope**2 / curvature / 2 - 0.3, "its minimum", ha="center")
        ax.set(title=f"from {start}", xlabel="θ", ylim=(-1.5, 1.6))
    axes[0].legend(loc="upper center", fontsize=9)
    return list(axes)


def draw_rows(X: Any) -> Axes:
    """A table of 0 and 1 (N, D): a dark cell for each word (column) that a review (row) holds."""
    use_course_style()
    ax = plt.subplots(figsize=(6.4, 2.6))[1]
    ax.imshow(np.asarray(X), cmap="Blues", vmin=0, vmax=1.2, aspect="auto", interpolation="nearest")
    ax.set(xlabel="word, from frequent to rare", ylabel="review")
    return ax


def plot_rare(shares: Any, errors: Mapping[str, Any]) -> Axes:
    """Errors of weights by name (S, D), S repetitions, against how often the words occur (D,): mean and band.

    The band is one standard deviation over the repetitions, of means over five neighbouring words.
    """
    use_course_style()
    ax = plt.subplots(figsize=(6.4, 3.2))[1]
    shares = np.exp(np.log(np.asarray(shares)).reshape(-1, 5).mean(axis=1))
    for (name, each), marker in zip(errors.items(), "osD^", strict=False):
        grouped = np.asarray(each).reshape(len(each), -1, 5).mean(axis=2)
        mean, spread = grouped.mean(axis=0), grouped.std(axis=0, ddof=1)
        ax.semilogx(shares, mean, marker=marker, ms=5, label=name)
        ax.fill_between(shares, mean - spread, mean + spread, alpha=0.15)
    ax.set(xlabel="share of the reviews with the word", ylabel="error of its weight", ylim=(0, None))
    ax.set_xticks([0.01, 0.03, 0.1, 0.3], labels=["1 %", "3 %", "10 %", "30 %"])
    ax.minorticks_off()
    ax.legend(fontsize=9)
    return ax


def draw_promise() -> list[Axes]:
    """Why a step at the rate 1 / a gains |g|² / (2 a): the loss and its slope on the way, and bounds.

    The loss is log cosh with a = 1, from θ = 1.6 against the slope; t is the time in units of 1 / a.
    """
    use_course_style()
    g, t = np.tanh(1.6), np.linspace(0, 1.25, 101)
    axes = plt.subplots(1, 2, figsize=(9.6, 3.1))[1]
    axes[0].plot(t, np.log(np.cosh(1.6 - t * g)), label="the loss h")
    axes[0].plot(t, np.log(np.cosh(1.6)) - g * g * (t - t * t / 2), "--", label="at most this")
    axes[1].plot(t, -g * np.tanh(1.6 - t * g), label="the slope of h")
    axes[1].plot(t, -g * g * (1 - t), "--", label="at most this line")
    axes[1].fill([0, 0, 1], [0, -g * g, 0], color="C1", alpha=0.2)
    axes[1].text(0.1, -0.3, "surely gained:\n|g|² / (2 a)", fontsize=11)
    for ax, title in zip(axes, ("along the way", "its slope"), strict=True):
        ax.set(title=title, xlabel="time t", xticks=(0, 1), xticklabels=("0", "1 / a"))
        ax.axvline(1, color="gray", lw=0.6)
        ax.legend(fontsize=9, loc="upper right" if ax is axes[0] else "lower right")
    axes[1].axhline(0, color="gray", lw=0.6)
    axes[1].set(yticks=(-g * g, 0), yticklabels=("−|g|²", "0"))
    return list(axes)


def plot_gains(runs: Mapping[int, tuple[Any, Any]]) -> list[Axes]:
    """What each step gained and what was promised (steps,), by the multiple of 1 / a that was the rate.

    A step that gained less than its promise is marked; what is not above 0 has no place on the axis.
    """
    use_course_style()
    axes = plt.subplots(1, len(runs), figsize=(4.8 * len(runs), 3.1), sharey=True)[1]
    for ax, (times, (gained, promised)) in zip(axes, runs.items(), strict=True):
        steps, broken = np.arange(1, len(gained) + 1), gained < promised
        ax.semilogy(steps, promised, "--", color="C1", label="promised")
        ax.semilogy(steps, np.where(gained > 0, gained, np.nan), ".-", color="C0", lw=1, label="gained")
        if broken.any():
            ax.semilogy(steps[broken], promised[broken], "x", color="C3", ms=9, mew=2, label="promise broken")
        ax.set(title=f"rate {times} / a", xlabel="step")
        ax.legend(fontsize=9)
    axes[0].set_ylabel("fall of the loss")
    return list(axes)


def plot_chords(losses: Mapping[str, Any]) -> list[Axes]:
    """Losses (K,) on the straight way between two places, by name, and the chord between their ends."""
    use_course_style()
    axes = plt.subplots(1, len(losses), figsize=(4.6 * len(losses), 2.9))[1]
    for ax, (name, values) in zip(axes, losses.items(), strict=True):
        way = np.linspace(0, 1, len(values))
        ax.plot(way, values, label="loss on the way")
        ax.plot(way[[0, -1]], np.asarray(values)[[0, -1]], "o--", label="chord")
        ax.set(title=name, xlabel="from one to the other", xticks=(0, 1))
        ax.legend(fontsize=9)
    axes[0].set_ylabel("training loss")
    return list(axes)


def plot_bands(runs: Sequence[tuple[str, bool]], panels: Mapping[str, Any]) -> list[Axes]:
    """Validation losses (runs, epochs, starts), one picture per name: means, and bands of one deviation.

    A run is the name of its optimiser and whether its rate falls: those lines are dashed.
    """
    use_course_style()
    figure, axes = plt.subplots(1, len(panels), figsize=(4.9 * len(panels), 3.6))
    colours = {name: f"C{place}" for place, name in enumerate(dict.fromkeys(name for name, _ in runs))}
    for ax, (title, curves) in zip(axes, panels.items(), strict=True):
        means, spreads = np.mean(curves, axis=2), np.std(curves, axis=2, ddof=1)
        epochs = np.arange(1, means.shape[1] + 1)
        for (name, falling), mean, spread in zip(runs, means, spreads, strict=True):
            label = f"{name}, {'falling' if falling else 'constant'}"
            ax.plot(epochs, mean, "--" if falling else "-", color=colours[name], lw=1.5, label=label)
            ax.fill_between(epochs, mean - spread, mean + spread, color=colours[name], alpha=0.12, lw=0)
        high = means[:, len(epochs) // 4].max()  # the first quarter of the epochs leaves the picture
        ax.set(title=title, xlabel="epoch", ylim=(0.85 * means.min(), 1.05 * high))
        ax.xaxis.get_major_locator().set_params(integer=True)
    axes[0].set_ylabel("validation loss")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return list(axes)


def plot_lengths(lengths: Mapping[str, Any]) -> Axes:
    """Lengths of steps (T,) by name, the number of the step on a logarithmic axis."""
    use_course_style()
    ax = plt.subplots(figsize=(6.4, 2.6))[1]
    for (name, values), style in zip(lengths.items(), ("-", "--", ":"), strict=False):
        ax.semilogx(np.arange(1, len(values) + 1), values, style, label=name)
    ax.set(xlabel="step", ylabel="length of the step")
    ax.legend()
    return ax
