"""Series: windows, scalers, backtests, Keras's dataset, beside plain loops; and preprocessing."""

import numpy as np

import nlstm
from nlstm import preprocessing, windows
from nlstm.layers import LSTM, Dense
from tests.fuzz.arrays import Given, given
from tests.fuzz.cases import Case, unequal

NUMBERS = (1, 2, 3, 1, 2, 4)
ODD = (0, -1, 100, 2.5, "a", None, True, np.int64(2), 10**12, 10**30)
NAMES = ("series", "sequence_length", "horizon", "stride", "sampling_rate", "inputs", "targets",
         "future", "static", "scaling", "data", "sequence_stride", "batch_size", "start_index",
         "end_index", "target", "input_steps", "columns", "which", "drop_nan", "window", "Window",
         "Column", "column", "quantiles", "start", "x", "y", "forecasts", "feature_range", "scale",
         "windows", "static", "seed", "model", "recursive", "refit", "outputs",
         "Scaler", "All series", "expects", "unit", "shift")  # fmt: skip


def number(c, percent=4, values=NUMBERS):
    return c.one(ODD) if c.chance(percent) else c.one(values)


def series(c, percent=30, steps=None, columns=None):
    """Return a `Given` of one series."""
    shape = (steps or c.whole(4, 30), columns or c.one((1, 2, 3)))
    plain = c.rng().uniform(1, 2, shape)
    if c.chance(25) and shape[1] == 1:
        plain = plain[:, 0]
    found = given(c, plain, percent, single=(np.float32,))
    # A list of rows is as many series; some dtypes are computed with in single precision or not.
    apart = ("float16", "int8", "int16", "uint8", "longdouble")
    other = found.story.startswith(apart) or "list of rows" in found.story
    return Given(plain, "plain") if other else found


def panel(c, percent=30):
    """Return arguments that stand for one series or several."""
    if c.chance(65):
        return [series(c, percent)], False
    columns = c.one((1, 2, 3))
    several = [series(c, percent // 2, columns=columns) for _ in range(c.whole(1, 3))]
    lists = any(isinstance(one.given, list | tuple) for one in several)  # tables, not series
    return (several[:1], False) if lists else (several, True)


def opened(found, several, plain):
    values = [one.pick(plain) for one in found]
    return values if several else values[0]


def tables(found):
    """Return series as plain tables; None where one is none."""
    if any(one.story in ("ragged", "masked", "nested None") for one in found):
        return None
    made = [np.asarray(one.plain) for one in found]
    if any(one.dtype.kind not in "fiub" or one.ndim not in (1, 2) for one in made):
        return None
    return [one[:, None] if one.ndim == 1 else one for one in made]


def window(c):
    """Windows as arrays, beside slices; a fit on them, beside a fit on the arrays."""
    found, several = panel(c)
    length, horizon = number(c), number(c, 4, (1, 2, 0, 1))
    stride, rate = number(c), number(c, 3, (1, 1, 2))
    options = {}
    for name in c.several(("inputs", "targets", "future"), 12):
        options[name] = c.one(([0], [-1], [0, 1], [], [5], [-9], "a", [0.5], 0, [True], [[0]]))
    if c.chance(20):
        options["scaling"] = c.one(("first", "last", "standard", "none", 3))
    if c.chance(8):
        options["static"] = given(c, np.ones((len(found), 2)), 30).given
    if c.chance(10):
        options["drop_nan"] = c.one((True, False, 1, "a"))
    for one in found:
        if one.wrong in ("nan", "masked") and options.get("drop_nan") in (True, 1):
            one.wrong = None  # its windows are skipped
    fits = c.chance(40)
    rows = c.one((slice(None), slice(1, 3), [0], -1, [10**9], 0.5))

    def run(plain):
        made = windows.Windows(opened(found, several, plain), length, horizon, stride=stride,
                               sampling_rate=rate, **options)  # fmt: skip
        answer = [made[:], made.origins, made.series_index]
        if fits and horizon and len(made):
            x, y = made[:]
            model = nlstm.Sequential([LSTM(2), Dense(y.shape[1] * y.shape[2])])
            model.compile("sgd", "mse")
            model.fit(made, epochs=1, batch_size=4, verbose=0, shuffle=False)
            nlstm.set_random_seed(7)
            model.predict(made, verbose=0)
        if rows == slice(1, 3) or rows == [0]:
            answer.append(made.part(rows)[:] if horizon else [made.part(rows)[:]])
        return answer

    def check(answer):
        values = tables(found)
        if options or values is None or not horizon or len(answer) != 4:
            return
        x, y, origins = answer[0], answer[1], answer[2]
        index = answer[3]
        for k, (begin, which) in enumerate(zip(origins, index)):
            start = begin - length * rate
            wanted = values[which][start : start + length * rate : rate]
            ahead = values[which][begin : begin + horizon * rate : rate][:horizon]
            if unequal(x[k], wanted, 1e-6) or unequal(y[k], ahead, 1e-6):
                yield f"windows: number {k} of origin {begin} is none of the series"
        span = (length + horizon - 1) * rate + 1
        count = sum(max(0, (len(v) - span + stride) // stride) for v in values)
        if count != len(origins):
            yield f"windows: {len(origins)} for {count}"

    story = f"{length} {horizon} {stride} {rate} {options} {[one.story for one in found]}"
    return Case(run, NAMES, tuple(found), story, check)


def cut(c):
    """`windows` and `timeseries_dataset_from_array`, beside slices."""
    one = series(c)
    if one.wrong and one.wrong not in ("None", "a word", "a set", "bytes", "ragged"):
        one.wrong = None  # any dtype can be cut
    keras = c.chance(60)
    length, stride, rate = number(c), number(c), number(c, 4, (1, 1, 2))
    horizon, size = number(c), number(c, 4, (1, 2, 128, 3))
    goals = None
    if c.chance(60):
        goals = given(c, np.arange(c.whole(1, 30)), 10)
        if goals.wrong and goals.wrong not in ("a word", "a set", "bytes", "ragged"):
            goals.wrong = None
    options = {name: number(c, 20) for name in c.several(("start_index", "end_index", "seed"), 10)}

    def run(plain):
        target = None if goals is None else goals.pick(plain)
        if keras:
            return list(windows.timeseries_dataset_from_array(
                one.pick(plain), target, length, stride, rate, size, **options))  # fmt: skip
        return windows.windows(one.pick(plain), length, horizon, stride, target)

    def check(answer):
        value = np.asarray(one.plain)
        if (
            keras
            and not options
            and goals is None
            and "masked" not in one.story
            and size
            and value.dtype.kind in "fiub"
        ):
            span = (length - 1) * rate + 1
            wanted = [value[k : k + span : rate] for k in range(0, len(value) - span + 1, stride)]
            got = [row for part in answer for row in part]
            if unequal(got, wanted):
                yield "dataset: unlike slices"

    used = (one,) if goals is None else (one, goals)
    story = f"keras={keras} {length} {stride} {rate} {horizon} {size} {options} "
    return Case(run, NAMES, used, story + str([g.story for g in used]), check, finite=False)


SCALERS = ("StandardScaler", "MinMaxScaler", "RobustScaler", "LogScaler", "WindowScaler")


def scaler(c):
    """Scalers: there and back again gives what was given."""
    name = c.one(SCALERS)
    options = {}
    if name == "WindowScaler":
        plain = c.rng().uniform(1, 2, (c.whole(1, 4), c.whole(1, 5), c.whole(1, 3)))
        found, several = [given(c, plain, 35, single=(np.float32,))], False
        options["kind"] = c.one(windows.WindowScaler().__class__.__init__.__defaults__ + ("last",))
    else:
        found, several = panel(c)
        options["per_series"] = c.one((False, False, True))
        if name == "MinMaxScaler" and c.chance(40):
            options["feature_range"] = c.one(
                ((0, 1), (-1, 1), (1, 0), "a", (1,), (0, float("nan")))
            )
    for one in found:
        if one.wrong in ("nan", "masked"):
            one.wrong = None  # passed over
    columns = c.one((None,) * 5 + ([0], [7], [-1], "a", [0.5]))
    which = c.one((None,) * 5 + (0, 1, -1, "a", 9))

    def run(plain):
        made = getattr(windows, name)(**options)
        values = opened(found, several, plain)
        scaled = made.fit_transform(values)
        if name == "WindowScaler":
            return scaled, made.inverse_transform(scaled, columns)
        return scaled, made.inverse_transform(scaled, columns, None if several else which)

    def check(answer):
        values = None if name == "WindowScaler" else tables(found)
        if values is None or columns is not None:
            return
        for got, wanted in zip(answer[len(answer) // 2 :], [np.asarray(o.plain) for o in found]):
            if got.shape != wanted.shape:
                yield f"scaler: {got.shape} of {wanted.shape}"
                continue
            known = np.isfinite(wanted) & (np.abs(wanted) < 1e6)
            small = np.nanmax(np.abs(np.where(np.isfinite(wanted), wanted, 0.0)), initial=0) < 1e6
            if small and not np.allclose(got[known], wanted[known], 1e-3, 1e-3):
                yield "scaler: back again is not what was given"

    story = f"{name} {options} {columns} {which} {[one.story for one in found]}"
    return Case(run, NAMES, tuple(found), story, check, finite=False)


class Last:
    """Forecasts the last step that it sees."""

    def __init__(self, horizon, width):
        self.horizon, self.width = horizon, width

    def predict(self, x, **options):
        return np.repeat(x[:, -1:, : self.width], self.horizon, axis=1)


def backtest(c):
    """Backtests of a model that repeats the last step, and of an LSTM."""
    found, several = panel(c, 15)
    length, horizon, stride = number(c, 3), number(c, 3, (1, 2, 3)), number(c, 3)
    start = number(c, 3, (0, 3, 5, 8))
    horizon = 1 if horizon is None else horizon
    values = tables(found)
    width = 1 if values is None else max(1, values[0].shape[1])
    real, recursive = c.chance(30), c.chance(20)
    scales = c.chance(30)
    options = {"scaling": c.one(("first", "last", "standard"))} if c.chance(20) else {}
    if c.chance(10):
        options["quantiles"] = c.one(((0.5,), (0.1, 0.9), (0, 1), "a", 3))

    def run(plain):
        steps = 1 if recursive else horizon
        if real:
            model = nlstm.Sequential([nlstm.Input((None, width)), LSTM(2), Dense(steps * width)])
        else:
            model = Last(steps, width)
        values = opened(found, several, plain)
        fitted = windows.StandardScaler().fit(values) if scales else None
        answer = windows.backtest(model, values, start, horizon, stride, sequence_length=length,
                                  scaler=fitted, recursive=recursive, **options)  # fmt: skip
        return answer.forecasts, answer.actuals, answer.origins, answer.series_index

    def check(answer):
        forecasts, actuals, origins, index = answer
        values = tables(found)
        if values is None or real or recursive or options:
            return
        for k, (origin, which) in enumerate(zip(origins, index)):
            if unequal(actuals[k], values[which][origin : origin + horizon], 1e-6):
                yield f"backtest: actuals of {origin} are none of the series"
            wanted = np.repeat(values[which][origin - 1 : origin], horizon, 0)
            if unequal(forecasts[k], wanted, 1e-5):
                yield f"backtest: the forecast of {origin} is not the last step"

    story = (f"{length} {horizon} {stride} {start} lstm={real} recursive={recursive} "
             f"scaler={scales} {options} {[one.story for one in found]}")  # fmt: skip
    return Case(run, NAMES, tuple(found), story, check)


def whole(lists):
    """Whether all are lists of whole numbers."""
    return all(type(one) is list and all(type(n) is int for n in one) for one in lists)


def prepared(c):
    """`pad_sequences`, `to_categorical`, `normalize`, beside plain loops."""
    which = c.one(("pad", "pad", "categories", "normalize"))
    rng = c.rng()
    if which == "pad":
        lists = [rng.integers(1, 9, c.whole(0, 5)).tolist() for _ in range(c.whole(0, 4))]
        if c.chance(8):
            lists.append(c.one((None, 3, "ab", [[1, 2]], [1.5], ["a"], [None], {"a": 1})))
        options = {}
        for name in c.several(("maxlen", "padding", "truncating", "value", "dtype"), 20):
            options[name] = c.one({
                "maxlen": (0, 1, 3, 10, -1, 2.5, "a"), "value": (0, -1, 2.5, "x", None),
                "dtype": ("int32", "float32", "a", object, "int8", None),
            }.get(name, ("pre", "post", "both", 3)))  # fmt: skip

        def run(plain):
            return preprocessing.sequence.pad_sequences(lists, **options)

        def check(answer):
            if set(options) - {"maxlen", "padding"} or not whole(lists):
                return
            most = options.get("maxlen", max(map(len, lists), default=0))
            rows = [one[-most:] if most else [] for one in lists]
            zeros = [[0] * (most - len(one)) for one in rows]
            pre = options.get("padding", "pre") == "pre"
            wanted = [z + one if pre else one + z for one, z in zip(rows, zeros)]
            if [one.tolist() for one in answer[0]] != wanted:
                yield "pad_sequences: unlike a loop"

        names = ("sequences", "maxlen", "padding", "truncating", "value", "dtype")
        return Case(run, names, (), f"pad {lists} {options}", check, finite=False)
    shape = c.one(((3,), (2, 2), (3, 1), (0,)))
    if which == "categories":
        x = given(c, rng.integers(0, 4, shape), 40, 0, 100_000)
        count = c.one((None, 4, 5, 2, 0, -1, 2.5, "a"))

        def run(plain):
            return preprocessing.categories.to_categorical(x.pick(plain), count)

        def check(answer):
            value = np.asarray(x.plain)
            value = value[..., 0] if value.ndim > 1 and value.shape[-1] == 1 else value
            if value.dtype.kind in "iu" and not np.array_equal(answer[0].argmax(-1), value):
                yield "to_categorical: unlike the classes"

        if x.wrong in ("objects", "strings", "100001", "1000000"):
            x.wrong = None
        return Case(run, ("x", "num_classes", "dtype", "to_categorical"), (x,),
                    f"to_categorical {x.story} {count}", check)  # fmt: skip
    x = given(c, rng.uniform(1, 2, shape), 40)
    if x.wrong in ("nan", "inf", "-inf", "masked"):
        x.wrong = None  # they become NaN, as in Keras
    axis, order = c.one((-1, 0, 1, 5, "a", 0.5)), c.one((2, 1, 0, -1, "a", float("inf")))

    def run(plain):
        found = preprocessing.categories.normalize(x.pick(plain), axis, order)
        return found.shape if order != 2 else np.nanmax(np.abs(found), initial=0) < 1.001

    return Case(run, ("x", "axis", "order"), (x,), f"normalize {x.story} {axis} {order}",
                finite=False)  # fmt: skip
